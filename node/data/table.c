/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/data/table.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS_START = 64 };

enum tdm_err tdm_table_init(struct tdm_table *table)
{
	table->buckets = calloc(BUCKETS_START, sizeof(*table->buckets));
	table->mask = BUCKETS_START - 1;
	table->len = 0;
	return table->buckets ? TDM_OK : TDM_ERR_NOMEM;
}

void tdm_table_deinit(struct tdm_table *table)
{
	free(table->buckets);
	table->buckets = NULL;
}

static void link_node(struct tdm_table *table, struct tdm_table_node *node)
{
	struct tdm_table_node **bucket = &table->buckets[node->hash & table->mask];

	node->next = *bucket;
	*bucket = node;
}

static void grow(struct tdm_table *table)
{
	struct tdm_table old = *table;
	size_t n = 2 * (old.mask + 1);
	struct tdm_table_node **buckets = calloc(n, sizeof(*buckets));

	if (!buckets)
		return;
	table->buckets = buckets;
	table->mask = n - 1;
	for (size_t i = 0; i <= old.mask; i++)
		for (struct tdm_table_node *node = old.buckets[i], *next; node; node = next) {
			next = node->next;
			link_node(table, node);
		}
	free(old.buckets);
}

void tdm_table_add(struct tdm_table *table, struct tdm_table_node *node, uint64_t hash)
{
	if (table->len > table->mask)
		grow(table);
	node->hash = hash;
	node->linked = true;
	link_node(table, node);
	table->len++;
}

void tdm_table_remove(struct tdm_table *table, struct tdm_table_node *node)
{
	struct tdm_table_node **at;

	if (!node->linked)
		return;
	for (at = &table->buckets[node->hash & table->mask]; *at != node; at = &(*at)->next)
		;
	*at = node->next;
	node->next = NULL;
	node->linked = false;
	table->len--;
}

static struct tdm_table_node *with_hash(struct tdm_table_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct tdm_table_node *tdm_table_first(const struct tdm_table *table, uint64_t hash)
{
	return with_hash(table->buckets[hash & table->mask], hash);
}

struct tdm_table_node *tdm_table_next(const struct tdm_table_node *node)
{
	return with_hash(node->next, node->hash);
}

/* The finalizer of splitmix64: every bit of the key reaches the low bits. */
uint64_t tdm_table_hash_u64(uint64_t key)
{
	key = (key ^ (key >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	key = (key ^ (key >> 27)) * UINT64_C(0x94d049bb133111eb);
	return key ^ (key >> 31);
}

uint64_t tdm_table_hash_ip(const struct tdm_ip *ip)
{
	uint64_t high, low;

	memcpy(&high, ip->addr, sizeof(high));
	memcpy(&low, ip->addr + sizeof(high), sizeof(low));
	return tdm_table_hash_u64(high ^ tdm_table_hash_u64(low ^ ip->family));
}
