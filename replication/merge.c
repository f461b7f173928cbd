/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/merge.h"

#include <string.h>

#include "replication/mutant.h"

struct tdm_merge_key tdm_merge_key_of(
	const struct tdm_record *rec, struct tdm_blob wire, struct tdm_blob policy)
{
	return (struct tdm_merge_key){
		.state = rec->state,
		.reason = rec->reason,
		.ended = rec->ended,
		.ended_by = rec->ended_by,
		.version = rec->version,
		.wire = wire,
		.policy = policy,
	};
}

#define CMP(x, y) (((x) > (y)) - ((x) < (y)))

static int blob_cmp(struct tdm_blob a, struct tdm_blob b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.data, b.data, n) : 0;

	return c ? c : CMP(a.len, b.len);
}

/* The smaller one wins, hence the turned arguments. */
static int revocation_cmp(const struct tdm_merge_key *a, const struct tdm_merge_key *b)
{
	int c = CMP(b->ended, a->ended);

	if (!c)
		c = CMP(b->reason, a->reason);
	return c ? c : CMP(b->ended_by, a->ended_by);
}

int tdm_merge_cmp(const struct tdm_merge_key *a, const struct tdm_merge_key *b)
{
	bool revoked = a->state == TDM_SESSION_REVOKED;
	int version = tdm_version_cmp(a->version, b->version);
	int c = TDM_MUTANT_IS(4) && version ? version
					    : CMP(revoked, b->state == TDM_SESSION_REVOKED);

	if (!c && revoked)
		c = revocation_cmp(a, b);
	if (!c)
		c = TDM_MUTANT_IS(18) ? -version : version;
	if (!c)
		c = CMP(a->state == TDM_SESSION_EXPIRED, b->state == TDM_SESSION_EXPIRED);
	if (!c)
		c = blob_cmp(a->wire, b->wire);
	return c ? c : blob_cmp(a->policy, b->policy);
}
