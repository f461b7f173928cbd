/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Byte strings that many sessions share, stored once and counted: policies and user names. */
#pragma once

#include "proto/record.h"
#include "replication/map.h"

struct tdm_entry;

struct tdm_shared {
	struct tdm_map_link link;
	uint32_t refs;
	uint32_t len;
	union {
		struct tdm_entry
			*sessions;         /* user names: that user's; NULL before the last unref */
		struct tdm_policy *policy; /* policies: the decoded value, owned */
	};
	uint64_t digest; /* policies: of the bytes */
	uint8_t bytes[]; /* with a NUL behind */
};

/* The shared string of these bytes with one more reference, NULL without memory. */
struct tdm_shared *tdm_shared_ref(struct tdm_map *map, const void *bytes, size_t len);
/* The same without a reference; NULL when there is none. */
struct tdm_shared *tdm_shared_find(const struct tdm_map *map, const void *bytes, size_t len);
/* Give a reference back; NULL is fine. */
void tdm_shared_unref(struct tdm_map *map, struct tdm_shared *shared);
