/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernel/capture.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

int capture_open(const struct net *net)
{
	struct sockaddr_ll where = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = net->client_index };
	int fd = net_client_socket(net, AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));

	cr_assert_eq(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
	return fd;
}

static bool is_service(const void *ip)
{
	uint8_t service[4];

	inet_pton(AF_INET, NET_SERVICE, service);
	return memcmp(ip, service, sizeof(service)) == 0;
}

static void note_time(struct capture *c)
{
	c->last_us = net_now_us();
	if (!c->first_us)
		c->first_us = c->last_us;
}

static void note_tcp(struct capture *c, const struct tcphdr *tcp)
{
	c->packets++;
	c->fin += tcp->fin;
	c->rst_ack += tcp->rst && tcp->ack;
	c->rst += tcp->rst && !tcp->ack;
}

static void note_ip4(struct capture *c, const uint8_t *data, size_t len)
{
	struct iphdr ip;
	size_t offset;

	if (len < sizeof(ip))
		return;
	memcpy(&ip, data, sizeof(ip));
	offset = (size_t)ip.ihl * 4;
	if (ip.protocol == IPPROTO_ICMP && len > offset)
		c->icmp_errors += data[offset] == ICMP_DEST_UNREACH ||
				  data[offset] == ICMP_REDIRECT ||
				  data[offset] == ICMP_TIME_EXCEEDED;
	if (!is_service(&ip.saddr))
		return;
	note_time(c);
	if (ip.protocol == IPPROTO_TCP && len >= offset + sizeof(struct tcphdr)) {
		struct tcphdr tcp;

		memcpy(&tcp, data + offset, sizeof(tcp));
		note_tcp(c, &tcp);
	}
}

static void note_ip6(struct capture *c, const uint8_t *data, size_t len)
{
	uint8_t service[16], all_nodes[16];
	const size_t target =
		sizeof(struct ip6_hdr) + offsetof(struct nd_neighbor_advert, nd_na_target);
	struct ip6_hdr ip;

	if (len < target + sizeof(service))
		return;
	inet_pton(AF_INET6, NET_SERVICE6, service);
	inet_pton(AF_INET6, "ff02::1", all_nodes);
	memcpy(&ip, data, sizeof(ip));
	c->advertisements += ip.ip6_nxt == IPPROTO_ICMPV6 &&
			     data[sizeof(ip)] == ND_NEIGHBOR_ADVERT &&
			     memcmp(&ip.ip6_dst, all_nodes, sizeof(all_nodes)) == 0 &&
			     memcmp(data + target, service, sizeof(service)) == 0;
}

static void note_arp(struct capture *c, const uint8_t *data, size_t len)
{
	const size_t sender_ip = 14, target_ip = 24, end = 28;

	if (len < end || !is_service(data + sender_ip) || !is_service(data + target_ip))
		return;
	c->arp_requests += data[7] == ARPOP_REQUEST;
	c->arp_replies += data[7] == ARPOP_REPLY;
}

struct capture capture_run(int fd, long ms)
{
	struct capture c = { 0 };
	int64_t end = net_now_us() + ms * 1000;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint8_t data[2048];

	for (;;) {
		struct sockaddr_ll from;
		socklen_t from_len = sizeof(from);
		int64_t left = end - net_now_us();
		ssize_t len;

		if (left <= 0 || poll(&pfd, 1, (int)(left / 1000 + 1)) <= 0)
			return c;
		len = recvfrom(
			fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
		if (len <= 0 || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		if (from.sll_protocol == htons(ETH_P_IP))
			note_ip4(&c, data, (size_t)len);
		else if (from.sll_protocol == htons(ETH_P_IPV6))
			note_ip6(&c, data, (size_t)len);
		else if (from.sll_protocol == htons(ETH_P_ARP))
			note_arp(&c, data, (size_t)len);
	}
}
