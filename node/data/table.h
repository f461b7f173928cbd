/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hash tables with the nodes inside the caller's structures: adding and finding allocates nothing
 * but now and then a larger array of buckets. Two users: tunnels by session, tunnels by inner
 * address.
 */
#pragma once

#include "proto/err.h"
#include "proto/ip.h"

struct tdm_table_node {
	struct tdm_table_node *next;
	uint64_t hash;
	bool linked;
};

struct tdm_table {
	struct tdm_table_node **buckets;
	size_t mask, len;
};

enum tdm_err tdm_table_init(struct tdm_table *table) TDM_MUST_USE;
/* The nodes are their owners' business. */
void tdm_table_deinit(struct tdm_table *table);
/* The node must not be linked anywhere. Never fails: without memory the buckets get longer. */
void tdm_table_add(struct tdm_table *table, struct tdm_table_node *node, uint64_t hash);
/* A node that is not linked is fine. */
void tdm_table_remove(struct tdm_table *table, struct tdm_table_node *node);
/* Nodes with this hash, one after the other; NULL at the end. The caller compares keys. */
struct tdm_table_node *tdm_table_first(const struct tdm_table *table, uint64_t hash);
struct tdm_table_node *tdm_table_next(const struct tdm_table_node *node);

uint64_t tdm_table_hash_u64(uint64_t key);
uint64_t tdm_table_hash_ip(const struct tdm_ip *ip);
