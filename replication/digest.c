/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/digest.h"

enum { WORD = 8, BITS = 8, SHARD_SHIFT = 56 };

/* Odd constants with well spread bits. */
#define KEY_SEED UINT64_C(0x9e3779b97f4a7c15)
#define KEY_WORD UINT64_C(0xd6e8feb86659fd93)
#define MIX_1    UINT64_C(0xbf58476d1ce4e5b9)
#define MIX_2    UINT64_C(0x94d049bb133111eb)

static uint64_t mix(uint64_t v)
{
	v = (v ^ (v >> 30)) * MIX_1;
	v = (v ^ (v >> 27)) * MIX_2;
	return v ^ (v >> 31);
}

/* Little-endian whatever the machine is. */
static uint64_t word_at(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++)
		v |= (uint64_t)p[i] << (BITS * i);
	return v;
}

uint64_t tdm_digest_bytes(const void *data, size_t len, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t h = mix(seed ^ KEY_SEED) + len;

	for (; len >= WORD; p += WORD, len -= WORD) {
		h = (h ^ (word_at(p, WORD) * KEY_WORD)) * KEY_SEED;
		h ^= h >> 32;
	}
	if (len)
		h = (h ^ (word_at(p, len) * KEY_WORD)) * KEY_SEED;
	h = mix(h);
	return h ? h : 1;
}

uint64_t tdm_digest_record(struct tdm_blob wire, uint64_t policy)
{
	return tdm_digest_bytes(wire.data, wire.len, policy);
}

unsigned tdm_digest_shard(tdm_session_id id)
{
	return (unsigned)(mix(id) >> SHARD_SHIFT);
}

void tdm_digest_compare(const uint64_t a[TDM_DIGEST_SHARDS], const uint64_t b[TDM_DIGEST_SHARDS],
	struct tdm_shard_set *out)
{
	*out = (struct tdm_shard_set){ 0 };
	for (unsigned i = 0; i < TDM_DIGEST_SHARDS; i++)
		if (a[i] != b[i])
			out->bits[i / BITS] |= (uint8_t)(1u << i % BITS);
}

bool tdm_shard_set_has(const struct tdm_shard_set *set, unsigned shard)
{
	return set->bits[shard / BITS] >> shard % BITS & 1;
}

unsigned tdm_shard_set_count(const struct tdm_shard_set *set)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TDM_DIGEST_SHARDS; i++)
		n += tdm_shard_set_has(set, i);
	return n;
}

void tdm_shard_set_add(struct tdm_shard_set *set, const struct tdm_shard_set *more)
{
	for (size_t i = 0; i < sizeof(set->bits); i++)
		set->bits[i] |= more->bits[i];
}

void tdm_shard_set_keep(struct tdm_shard_set *set, const struct tdm_shard_set *only)
{
	for (size_t i = 0; i < sizeof(set->bits); i++)
		set->bits[i] &= only->bits[i];
}
