/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digests of the session table: one sum per shard, each the sum of a hash per record. A sum knows
 * no order, so it is kept up to date at the cost of one record per change, and nodes that hold the
 * same records have the same sums whatever way they came by them. Against faults, not against
 * people.
 */
#pragma once

#include "proto/envelope.h"

/* Of all bytes; the same on all nodes and never 0, which stands for "not counted". */
uint64_t tdm_digest_bytes(const void *data, size_t len, uint64_t seed);
/* Of one record: its bytes and, as a seed, the digest of its policy's bytes. Ages and a node's own
 * stamps are no part of it. */
uint64_t tdm_digest_record(struct tdm_blob wire, uint64_t policy);
/* Where a session is counted: below TDM_DIGEST_SHARDS, the same on all nodes. */
unsigned tdm_digest_shard(tdm_session_id id);

/* The shards in which a and b differ. */
void tdm_digest_compare(const uint64_t a[TDM_DIGEST_SHARDS], const uint64_t b[TDM_DIGEST_SHARDS],
	struct tdm_shard_set *out);

bool tdm_shard_set_has(const struct tdm_shard_set *set, unsigned shard);
unsigned tdm_shard_set_count(const struct tdm_shard_set *set);
void tdm_shard_set_add(struct tdm_shard_set *set, const struct tdm_shard_set *more);
void tdm_shard_set_keep(struct tdm_shard_set *set, const struct tdm_shard_set *only);
