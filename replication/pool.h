/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IPv4 leases of one member's pools. The session table says who holds what; this only says what is
 * free. Bits, not lists: an address is free, used, or cooling. It cools from the end of its session
 * until every synced node is known to have heard of that end: two generations, so that one fence
 * message frees all that had ended before it was sent.
 */
#pragma once

#include "proto/err.h"
#include "proto/ip.h"

enum { TDM_POOL_RANGES_MAX = 8 };

struct tdm_pool {
	struct {
		uint32_t first; /* host order */
		uint32_t count; /* addresses, network and broadcast included */
		uint32_t bit;   /* of the first address */
		uint8_t len;    /* of the prefix */
	} ranges[TDM_POOL_RANGES_MAX];
	size_t ranges_len;
	uint64_t *never, *used, *cooling, *ended;
	uint32_t bits, cursor;
	size_t size;     /* addresses that can be leased at all */
	size_t used_len; /* leased now */
	bool any_ended, any_cooling;
};

/* Network and broadcast (shorter than /31), reserved, and what an earlier prefix covers are never
 * leased. TDM_ERR_NOMEM; TDM_ERR_INVAL: not IPv4, or larger than /8 in sum. */
enum tdm_err tdm_pool_init(struct tdm_pool *pool, const struct tdm_prefix *prefixes, size_t len,
	const struct tdm_ip *reserved) TDM_MUST_USE;
void tdm_pool_deinit(struct tdm_pool *pool);
/* All free again. */
void tdm_pool_clear(struct tdm_pool *pool);

/* Lease the next free address (host order) and say its prefix length; least recently used first.
 * TDM_ERR_POOL_EMPTY. */
enum tdm_err tdm_pool_take(struct tdm_pool *pool, uint32_t *addr, uint8_t *len) TDM_MUST_USE;
/* addr is in use by a session; addresses of no pool are ignored, here and below. */
void tdm_pool_mark(struct tdm_pool *pool, uint32_t addr);
/* addr was given up: it cools from now on. */
void tdm_pool_end(struct tdm_pool *pool, uint32_t addr);
/* A session with addr had ended before this node came to lease: cool it unless it is in use. */
void tdm_pool_end_unused(struct tdm_pool *pool, uint32_t addr);
/* All that ended so far waits for the fence that is sent now; one fence at a time. */
void tdm_pool_fence(struct tdm_pool *pool);
/* The fence was acknowledged: what waited for it is free. */
void tdm_pool_fenced(struct tdm_pool *pool);
