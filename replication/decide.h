/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The decision at the end of a round of hellos. Pure: every node has the same hellos and comes to
 * the same result. The primary component is that of the synced node that serves with the
 * highest epoch; when none serves, of the one that knows the highest epoch, then of the lowest id.
 * Who is not in it syncs from it.
 */
#pragma once

#include "proto/envelope.h"

struct tdm_decide_node {
	struct tdm_peer_ref who;
	const struct tdm_hello *hello;
	bool demoted; /* while the round was on: its claim to be synced is void */
};

struct tdm_decision {
	bool cold;      /* nobody is synced */
	size_t primary; /* position; meaningless when cold */
	bool synced[TDM_NODES_MAX];
	/* highest known ownership per member; owner 0 when it is not among the synced */
	struct tdm_ownership owned[TDM_MEMBERS_MAX];
	size_t owned_len;
	struct tdm_epoch served[TDM_MEMBERS_MAX]; /* by whom it is served now, 0 = by nobody */
};

void tdm_decide(const struct tdm_decide_node *nodes, size_t len, struct tdm_decision *out);
