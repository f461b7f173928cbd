/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/map.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS_FIRST = 64 };

enum tdm_err tdm_map_init(struct tdm_map *map, uint64_t seed)
{
	*map = (struct tdm_map){ .mask = BUCKETS_FIRST - 1, .seed = seed };
	map->buckets = calloc(BUCKETS_FIRST, sizeof(struct tdm_map_link *));
	return map->buckets ? TDM_OK : TDM_ERR_NOMEM;
}

void tdm_map_deinit(struct tdm_map *map)
{
	free(map->buckets);
	*map = (struct tdm_map){ 0 };
}

uint64_t tdm_map_mix(uint64_t v)
{
	v ^= v >> 30;
	v *= 0xbf58476d1ce4e5b9u;
	v ^= v >> 27;
	v *= 0x94d049bb133111ebu;
	return v ^ (v >> 31);
}

uint32_t tdm_map_hash_u64(const struct tdm_map *map, uint64_t key)
{
	return (uint32_t)tdm_map_mix(tdm_map_mix(key ^ map->seed) + map->seed);
}

uint32_t tdm_map_hash_bytes(const struct tdm_map *map, const void *key, size_t len)
{
	const uint8_t *p = key;
	uint64_t h = tdm_map_mix(map->seed ^ len), word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = tdm_map_mix(h ^ word) + map->seed;
	}
	if (len) {
		word = 0;
		memcpy(&word, p, len);
		h = tdm_map_mix(h ^ word) + map->seed;
	}
	return (uint32_t)tdm_map_mix(h);
}

static void grow(struct tdm_map *map)
{
	size_t n = 2 * (map->mask + 1);
	struct tdm_map_link **buckets = calloc(n, sizeof(*buckets));

	if (!buckets)
		return;
	for (size_t i = 0; i <= map->mask; i++) {
		struct tdm_map_link *link = map->buckets[i];

		while (link) {
			struct tdm_map_link *next = link->next;
			struct tdm_map_link **head = &buckets[link->hash & (n - 1)];

			link->next = *head;
			*head = link;
			link = next;
		}
	}
	free(map->buckets);
	map->buckets = buckets;
	map->mask = n - 1;
}

void tdm_map_add(struct tdm_map *map, struct tdm_map_link *link, uint32_t hash)
{
	struct tdm_map_link **head;

	if (map->len > map->mask)
		grow(map);
	head = &map->buckets[hash & map->mask];
	link->hash = hash;
	link->next = *head;
	*head = link;
	map->len++;
}

void tdm_map_drop(struct tdm_map *map, struct tdm_map_link *link)
{
	struct tdm_map_link **at = &map->buckets[link->hash & map->mask];

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	link->next = NULL;
	map->len--;
}

struct tdm_map_link *tdm_map_find(const struct tdm_map *map, uint32_t hash)
{
	struct tdm_map_link *link = map->buckets[hash & map->mask];

	while (link && link->hash != hash)
		link = link->next;
	return link;
}

struct tdm_map_link *tdm_map_next(const struct tdm_map_link *link)
{
	struct tdm_map_link *next = link->next;

	while (next && next->hash != link->hash)
		next = next->next;
	return next;
}
