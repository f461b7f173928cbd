/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/queue.h"

#include <stdlib.h>

enum tdm_err tdm_queue_init(struct tdm_queue *queue, size_t capacity, uv_async_t *wake)
{
	size_t n = 1;

	while (n < capacity)
		n <<= 1;
	queue->slots = calloc(n, sizeof(*queue->slots));
	if (!queue->slots)
		return TDM_ERR_NOMEM;
	queue->mask = n - 1;
	queue->wake = wake;
	atomic_init(&queue->head, 0);
	atomic_init(&queue->tail, 0);
	return TDM_OK;
}

void tdm_queue_deinit(struct tdm_queue *queue)
{
	free(queue->slots);
	queue->slots = NULL;
}

enum tdm_err tdm_queue_push(struct tdm_queue *queue, void *item)
{
	size_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
	size_t head = atomic_load_explicit(&queue->head, memory_order_acquire);

	if (tail - head > queue->mask)
		return TDM_ERR_FULL;
	queue->slots[tail & queue->mask] = item;
	atomic_store_explicit(&queue->tail, tail + 1, memory_order_release);
	uv_async_send(queue->wake);
	return TDM_OK;
}

void *tdm_queue_pop(struct tdm_queue *queue)
{
	size_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
	void *item;

	if (head == atomic_load_explicit(&queue->tail, memory_order_acquire))
		return NULL;
	item = queue->slots[head & queue->mask];
	atomic_store_explicit(&queue->head, head + 1, memory_order_release);
	return item;
}
