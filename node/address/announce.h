/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tell the neighbours who has an address now: gratuitous ARP (as request and as reply, because
 * some heed only one of them) and unsolicited neighbour advertisements. */
#pragma once

#include <net/if_arp.h>

#include "node/address/link.h"

struct tdm_arp_packet {
	struct arphdr header;
	uint8_t sender_mac[TDM_MAC_LEN], sender_ip[4];
	uint8_t target_mac[TDM_MAC_LEN], target_ip[4];
} __attribute__((packed));

/* A packet socket, opened at start and kept: closing one waits for the kernel. TDM_ERR_PERM,
 * TDM_ERR_IO with diag. */
enum tdm_err tdm_announce_open(int *fd, struct tdm_diag *diag) TDM_MUST_USE;
/* Nothing when the interface has no neighbours to tell. Failures are not reported: the next
 * announcement is not far. */
void tdm_announce(int fd, const struct tdm_interface *interface, const struct tdm_ip *ip);
/* Ask who has an address, without claiming it. */
void tdm_announce_ask(int fd, const struct tdm_interface *interface, const struct tdm_ip *ip);
