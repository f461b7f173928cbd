/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bounded queue of pointers from one thread to one other, without locks. The receiving loop is
 * woken through its uv_async_t.
 */
#pragma once

#include <stdatomic.h>
#include <uv.h>

#include "proto/err.h"

struct tdm_queue {
	void **slots;
	size_t mask;
	uv_async_t *wake;
	_Alignas(64) atomic_size_t head; /* next to read, written by the reader */
	_Alignas(64) atomic_size_t tail; /* next to write, written by the writer */
};

/* capacity is rounded up to a power of two. wake belongs to the reader's loop and outlives the
 * queue's use. TDM_ERR_NOMEM. */
enum tdm_err tdm_queue_init(
	struct tdm_queue *queue, size_t capacity, uv_async_t *wake) TDM_MUST_USE;
void tdm_queue_deinit(struct tdm_queue *queue);
/* Writer's side. The item belongs to the reader afterwards. TDM_ERR_FULL: it still belongs to the
 * caller. */
enum tdm_err tdm_queue_push(struct tdm_queue *queue, void *item) TDM_MUST_USE;
/* Reader's side. NULL when empty. */
void *tdm_queue_pop(struct tdm_queue *queue);
