/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/replication/journal_kit.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/journal_lmdb.h"

enum { WALL = 1700000000 };

static void put(struct tdm_journal_batch *batch, tdm_session_id id, uint64_t seq, unsigned policy,
	enum tdm_session_state state)
{
	static uint8_t wire[TDM_RECORD_WIRE_MAX], policy_wire[TDM_POLICY_WIRE_MAX];
	static struct tdm_policy p;
	struct tdm_record rec = { .id = id, .index = (uint32_t)id, .member = 1, .state = state };
	struct tdm_journal_session s = { .id = id,
		.written = (tdm_wall)(1000 + seq),
		.dropped = seq % 2 ? 0 : (tdm_wall)(2000 + seq) };
	size_t len, policy_len;

	memset(&p, 0, sizeof(p));
	snprintf(p.name, sizeof(p.name), "policy%u", policy);
	/* more than fits a page of LMDB */
	for (size_t i = 0; policy >= KIT_LARGE && i < TDM_POLICY_ROUTES_MAX; i++) {
		snprintf(p.routes[i], sizeof(p.routes[i]), "10.%u.0.0/255.255.255.0", (unsigned)i);
		snprintf(p.excludes[i], sizeof(p.excludes[i]), "172.16.%u.0/255.255.255.0",
			(unsigned)i);
		p.routes_len++;
		p.excludes_len++;
	}
	memcpy(rec.verifier, &id, sizeof(id));
	rec.version = (struct tdm_version){ { 1, 1 }, seq };
	rec.idle_left_ms = rec.disconnected_left_ms = rec.session_left_ms = TDM_NEVER;
	snprintf(rec.user, sizeof(rec.user), "user%u", (unsigned)id);
	cr_assert_not(tdm_record_encode(&rec, NULL, 0, wire, sizeof(wire), &len));
	cr_assert_not(tdm_policy_encode(&p, policy_wire, sizeof(policy_wire), &policy_len));
	s.record = (struct tdm_blob){ wire, len };
	s.policy = (struct tdm_blob){ policy_wire, policy_len };
	cr_assert_not(tdm_journal_put(batch, &s));
}

void kit_put(struct tdm_journal_batch *batch, tdm_session_id id, uint64_t seq, unsigned policy)
{
	put(batch, id, seq, policy, TDM_SESSION_ACTIVE);
}

void kit_revoke(struct tdm_journal_batch *batch, tdm_session_id id, uint64_t seq)
{
	put(batch, id, seq, 0, TDM_SESSION_REVOKED);
}

void kit_commit(struct tdm_journal *journal, struct tdm_journal_batch *batch)
{
	struct tdm_diag diag = { 0 };

	cr_assert_not(tdm_journal_commit(journal, batch, &diag), "%s", diag.text);
	tdm_journal_batch_reset(batch);
}

static void visit(
	void *ctx, const struct tdm_journal_session *session, const struct tdm_record *rec)
{
	static struct tdm_policy policy;
	struct kit_found *found = ctx;
	size_t i = found->len++;

	cr_assert_lt(i, KIT_SESSIONS);
	cr_assert_eq(session->id, rec->id);
	cr_assert_not(tdm_policy_decode(session->policy.data, session->policy.len, &policy));
	found->items[i].id = rec->id;
	found->items[i].seq = rec->version.seq;
	found->items[i].state = rec->state;
	found->items[i].written = session->written;
	found->items[i].dropped = session->dropped;
	memcpy(found->items[i].policy, policy.name, sizeof(policy.name));
	memcpy(found->items[i].user, rec->user, sizeof(rec->user));
}

const struct kit_found *kit_load(struct tdm_journal *journal)
{
	static struct kit_found found;
	struct tdm_diag diag = { 0 };

	found.len = 0;
	cr_assert_not(tdm_journal_load(journal, visit, &found, &diag), "%s", diag.text);
	return &found;
}

size_t kit_find(const struct kit_found *found, tdm_session_id id)
{
	for (size_t i = 0; i < found->len; i++)
		if (found->items[i].id == id)
			return i;
	cr_assert_fail("session %u is not in the journal", (unsigned)id);
	return 0;
}

/* --- media --- */

void kit_medium_init(struct kit_medium *medium, bool lmdb)
{
	*medium = (struct kit_medium){ .lmdb = lmdb };
	if (!lmdb) {
		medium->disk = tdm_journal_disk_new();
		cr_assert_not_null(medium->disk);
		return;
	}
	snprintf(medium->base, sizeof(medium->base), "%s/tandem-journal.XXXXXX",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	cr_assert_not_null(mkdtemp(medium->base));
	snprintf(medium->directory, sizeof(medium->directory), "%s/journal", medium->base);
}

void kit_medium_deinit(struct kit_medium *medium)
{
	char command[KIT_PATH + 16];

	tdm_journal_disk_free(medium->disk);
	if (!medium->lmdb)
		return;
	snprintf(command, sizeof(command), "rm -rf '%s'", medium->base);
	cr_assert_eq(system(command), 0);
}

struct tdm_journal *kit_open_as(struct kit_medium *medium, const char *cluster, const char *node)
{
	struct tdm_journal_lmdb_config config = { medium->directory, cluster, node,
		(tdm_wall)WALL * 1000 };
	struct tdm_journal *journal = NULL;
	struct tdm_diag diag = { 0 };
	enum tdm_err err;

	if (medium->lmdb)
		err = tdm_journal_lmdb_open(&config, &journal, &diag);
	else
		err = tdm_journal_mem_open(medium->disk, cluster, node, &journal, &diag);
	cr_assert_not(err, "%s", diag.text);
	cr_assert_not_null(journal);
	return journal;
}

struct tdm_journal *kit_open(struct kit_medium *medium)
{
	return kit_open_as(medium, KIT_CLUSTER, KIT_NODE);
}

size_t kit_aside(const struct kit_medium *medium)
{
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	if (!medium->lmdb)
		return tdm_journal_disk_aside(medium->disk);
	dir = opendir(medium->base);
	cr_assert_not_null(dir);
	while ((entry = readdir(dir)))
		n += strncmp(entry->d_name, "journal.bad-", strlen("journal.bad-")) == 0;
	closedir(dir);
	return n;
}
