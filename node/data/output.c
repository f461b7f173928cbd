/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Buffers are lent to connections for the time they have something to send: an idle tunnel holds
 * none. */
#include <stdlib.h>

#include "node/data/internal.h"

enum { POOL_KEEP = 64 };

struct tdm_outbuf *tdm_outpool_get(struct tdm_outpool *pool)
{
	struct tdm_outbuf *buf = pool->free;

	if (buf) {
		pool->free = buf->next;
		pool->free_len--;
	} else {
		buf = malloc(sizeof(*buf));
		if (!buf)
			return NULL;
	}
	buf->next = NULL;
	buf->len = 0;
	return buf;
}

void tdm_outpool_put(struct tdm_outpool *pool, struct tdm_outbuf *buf)
{
	if (!buf)
		return;
	if (pool->free_len >= POOL_KEEP) {
		free(buf);
		return;
	}
	buf->next = pool->free;
	pool->free = buf;
	pool->free_len++;
}

void tdm_outpool_deinit(struct tdm_outpool *pool)
{
	while (pool->free) {
		struct tdm_outbuf *buf = pool->free;

		pool->free = buf->next;
		free(buf);
	}
	pool->free_len = 0;
}
