/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bump allocator over the caller's memory, also in protobuf-c's shape: decoding a hostile message
 * can then cost no more than this memory, and freeing it is one assignment.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "proto/types.h"

struct tdm_arena {
	uint8_t *base; /* borrowed, aligned for any type */
	size_t cap, used;
};

void tdm_arena_init(struct tdm_arena *arena, void *memory, size_t cap);
void tdm_arena_reset(struct tdm_arena *arena);
/* Memory until the next reset, aligned for any type; NULL when there is no room. */
void *tdm_arena_get(struct tdm_arena *arena, size_t size);
/* arena must outlive the allocator. */
ProtobufCAllocator tdm_arena_allocator(struct tdm_arena *arena);
