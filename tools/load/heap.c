/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/heap.h"

#include <stdlib.h>

enum tdm_err tdm_load_heap_init(struct tdm_load_heap *h, size_t size)
{
	*h = (struct tdm_load_heap){
		.order = calloc(size, sizeof(*h->order)),
		.time_us = calloc(size, sizeof(*h->time_us)),
		.place = calloc(size, sizeof(*h->place)),
	};
	if (h->order && h->time_us && h->place)
		return TDM_OK;
	tdm_load_heap_deinit(h);
	return TDM_ERR_NOMEM;
}

void tdm_load_heap_deinit(struct tdm_load_heap *h)
{
	free(h->order);
	free(h->time_us);
	free(h->place);
	*h = (struct tdm_load_heap){ 0 };
}

static void put(struct tdm_load_heap *h, size_t at, uint32_t number)
{
	h->order[at] = number;
	h->place[number] = (uint32_t)at + 1;
}

/* Move the hole at `at` up until number fits there. */
static void sift_up(struct tdm_load_heap *h, size_t at, uint32_t number)
{
	while (at > 0) {
		size_t parent = (at - 1) / 2;

		if (h->time_us[h->order[parent]] <= h->time_us[number])
			break;
		put(h, at, h->order[parent]);
		at = parent;
	}
	put(h, at, number);
}

static void sift_down(struct tdm_load_heap *h, size_t at, uint32_t number)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < h->count &&
			h->time_us[h->order[child + 1]] < h->time_us[h->order[child]])
			child++;
		if (child >= h->count || h->time_us[h->order[child]] >= h->time_us[number])
			break;
		put(h, at, h->order[child]);
		at = child;
	}
	put(h, at, number);
}

static void settle(struct tdm_load_heap *h, size_t at, uint32_t number)
{
	if (at > 0 && h->time_us[h->order[(at - 1) / 2]] > h->time_us[number])
		sift_up(h, at, number);
	else
		sift_down(h, at, number);
}

void tdm_load_heap_set(struct tdm_load_heap *h, uint32_t number, int64_t time_us)
{
	size_t at = h->place[number];

	h->time_us[number] = time_us;
	if (time_us == TDM_NEVER) {
		if (at == 0)
			return;
		h->place[number] = 0;
		h->count--;
		if (at - 1 < h->count)
			settle(h, at - 1, h->order[h->count]);
	} else {
		settle(h, at > 0 ? at - 1 : h->count++, number);
	}
}

int64_t tdm_load_heap_first(const struct tdm_load_heap *h, uint32_t *number)
{
	if (h->count == 0)
		return TDM_NEVER;
	*number = h->order[0];
	return h->time_us[*number];
}
