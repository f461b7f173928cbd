/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/address/announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { IPV4_LEN = 4, IPV6_LEN = 16, HOP_LIMIT = 255 };

static const uint8_t broadcast[TDM_MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t all_nodes_mac[TDM_MAC_LEN] = { 0x33, 0x33, 0, 0, 0, 1 };
static const uint8_t all_nodes[IPV6_LEN] = { 0xff, 0x02, [15] = 1 };

/* RFC 4861 section 4.4 with its only option for an advertisement. */
struct advertisement {
	struct ip6_hdr ip;
	struct nd_neighbor_advert nd;
	uint8_t option_type, option_units, mac[TDM_MAC_LEN];
} __attribute__((packed));

enum tdm_err tdm_announce_open(int *fd, struct tdm_diag *diag)
{
	/* Protocol 0: it never receives. */
	*fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (*fd >= 0)
		return TDM_OK;
	return tdm_diag_set(diag, errno == EPERM ? TDM_ERR_PERM : TDM_ERR_IO, "packet socket: %s",
		strerror(errno));
}

static void send_frame(int fd, const struct tdm_interface *interface, uint16_t protocol,
	const uint8_t to[TDM_MAC_LEN], const void *data, size_t len)
{
	struct sockaddr_ll target = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = interface->index,
		.sll_halen = TDM_MAC_LEN,
	};
	ssize_t sent;

	memcpy(target.sll_addr, to, TDM_MAC_LEN);
	sent = sendto(fd, data, len, MSG_DONTWAIT, (struct sockaddr *)&target, sizeof(target));
	(void)sent;
}

static struct tdm_arp_packet arp(
	const struct tdm_interface *interface, const struct tdm_ip *ip, uint16_t operation)
{
	struct tdm_arp_packet packet = {
		.header = {
			.ar_hrd = htons(ARPHRD_ETHER),
			.ar_pro = htons(ETHERTYPE_IP),
			.ar_hln = TDM_MAC_LEN,
			.ar_pln = IPV4_LEN,
			.ar_op = htons(operation),
		},
	};

	memcpy(packet.sender_mac, interface->mac, TDM_MAC_LEN);
	memcpy(packet.target_ip, ip->addr, IPV4_LEN);
	return packet;
}

static void announce4(
	int fd, const struct tdm_interface *interface, const struct tdm_ip *ip, uint16_t operation)
{
	struct tdm_arp_packet packet = arp(interface, ip, operation);

	memcpy(packet.sender_ip, ip->addr, IPV4_LEN);
	if (operation == ARPOP_REPLY)
		memcpy(packet.target_mac, interface->mac, TDM_MAC_LEN);
	send_frame(fd, interface, ETHERTYPE_ARP, broadcast, &packet, sizeof(packet));
}

void tdm_announce_ask(int fd, const struct tdm_interface *interface, const struct tdm_ip *ip)
{
	/* a sender address of 0.0.0.0 changes nobody's cache (RFC 5227 section 2.1.1) */
	struct tdm_arp_packet packet = arp(interface, ip, ARPOP_REQUEST);

	if (interface->ethernet && ip->family == 4)
		send_frame(fd, interface, ETHERTYPE_ARP, broadcast, &packet, sizeof(packet));
}

static uint32_t sum16(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

/* RFC 4443 section 2.3; everything here has an even length. */
static uint16_t checksum(const struct advertisement *packet)
{
	const size_t len = sizeof(*packet) - sizeof(packet->ip);
	uint32_t sum = (uint32_t)len + IPPROTO_ICMPV6;

	sum = sum16(sum, &packet->ip.ip6_src, sizeof(packet->ip.ip6_src));
	sum = sum16(sum, &packet->ip.ip6_dst, sizeof(packet->ip.ip6_dst));
	sum = sum16(sum, &packet->nd, len);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* A router that says that it is none loses its place in its neighbours' tables. */
static bool forwards6(const struct tdm_interface *interface)
{
	char name[IF_NAMESIZE], path[64 + IF_NAMESIZE];
	FILE *file;
	int value;

	if (!if_indextoname((unsigned)interface->index, name))
		return false;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/forwarding", name);
	file = fopen(path, "re");
	if (!file)
		return false;
	value = fgetc(file);
	fclose(file);
	return value != EOF && value != '0';
}

static void announce6(int fd, const struct tdm_interface *interface, const struct tdm_ip *ip)
{
	struct advertisement packet = {
		.ip = {
			.ip6_flow = htonl(6u << 28),
			.ip6_plen = htons(sizeof(packet) - sizeof(packet.ip)),
			.ip6_nxt = IPPROTO_ICMPV6,
			.ip6_hlim = HOP_LIMIT,
		},
		.option_type = ND_OPT_TARGET_LINKADDR,
		.option_units = 1,
	};

	memcpy(&packet.ip.ip6_src, ip->addr, IPV6_LEN);
	memcpy(&packet.ip.ip6_dst, all_nodes, IPV6_LEN);
	packet.nd.nd_na_type = ND_NEIGHBOR_ADVERT;
	packet.nd.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
	if (forwards6(interface))
		packet.nd.nd_na_flags_reserved |= ND_NA_FLAG_ROUTER;
	memcpy(&packet.nd.nd_na_target, ip->addr, IPV6_LEN);
	memcpy(packet.mac, interface->mac, TDM_MAC_LEN);
	packet.nd.nd_na_cksum = checksum(&packet);
	send_frame(fd, interface, ETHERTYPE_IPV6, all_nodes_mac, &packet, sizeof(packet));
}

void tdm_announce(int fd, const struct tdm_interface *interface, const struct tdm_ip *ip)
{
	if (!interface->ethernet)
		return;
	if (ip->family == 6) {
		announce6(fd, interface, ip);
		return;
	}
	announce4(fd, interface, ip, ARPOP_REQUEST);
	announce4(fd, interface, ip, ARPOP_REPLY);
}
