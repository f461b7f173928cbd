/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A client that asks all the time whether the service address is there, by ARP and by ping. */
#pragma once

#include "tests/kernel/net.h"

struct probe {
	int arp_fd, ping_fd;
	uint16_t sequence;
	int64_t arp_us, ping_us; /* last answers; 0 = never */
};

void probe_open(struct probe *probe, const struct net *net);
/* Ask every interval_us for so long, note the answers. */
void probe_run(struct probe *probe, long ms, long interval_us);
void probe_close(struct probe *probe);
