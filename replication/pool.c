/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/pool.h"

#include <stdlib.h>
#include <string.h>

enum { WORD = 64, POOL_BITS_MAX = 1 << 24 };

static size_t words(const struct tdm_pool *pool)
{
	return (pool->bits + WORD - 1) / WORD;
}

static bool bit_get(const uint64_t *map, uint32_t bit)
{
	return map[bit / WORD] >> (bit % WORD) & 1;
}

static void bit_set(uint64_t *map, uint32_t bit)
{
	map[bit / WORD] |= (uint64_t)1 << (bit % WORD);
}

static void bit_clear(uint64_t *map, uint32_t bit)
{
	map[bit / WORD] &= ~((uint64_t)1 << (bit % WORD));
}

static bool bit_of(const struct tdm_pool *pool, uint32_t addr, uint32_t *bit)
{
	for (size_t i = 0; i < pool->ranges_len; i++) {
		uint32_t at = addr - pool->ranges[i].first;

		if (addr >= pool->ranges[i].first && at < pool->ranges[i].count) {
			*bit = pool->ranges[i].bit + at;
			return true;
		}
	}
	return false;
}

static enum tdm_err add_range(struct tdm_pool *pool, const struct tdm_prefix *p)
{
	enum { LEN_MAX = 32, LEN_MIN = 8 };
	uint32_t count, first;

	if (p->ip.family != 4 || p->len > LEN_MAX || p->len < LEN_MIN ||
		pool->ranges_len == TDM_POOL_RANGES_MAX)
		return TDM_ERR_INVAL;
	count = (uint32_t)1 << (LEN_MAX - p->len);
	first = tdm_ip_v4(&p->ip) & ~(count - 1);
	if (count > POOL_BITS_MAX - pool->bits)
		return TDM_ERR_INVAL;
	pool->ranges[pool->ranges_len].first = first;
	pool->ranges[pool->ranges_len].count = count;
	pool->ranges[pool->ranges_len].bit = pool->bits;
	pool->ranges[pool->ranges_len].len = p->len;
	pool->ranges_len++;
	pool->bits += count;
	return TDM_OK;
}

static void never_lease(struct tdm_pool *pool, const struct tdm_ip *reserved)
{
	enum { ENDS_LEN_MAX = 30 }; /* longer prefixes have no network or broadcast address */
	uint32_t bit;

	for (size_t i = 0; i < pool->ranges_len; i++) {
		uint32_t at = pool->ranges[i].bit, n = pool->ranges[i].count;

		if (pool->ranges[i].len <= ENDS_LEN_MAX) {
			bit_set(pool->never, at);
			bit_set(pool->never, at + n - 1);
		}
		/* bit_of() finds the earlier range: an address of two ranges counts there */
		for (uint32_t j = 0; i && j < n; j++)
			if (bit_of(pool, pool->ranges[i].first + j, &bit) && bit != at + j)
				bit_set(pool->never, at + j);
	}
	if (reserved->family == 4 && bit_of(pool, tdm_ip_v4(reserved), &bit))
		bit_set(pool->never, bit);
	for (uint32_t b = pool->bits; b < words(pool) * WORD; b++)
		bit_set(pool->never, b);
	for (uint32_t b = 0; b < pool->bits; b++)
		pool->size += !bit_get(pool->never, b);
}

enum tdm_err tdm_pool_init(struct tdm_pool *pool, const struct tdm_prefix *prefixes, size_t len,
	const struct tdm_ip *reserved)
{
	*pool = (struct tdm_pool){ 0 };
	for (size_t i = 0; i < len; i++) {
		enum tdm_err err = add_range(pool, &prefixes[i]);

		if (err)
			return err;
	}
	/* four maps in one piece */
	pool->never = calloc(4 * (words(pool) + 1), sizeof(*pool->never));
	if (!pool->never)
		return TDM_ERR_NOMEM;
	pool->used = pool->never + words(pool);
	pool->cooling = pool->used + words(pool);
	pool->ended = pool->cooling + words(pool);
	never_lease(pool, reserved);
	return TDM_OK;
}

void tdm_pool_deinit(struct tdm_pool *pool)
{
	free(pool->never);
	*pool = (struct tdm_pool){ 0 };
}

void tdm_pool_clear(struct tdm_pool *pool)
{
	memset(pool->used, 0, 3 * words(pool) * sizeof(*pool->used));
	pool->used_len = 0;
	pool->any_ended = pool->any_cooling = false;
}

static void lease(struct tdm_pool *pool, uint32_t bit, uint32_t *addr, uint8_t *len)
{
	size_t i = 0;

	while (bit - pool->ranges[i].bit >= pool->ranges[i].count)
		i++;
	*addr = pool->ranges[i].first + (bit - pool->ranges[i].bit);
	*len = pool->ranges[i].len;
	bit_set(pool->used, bit);
	pool->used_len++;
	pool->cursor = (bit + 1) % pool->bits;
}

enum tdm_err tdm_pool_take(struct tdm_pool *pool, uint32_t *addr, uint8_t *len)
{
	size_t n = words(pool), at = pool->cursor / WORD;
	uint64_t from = ~(uint64_t)0 << (pool->cursor % WORD); /* bits at or after the cursor */

	/* one word more than there are: the first one again, whole */
	for (size_t i = 0; n && i <= n; i++, at = (at + 1) % n, from = ~(uint64_t)0) {
		uint64_t busy =
			pool->never[at] | pool->used[at] | pool->cooling[at] | pool->ended[at];

		if (~busy & from) {
			lease(pool, (uint32_t)(at * WORD) + (uint32_t)__builtin_ctzll(~busy & from),
				addr, len);
			return TDM_OK;
		}
	}
	return TDM_ERR_POOL_EMPTY;
}

void tdm_pool_mark(struct tdm_pool *pool, uint32_t addr)
{
	uint32_t bit;

	if (!bit_of(pool, addr, &bit))
		return;
	pool->used_len += !bit_get(pool->used, bit);
	bit_set(pool->used, bit);
}

void tdm_pool_end(struct tdm_pool *pool, uint32_t addr)
{
	uint32_t bit;

	if (!bit_of(pool, addr, &bit))
		return;
	pool->used_len -= bit_get(pool->used, bit);
	bit_clear(pool->used, bit);
	bit_set(pool->ended, bit);
	pool->any_ended = true;
}

void tdm_pool_end_unused(struct tdm_pool *pool, uint32_t addr)
{
	uint32_t bit;

	if (!bit_of(pool, addr, &bit) || bit_get(pool->used, bit))
		return;
	bit_set(pool->ended, bit);
	pool->any_ended = true;
}

void tdm_pool_fence(struct tdm_pool *pool)
{
	for (size_t i = 0; i < words(pool); i++)
		pool->cooling[i] |= pool->ended[i];
	memset(pool->ended, 0, words(pool) * sizeof(*pool->ended));
	pool->any_cooling = pool->any_cooling || pool->any_ended;
	pool->any_ended = false;
}

void tdm_pool_fenced(struct tdm_pool *pool)
{
	memset(pool->cooling, 0, words(pool) * sizeof(*pool->cooling));
	pool->any_cooling = false;
}
