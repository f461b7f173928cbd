/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/journal_restore.h"

bool tdm_journal_describe(const struct tdm_cluster *cluster, tdm_session_id id, tdm_wall wall,
	struct tdm_journal_session *out)
{
	struct tdm_change change;

	*out = (struct tdm_journal_session){ .id = id };
	if (!tdm_cluster_journal(cluster, id, &change, &out->policy))
		return false;
	out->record = change.record;
	out->written = wall > change.age_ms ? wall - change.age_ms : 0;
	/* a guess is made anew from the stamp: written down it would look like knowledge */
	if (change.dropped_ms >= 0 && !change.guessed && wall > change.dropped_ms)
		out->dropped = wall - change.dropped_ms;
	return true;
}

struct restoring {
	struct tdm_journal *journal;
	struct tdm_cluster *cluster;
	tdm_wall wall;
	struct tdm_restored *out;
	struct tdm_journal_batch drops;
	enum tdm_err err;
};

static void restore(void *ctx, const struct tdm_journal_session *s, const struct tdm_record *record)
{
	struct restoring *r = ctx;
	const struct tdm_journal_age *age = &r->out->age;
	struct tdm_change change = {
		.record = s->record,
		.age_ms = tdm_journal_since(age, s->written, r->wall),
		.dropped_ms = -1,
	};
	enum tdm_err err;

	/* A tunnel that was up when the journal was written last is gone with the process. */
	if (s->dropped) {
		change.dropped_ms = tdm_journal_since(age, s->dropped, r->wall);
	} else if (record->state == TDM_SESSION_ACTIVE) {
		change.dropped_ms = tdm_journal_since(age, r->journal->stamp.wall, r->wall);
		change.guessed = true;
	}
	err = tdm_cluster_restore(r->cluster, &change, s->policy);
	if (err == TDM_ERR_NOMEM)
		r->err = err;
	r->out->sessions += !err;
	r->out->unusable += err != TDM_OK;
}

static void drop(void *ctx, const struct tdm_journal_session *s, const struct tdm_record *record)
{
	struct restoring *r = ctx;

	(void)record;
	if (!r->err)
		r->err = tdm_journal_drop(&r->drops, s->id);
}

enum tdm_err tdm_journal_restore(struct tdm_journal *journal, struct tdm_cluster *cluster,
	tdm_wall wall, int64_t keep_ms, struct tdm_restored *out, struct tdm_diag *diag)
{
	struct restoring r = { .journal = journal, .cluster = cluster, .wall = wall, .out = out };
	enum tdm_err err;

	*out = (struct tdm_restored){ .age = tdm_journal_age(&journal->stamp, wall, keep_ms) };
	tdm_journal_batch_init(&r.drops);
	err = tdm_journal_load(journal, out->age.stale ? drop : restore, &r, diag);
	if (!err && r.err)
		err = tdm_diag_set(diag, r.err, "journal: %s", tdm_err_text(r.err));
	if (!err && r.drops.sessions)
		err = tdm_journal_commit(journal, &r.drops, diag);
	tdm_journal_batch_deinit(&r.drops);
	return err;
}
