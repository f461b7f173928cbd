/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An intrusive hash map: the link is a field of the owner's struct, the map never allocates for an
 * item. Keys are the owner's business: it finds by hash and compares itself. Hashes take a seed
 * drawn at start, so that nobody outside can aim at one bucket.
 */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

struct tdm_map_link {
	struct tdm_map_link *next;
	uint32_t hash;
};

struct tdm_map {
	struct tdm_map_link **buckets;
	size_t mask, len;
	uint64_t seed;
};

/* The struct that holds a link. */
#define TDM_MAP_ITEM(link, type, field) ((type *)(void *)((char *)(link)-offsetof(type, field)))

/* TDM_ERR_NOMEM. */
enum tdm_err tdm_map_init(struct tdm_map *map, uint64_t seed) TDM_MUST_USE;
void tdm_map_deinit(struct tdm_map *map); /* the items stay */

/* Every bit of v reaches every bit of the result (the finaliser of splitmix64); no seed. */
uint64_t tdm_map_mix(uint64_t v);
uint32_t tdm_map_hash_u64(const struct tdm_map *map, uint64_t key);
uint32_t tdm_map_hash_bytes(const struct tdm_map *map, const void *key, size_t len);

/* Add a link; a map that cannot grow gets slower, but never fails. */
void tdm_map_add(struct tdm_map *map, struct tdm_map_link *link, uint32_t hash);
/* The link must be in the map. */
void tdm_map_drop(struct tdm_map *map, struct tdm_map_link *link);
/* First link with this hash, and the next one after it; NULL at the end. */
struct tdm_map_link *tdm_map_find(const struct tdm_map *map, uint32_t hash);
struct tdm_map_link *tdm_map_next(const struct tdm_map_link *link);
