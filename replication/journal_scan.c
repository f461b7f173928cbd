/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "proto/bytes.h"
#include "replication/journal_format.h"
#include "replication/journal_hash.h"

enum { POLICIES_FIRST = 16, MAGIC_LEN = 4 };

static const uint8_t magic[MAGIC_LEN] = { 'T', 'D', 'M', 'J' };

static enum tdm_err damaged(struct tdm_diag *diag, const char *what)
{
	return tdm_diag_set(diag, TDM_ERR_MALFORMED, "is damaged: %s", what);
}

/* --- header, numbers, stamp --- */

static bool name_is(struct tdm_blob name, const char *wanted)
{
	return name.len == strlen(wanted) && !memcmp(name.data, wanted, name.len);
}

static struct tdm_blob field(struct tdm_reader *r)
{
	struct tdm_blob b;

	b.data = tdm_reader_field(r, TDM_NAME_MAX - 1, &b.len);
	return b;
}

static enum tdm_err take_header(
	struct tdm_journal_scan *scan, struct tdm_reader *r, struct tdm_diag *diag)
{
	const uint8_t *mark = tdm_reader_view(r, MAGIC_LEN);
	uint16_t format = tdm_reader_u16(r);
	struct tdm_blob cluster, node;

	if (!mark || memcmp(mark, magic, MAGIC_LEN) != 0 || !format)
		return damaged(diag, "its header is not a journal's");
	if (format > TDM_JOURNAL_FORMAT)
		return tdm_diag_set(diag, TDM_ERR_VERSION,
			"was written by a newer release (format %u, this one reads up to %u)",
			format, (unsigned)TDM_JOURNAL_FORMAT);
	cluster = field(r);
	node = field(r);
	if (tdm_reader_finish(r))
		return damaged(diag, "its header cannot be read");
	if (name_is(cluster, scan->cluster) && name_is(node, scan->node))
		return TDM_OK;
	return tdm_diag_set(diag, TDM_ERR_PERM,
		"belongs to node \"%.*s\" of cluster \"%.*s\", not to node \"%s\" of cluster "
		"\"%s\"",
		(int)node.len, (const char *)node.data, (int)cluster.len,
		(const char *)cluster.data, scan->node, scan->cluster);
}

static enum tdm_err take_numbers(
	struct tdm_journal_scan *scan, struct tdm_reader *r, struct tdm_diag *diag)
{
	struct tdm_numbers n = { .epoch_counter = tdm_reader_u64(r) };

	n.index_counter = tdm_reader_u64(r);
	if (tdm_reader_finish(r))
		return damaged(diag, "its numbers cannot be read");
	scan->numbers = n;
	return TDM_OK;
}

static enum tdm_err take_stamp(
	struct tdm_journal_scan *scan, struct tdm_reader *r, struct tdm_diag *diag)
{
	struct tdm_journal_stamp s = { .boot = tdm_reader_u64(r) };

	s.wall = (tdm_wall)tdm_reader_u64(r);
	s.synced = (tdm_wall)tdm_reader_u64(r);
	if (tdm_reader_finish(r) || s.wall < 0 || s.synced < 0)
		return damaged(diag, "its stamp cannot be read");
	scan->stamp = s;
	return TDM_OK;
}

/* --- policies and sessions --- */

static enum tdm_err take_policy(
	struct tdm_journal_scan *scan, uint64_t hash, struct tdm_blob wire, struct tdm_diag *diag)
{
	struct tdm_policy *policy;
	enum tdm_err err;

	if (scan->policies_len && scan->policies[scan->policies_len - 1].hash >= hash)
		return damaged(diag, "its policies are not in order");
	if (tdm_journal_hash(wire) != hash)
		return damaged(diag, "a policy has another one's name");
	policy = malloc(sizeof(*policy));
	if (!policy)
		return TDM_ERR_NOMEM;
	err = tdm_policy_decode(wire.data, wire.len, policy);
	free(policy);
	if (err)
		return err == TDM_ERR_NOMEM ? err : damaged(diag, "a policy cannot be read");
	if (scan->policies_len == scan->policies_cap) {
		size_t cap = scan->policies_cap ? 2 * scan->policies_cap : POLICIES_FIRST;
		void *fresh = realloc(scan->policies, cap * sizeof(*scan->policies));

		if (!fresh)
			return TDM_ERR_NOMEM;
		scan->policies = fresh;
		scan->policies_cap = cap;
	}
	scan->policies[scan->policies_len++] =
		(struct tdm_journal_policy){ .hash = hash, .wire = wire };
	return TDM_OK;
}

