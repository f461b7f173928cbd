/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/actions.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/cluster.h"

enum {
	ITEMS_FIRST = 32,
	CHUNK_SIZE = 64 * 1024,
	CHUNK_ALIGN = 16,
	NOTE_MAX = 512,
};

/* Chunks are kept over a reset, so that a busy node stops allocating. */
struct chunk {
	struct chunk *next;
	size_t cap, used;
	_Alignas(CHUNK_ALIGN) uint8_t data[];
};

struct arena {
	struct chunk *first, *current;
	size_t front; /* items placed by tdm_actions_add_first */
};

void tdm_actions_init(struct tdm_actions *actions)
{
	*actions = (struct tdm_actions){ 0 };
}

void tdm_actions_reset(struct tdm_actions *actions)
{
	struct arena *arena = actions->arena;

	actions->len = 0;
	if (!arena)
		return;
	arena->front = 0;
	arena->current = arena->first;
	for (struct chunk *c = arena->first; c; c = c->next)
		c->used = 0;
}

void tdm_actions_deinit(struct tdm_actions *actions)
{
	struct arena *arena = actions->arena;

	while (arena && arena->first) {
		struct chunk *c = arena->first;

		arena->first = c->next;
		free(c);
	}
	free(arena);
	free(actions->items);
	*actions = (struct tdm_actions){ 0 };
}

static struct arena *arena_need(struct tdm_actions *actions)
{
	if (!actions->arena)
		actions->arena = calloc(1, sizeof(struct arena));
	return actions->arena;
}

static struct tdm_action *place_at(struct tdm_actions *actions, size_t at)
{
	static struct tdm_action nowhere;

	if (actions->len == actions->cap) {
		size_t cap = actions->cap ? 2 * actions->cap : ITEMS_FIRST;
		struct tdm_action *items = realloc(actions->items, cap * sizeof(*items));

		if (!items) {
			actions->lost = true;
			return &nowhere;
		}
		actions->items = items;
		actions->cap = cap;
	}
	memmove(&actions->items[at + 1], &actions->items[at],
		(actions->len - at) * sizeof(*actions->items));
	actions->len++;
	actions->items[at] = (struct tdm_action){ 0 };
	return &actions->items[at];
}

struct tdm_action *tdm_actions_add(struct tdm_actions *actions, enum tdm_action_kind kind)
{
	struct tdm_action *a = place_at(actions, actions->len);

	a->kind = kind;
	return a;
}

struct tdm_action *tdm_actions_add_first(struct tdm_actions *actions, enum tdm_action_kind kind)
{
	struct arena *arena = arena_need(actions);
	size_t at = arena ? arena->front++ : 0;
	struct tdm_action *a = place_at(actions, at);

	a->kind = kind;
	return a;
}

static struct chunk *chunk_new(size_t size)
{
	size_t cap = size > CHUNK_SIZE ? size : CHUNK_SIZE;
	struct chunk *c = malloc(sizeof(*c) + cap);

	if (c) {
		c->next = NULL;
		c->cap = cap;
		c->used = 0;
	}
	return c;
}

static uint8_t *arena_get(struct arena *arena, size_t size)
{
	struct chunk *c = arena->current;

	size = (size + CHUNK_ALIGN - 1) & ~(size_t)(CHUNK_ALIGN - 1);
	while (c && size > c->cap - c->used)
		c = c->next;
	if (!c) {
		c = chunk_new(size);
		if (!c)
			return NULL;
		c->next = arena->first;
		arena->first = c;
	}
	arena->current = c;
	c->used += size;
	return c->data + c->used - size;
}

uint8_t *tdm_actions_keep(struct tdm_actions *actions, const void *data, size_t len)
{
	struct arena *arena = arena_need(actions);
	uint8_t *p = arena ? arena_get(arena, len) : NULL;

	if (!p)
		actions->lost = true;
	else if (len)
		memcpy(p, data, len);
	return p;
}

void tdm_actions_note(struct tdm_actions *actions, bool warning, const char *fmt, ...)
{
	char text[NOTE_MAX];
	struct tdm_action *a;
	const uint8_t *kept;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0)
		return;
	kept = tdm_actions_keep(actions, text, strlen(text) + 1);
	if (!kept)
		return;
	a = tdm_actions_add(actions, TDM_ACTION_NOTE);
	a->note.warning = warning;
	a->note.text = (const char *)kept;
}

const char *tdm_role_name(enum tdm_role role)
{
	static const char *const names[TDM_ROLE_COUNT] = {
		[TDM_ROLE_NONE] = "none",
		[TDM_ROLE_ISOLATED] = "isolated",
		[TDM_ROLE_SYNCING] = "syncing",
		[TDM_ROLE_STANDBY] = "standby",
		[TDM_ROLE_PAUSED] = "paused",
		[TDM_ROLE_OWNER] = "owner",
	};

	return (unsigned)role < TDM_ROLE_COUNT ? names[role] : "unknown";
}

const char *tdm_verify_result_name(enum tdm_verify_result result)
{
	static const char *const names[TDM_VERIFY_RESULTS] = {
		[TDM_VERIFY_NONE] = "none",
		[TDM_VERIFY_EQUAL] = "equal",
		[TDM_VERIFY_REPAIRED] = "repaired",
		[TDM_VERIFY_DIFFERENT] = "different",
		[TDM_VERIFY_NO_ANSWER] = "no-answer",
		[TDM_VERIFY_ALONE] = "alone",
	};

	return (unsigned)result < TDM_VERIFY_RESULTS ? names[result] : "none";
}
