/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deadlines of numbered things, the earliest first: each number is in it once or not at all. */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

struct tdm_load_heap {
	size_t count;
	uint32_t *order;  /* numbers, a binary heap by time */
	int64_t *time_us; /* by number */
	uint32_t *place;  /* by number: index in order + 1, 0 = not in it */
};

/* Room for numbers 0..size-1. TDM_ERR_NOMEM. */
enum tdm_err tdm_load_heap_init(struct tdm_load_heap *h, size_t size) TDM_MUST_USE;
void tdm_load_heap_deinit(struct tdm_load_heap *h);
/* Set or move the deadline of a number; TDM_NEVER takes it out. */
void tdm_load_heap_set(struct tdm_load_heap *h, uint32_t number, int64_t time_us);
/* The earliest deadline, TDM_NEVER if there is none; *number says whose. */
int64_t tdm_load_heap_first(const struct tdm_load_heap *h, uint32_t *number);
