/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * "Is anybody still using this address?" (RFC 5227): asked on the wire before an address is taken
 * from a node that Corosync has lost. An answer means that the node is alive and only out of
 * Corosync's sight. IPv4 only.
 */
#pragma once

#include "node/config/config.h"

/* How long an answer may take. */
enum { TDM_PROBE_ANSWER_MS = 20 };

/* A packet socket that receives ARP replies and nothing else, non-blocking. TDM_ERR_PERM,
 * TDM_ERR_IO with diag. */
enum tdm_err tdm_probe_open(int *fd, struct tdm_diag *diag) TDM_MUST_USE;
/* Forget what came in before, then ask for every IPv4 address of the member. */
void tdm_probe_send(int fd, const struct tdm_config *config, tdm_member_id member);
/* Read what came in. True when another station holds one of the member's addresses, which is then
 * written to holder. */
bool tdm_probe_answered(int fd, const struct tdm_config *config, tdm_member_id member,
	char holder[TDM_ADDR_TEXT_MAX]);
