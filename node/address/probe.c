/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/address/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>

#include "node/address/announce.h"
#include "node/address/service.h"

/* Offset of the operation in an ARP packet, as the filter sees it. */
enum { ARP_OPERATION_AT = 6, FILTER_TAKE_ALL = 0xffff };

enum tdm_err tdm_probe_open(int *fd, struct tdm_diag *diag)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ARP_OPERATION_AT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPOP_REPLY, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, FILTER_TAKE_ALL),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_ARP) };

	/* protocol 0 until the filter is in place: nothing is received before */
	*fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd >= 0 &&
		setsockopt(*fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0 &&
		bind(*fd, (struct sockaddr *)&all, sizeof(all)) == 0)
		return TDM_OK;
	return tdm_diag_set(diag, errno == EPERM ? TDM_ERR_PERM : TDM_ERR_IO, "ARP socket: %s",
		strerror(errno));
}

void tdm_probe_send(int fd, const struct tdm_config *config, tdm_member_id member)
{
	struct tdm_service services[TDM_SERVICES_MAX];
	size_t len = tdm_service_list(config, member, services);
	char stale[TDM_ADDR_TEXT_MAX];

	(void)tdm_probe_answered(fd, config, member, stale);
	for (size_t i = 0; i < len; i++) {
		struct tdm_interface interface;

		if (tdm_link_interface(services[i].interface, &interface, NULL) == TDM_OK)
			tdm_announce_ask(fd, &interface, &services[i].prefix.ip);
	}
}

static bool is_ours(const struct sockaddr_ll *from, const struct tdm_service *service)
{
	struct tdm_interface interface;

	return tdm_link_interface(service->interface, &interface, NULL) == TDM_OK &&
	       interface.index == from->sll_ifindex;
}

/* A reply of another station about an address of the list. */
static const struct tdm_service *match(const struct tdm_arp_packet *packet,
	const struct sockaddr_ll *from, const struct tdm_service *services, size_t len)
{
	if (from->sll_pkttype == PACKET_OUTGOING)
		return NULL;
	for (size_t i = 0; i < len; i++)
		if (services[i].prefix.ip.family == 4 &&
			memcmp(packet->sender_ip, services[i].prefix.ip.addr,
				sizeof(packet->sender_ip)) == 0 &&
			is_ours(from, &services[i]))
			return &services[i];
	return NULL;
}

bool tdm_probe_answered(int fd, const struct tdm_config *config, tdm_member_id member,
	char holder[TDM_ADDR_TEXT_MAX])
{
	struct tdm_service services[TDM_SERVICES_MAX];
	size_t len = tdm_service_list(config, member, services);
	bool answered = false;

	for (;;) {
		struct tdm_arp_packet packet;
		struct sockaddr_ll from = { 0 };
		socklen_t from_len = sizeof(from);
		const struct tdm_service *found;
		ssize_t n = recvfrom(
			fd, &packet, sizeof(packet), 0, (struct sockaddr *)&from, &from_len);

		if (n < 0)
			return answered;
		found = n == (ssize_t)sizeof(packet) ? match(&packet, &from, services, len) : NULL;
		if (found) {
			tdm_ip_text(&found->prefix.ip, holder);
			answered = true;
		}
	}
}