static int by_hash(const void *key, const void *item)
{
	uint64_t a = *(const uint64_t *)key, b = ((const struct tdm_journal_policy *)item)->hash;

	return (a > b) - (a < b);
}

static enum tdm_err take_session(
	struct tdm_journal_scan *scan, uint64_t id, struct tdm_reader *r, struct tdm_diag *diag)
{
	struct tdm_journal_session s = { .id = id };
	uint64_t hash = tdm_reader_u64(r);
	struct tdm_journal_policy *policy = NULL;
	struct tdm_record rec;

	s.written = (tdm_wall)tdm_reader_u64(r);
	s.dropped = (tdm_wall)tdm_reader_u64(r);
	s.record.len = tdm_reader_left(r);
	s.record.data = tdm_reader_view(r, s.record.len);
	if (tdm_reader_finish(r) || s.written < 0 || s.dropped < 0 ||
		tdm_record_decode(s.record.data, s.record.len, &rec) || rec.id != id)
		return damaged(diag, "a session cannot be read");
	if (scan->policies_len)
		policy = bsearch(&hash, scan->policies, scan->policies_len, sizeof(*scan->policies),
			by_hash);
	if (!policy)
		return damaged(diag, "a session's policy is missing");
	policy->used = true;
	s.policy = policy->wire;
	scan->sessions++;
	if (scan->visit)
		scan->visit(scan->ctx, &s, &rec);
	return TDM_OK;
}

/* --- any entry --- */

static enum tdm_err take(struct tdm_journal_scan *scan, uint8_t kind, struct tdm_reader *key,
	struct tdm_reader *value, struct tdm_diag *diag)
{
	struct tdm_blob rest = { value->data + value->pos, tdm_reader_left(value) };
	bool numbered = kind == TDM_JOURNAL_KEY_POLICY || kind == TDM_JOURNAL_KEY_SESSION;
	uint64_t id = numbered ? tdm_reader_u64(key) : 0;

	if (tdm_reader_finish(key))
		return damaged(diag, "an entry has no name");
	switch (kind) {
	case TDM_JOURNAL_KEY_HEADER:
		return take_header(scan, value, diag);
	case TDM_JOURNAL_KEY_NUMBERS:
		return take_numbers(scan, value, diag);
	case TDM_JOURNAL_KEY_STAMP:
		return take_stamp(scan, value, diag);
	case TDM_JOURNAL_KEY_POLICY:
		return take_policy(scan, id, rest, diag);
	case TDM_JOURNAL_KEY_SESSION:
		return take_session(scan, id, value, diag);
	default:
		return damaged(diag, "an entry of an unknown kind");
	}
}

enum tdm_err tdm_journal_scan_entry(struct tdm_journal_scan *scan, struct tdm_blob key,
	struct tdm_blob value, struct tdm_diag *diag)
{
	struct tdm_reader k, v;
	uint64_t check;
	uint8_t kind;

	tdm_reader_init(&k, key.data, key.len);
	tdm_reader_init(&v, value.data, value.len);
	kind = tdm_reader_u8(&k);
	check = tdm_reader_u64(&v);
	if (k.err || v.err || key.len > TDM_JOURNAL_KEY_MAX || value.len > TDM_JOURNAL_VALUE_MAX)
		return damaged(diag, "an entry has an impossible length");
	if (!scan->entries++ && kind != TDM_JOURNAL_KEY_HEADER)
		return damaged(diag, "it has no header");
	if (tdm_journal_check(key, (struct tdm_blob){ v.data + v.pos, tdm_reader_left(&v) }) !=
		check)
		return damaged(diag, "an entry's check does not match");
	return take(scan, kind, &k, &v, diag);
}

void tdm_journal_scan_deinit(struct tdm_journal_scan *scan)
{
	free(scan->policies);
	scan->policies = NULL;
	scan->policies_len = scan->policies_cap = 0;
}

/* --- age --- */

struct tdm_journal_age tdm_journal_age(
	const struct tdm_journal_stamp *stamp, tdm_wall now, int64_t keep_ms)
{
	struct tdm_journal_age age = { .clock_went_back = now < stamp->wall };

	if (!age.clock_went_back)
		age.stamp_ms = now - stamp->wall;
	age.stale = !stamp->synced || (!age.clock_went_back && now - stamp->synced > keep_ms);
	return age;
}

int64_t tdm_journal_since(const struct tdm_journal_age *age, tdm_wall then, tdm_wall now)
{
	return age->clock_went_back || then > now ? 0 : now - then;
}
