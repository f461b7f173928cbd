/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What arrives at the client from the service address. */
#pragma once

#include "tests/kernel/net.h"

struct capture {
	unsigned packets;                   /* of TCP */
	unsigned fin;                       /* TCP with FIN */
	unsigned rst_ack;                   /* TCP with RST and ACK */
	unsigned rst;                       /* TCP with RST alone: the answer to a stale segment */
	unsigned icmp_errors;               /* unreachable, redirect, time exceeded, from anybody */
	unsigned arp_requests, arp_replies; /* gratuitous ones */
	unsigned advertisements;            /* unsolicited, of IPv6 */
	int64_t first_us, last_us;          /* of any packet from the service address, ARP aside */
};

int capture_open(const struct net *net);
/* Read what comes for so long; counts start at 0. */
struct capture capture_run(int fd, long ms);
