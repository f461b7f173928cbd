/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/intern.h"

#include <stdlib.h>
#include <string.h>

static struct tdm_shared *find(
	const struct tdm_map *map, uint32_t hash, const void *bytes, size_t len)
{
	for (struct tdm_map_link *l = tdm_map_find(map, hash); l; l = tdm_map_next(l)) {
		struct tdm_shared *s = TDM_MAP_ITEM(l, struct tdm_shared, link);

		if (s->len == len && (!len || !memcmp(s->bytes, bytes, len)))
			return s;
	}
	return NULL;
}

struct tdm_shared *tdm_shared_find(const struct tdm_map *map, const void *bytes, size_t len)
{
	return find(map, tdm_map_hash_bytes(map, bytes, len), bytes, len);
}

struct tdm_shared *tdm_shared_ref(struct tdm_map *map, const void *bytes, size_t len)
{
	uint32_t hash = tdm_map_hash_bytes(map, bytes, len);
	struct tdm_shared *s = find(map, hash, bytes, len);

	if (!s) {
		if (len > UINT32_MAX)
			return NULL;
		s = malloc(sizeof(*s) + len + 1);
		if (!s)
			return NULL;
		*s = (struct tdm_shared){ .len = (uint32_t)len };
		if (len)
			memcpy(s->bytes, bytes, len);
		s->bytes[len] = 0;
		tdm_map_add(map, &s->link, hash);
	}
	s->refs++;
	return s;
}

void tdm_shared_unref(struct tdm_map *map, struct tdm_shared *s)
{
	if (!s || --s->refs)
		return;
	tdm_map_drop(map, &s->link);
	free(s->policy);
	free(s);
}
