/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernel/probe.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct arp {
	struct arphdr header;
	uint8_t sender_mac[6], sender_ip[4], target_mac[6], target_ip[4];
} __attribute__((packed));

static struct sockaddr_ll everybody(const struct net *net)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP),
		.sll_ifindex = net->client_index,
		.sll_halen = 6 };

	memset(to.sll_addr, 0xff, 6);
	return to;
}

void probe_open(struct probe *probe, const struct net *net)
{
	struct sockaddr_in service = { .sin_family = AF_INET };
	struct sockaddr_ll to = everybody(net);

	*probe = (struct probe){ 0 };
	inet_pton(AF_INET, NET_SERVICE, &service.sin_addr);
	probe->arp_fd = net_client_socket(net, AF_PACKET, SOCK_DGRAM, htons(ETH_P_ARP));
	cr_assert_eq(bind(probe->arp_fd, (struct sockaddr *)&to, sizeof(to)), 0);
	probe->ping_fd = net_client_socket(net, AF_INET, SOCK_RAW, IPPROTO_ICMP);
	cr_assert_eq(connect(probe->ping_fd, (struct sockaddr *)&service, sizeof(service)), 0);
}

static void ask_arp(struct probe *probe)
{
	struct arp ask = { .header = { htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), 6, 4,
				   htons(ARPOP_REQUEST) } };
	struct sockaddr_ll to;
	socklen_t len = sizeof(to);

	cr_assert_eq(getsockname(probe->arp_fd, (struct sockaddr *)&to, &len), 0);
	memcpy(ask.sender_mac, to.sll_addr, 6);
	inet_pton(AF_INET, NET_CLIENT, ask.sender_ip);
	inet_pton(AF_INET, NET_SERVICE, ask.target_ip);
	to.sll_halen = 6;
	memset(to.sll_addr, 0xff, 6);
	cr_assert_eq(
		sendto(probe->arp_fd, &ask, sizeof(ask), 0, (struct sockaddr *)&to, sizeof(to)),
		sizeof(ask));
}

static void ask_ping(struct probe *probe)
{
	struct icmphdr ask = { .type = ICMP_ECHO };
	uint32_t sum;

	ask.un.echo.sequence = htons(++probe->sequence);
	sum = (uint32_t)ntohs(ask.un.echo.sequence) + (ICMP_ECHO << 8);
	ask.checksum = htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
	(void)!send(probe->ping_fd, &ask, sizeof(ask), MSG_DONTWAIT);
}

static void hear_arp(struct probe *probe)
{
	uint8_t service[4], client[4];
	struct arp heard;

	inet_pton(AF_INET, NET_SERVICE, service);
	inet_pton(AF_INET, NET_CLIENT, client);
	while (recv(probe->arp_fd, &heard, sizeof(heard), MSG_DONTWAIT) == sizeof(heard))
		if (heard.header.ar_op == htons(ARPOP_REPLY) &&
			memcmp(heard.sender_ip, service, sizeof(service)) == 0 &&
			memcmp(heard.target_ip, client, sizeof(client)) == 0) /* no announcement */
			probe->arp_us = net_now_us();
}

static void hear_ping(struct probe *probe)
{
	struct {
		struct iphdr ip;
		struct icmphdr icmp;
	} heard;

	while (recv(probe->ping_fd, &heard, sizeof(heard), MSG_DONTWAIT) == sizeof(heard))
		if (heard.icmp.type == ICMP_ECHOREPLY)
			probe->ping_us = net_now_us();
}

void probe_run(struct probe *probe, long ms, long interval_us)
{
	int64_t end = net_now_us() + ms * 1000, next = net_now_us();
	struct pollfd fds[] = { { .fd = probe->arp_fd, .events = POLLIN },
		{ .fd = probe->ping_fd, .events = POLLIN } };

	while (net_now_us() < end) {
		int64_t wait = next - net_now_us();
		struct timespec t = { 0, wait > 0 ? wait * 1000 : 0 };

		if (wait <= 0) {
			next += interval_us;
			ask_arp(probe);
			ask_ping(probe);
			continue;
		}
		if (ppoll(fds, 2, &t, NULL) > 0) {
			hear_arp(probe);
			hear_ping(probe);
		}
	}
}

void probe_close(struct probe *probe)
{
	close(probe->arp_fd);
	close(probe->ping_fd);
}
