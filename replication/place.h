/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who should own a member. Pure, and evaluated only at points that are ordered for all nodes, so
 * that all agree without another round. Quorum is no argument: it decides when a node acts on it.
 */
#pragma once

#include "proto/types.h"

struct tdm_place_node {
	tdm_node_id id;
	bool present; /* in the view */
	bool synced;  /* has the whole table, and may serve with its configuration */
};

/* The staged owner of a member: the current one while it can (sticky), else the first of the
 * member's nodes that can, 0 when none can. */
tdm_node_id tdm_place(const tdm_node_id *order, size_t order_len,
	const struct tdm_place_node *nodes, size_t nodes_len, tdm_node_id current);
