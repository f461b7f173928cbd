/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which of two records of one session wins. This is a total order, so merging by it is commutative,
 * associative and idempotent, and nodes that exchanged everything hold equal records:
 *   revoked before everything; two revocations: the smaller (time, reason, node);
 *   then the higher version; at equal versions expired before live;
 *   what is still equal is decided by the bytes (only a fault can bring that about).
 */
#pragma once

#include "proto/envelope.h"
#include "proto/record.h"

/* What the order looks at. */
struct tdm_merge_key {
	enum tdm_session_state state;
	enum tdm_reason reason;
	tdm_wall ended;
	tdm_node_id ended_by;
	struct tdm_version version;
	struct tdm_blob wire, policy;
};

struct tdm_merge_key tdm_merge_key_of(
	const struct tdm_record *rec, struct tdm_blob wire, struct tdm_blob policy);
/* > 0: a wins, < 0: b wins, 0: they are the same. */
int tdm_merge_cmp(const struct tdm_merge_key *a, const struct tdm_merge_key *b);
