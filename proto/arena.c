/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/arena.h"

enum { ARENA_ALIGN = 16 };

void tdm_arena_init(struct tdm_arena *arena, void *memory, size_t cap)
{
	arena->base = memory;
	arena->cap = cap;
	arena->used = 0;
}

void tdm_arena_reset(struct tdm_arena *arena)
{
	arena->used = 0;
}

void *tdm_arena_get(struct tdm_arena *arena, size_t size)
{
	size_t room = arena->cap - arena->used;
	void *p;

	if (size > room)
		return NULL;
	p = arena->base + arena->used;
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	arena->used += size < room ? size : room;
	return p;
}

static void *arena_alloc(void *ctx, size_t size)
{
	return tdm_arena_get(ctx, size);
}

static void arena_free(void *ctx, void *p)
{
	(void)ctx;
	(void)p;
}

ProtobufCAllocator tdm_arena_allocator(struct tdm_arena *arena)
{
	return (ProtobufCAllocator){
		.alloc = arena_alloc, .free = arena_free, .allocator_data = arena
	};
}
