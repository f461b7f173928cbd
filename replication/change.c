/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one way to change a session: a record is merged, and what follows from it is done here. */
#include "replication/core.h"
#include "replication/mutant.h"

#include <string.h>

static void free_address(struct tdm_cluster *c, struct tdm_entry *e)
{
	struct tdm_member *m = tdm_core_member(c, e->member);
	const struct tdm_entry *holder = e->addr ? tdm_table_find_addr(&c->table, e->addr) : NULL;

	if (m && m->mine && e->addr && !holder)
		tdm_pool_end(&m->pool, e->addr);
}

static void ended(struct tdm_cluster *c, struct tdm_entry *e)
{
	if (e->generation) {
		struct tdm_action *a = tdm_actions_add(c->actions, TDM_ACTION_CLOSE_TUNNEL);

		a->close.id = e->id;
		a->close.generation = e->generation;
		a->close.reason = (enum tdm_reason)e->reason;
		e->generation = 0;
	}
	tdm_change_unprotected(c, e, false);
	free_address(c, e);
}

/* Indexes of our slot that we do not remember: the numbers on disk may have been lost. */
void tdm_change_see_index(struct tdm_cluster *c, uint32_t index)
{
	if (index % TDM_INDEX_SLOTS == c->self &&
		index / TDM_INDEX_SLOTS >= c->numbers.index_counter)
		c->numbers.index_counter = index / TDM_INDEX_SLOTS + 1;
}

static void resolve(struct tdm_cluster *c, struct tdm_entry *a, struct tdm_entry *b)
{
	struct tdm_entry *loser = tdm_entry_loser(a, b), *winner = loser == a ? b : a;

	tdm_actions_note(c->actions, true,
		"sessions %u and %u had the same inner address: session %u is ended", winner->index,
		loser->index, loser->index);
	tdm_change_revoke(c, loser, TDM_REASON_ADDRESS_CONFLICT);
}

static void after(struct tdm_cluster *c, const struct tdm_merged *merged)
{
	struct tdm_entry *e = merged->entry;
	struct tdm_member *m = tdm_core_member(c, e->member);
	bool live = tdm_state_is_live(e->state);

	if (merged->aged)
		tdm_journal_aged(c, e);
	if (!merged->changed)
		return;
	tdm_journal_changed(c, e);
	tdm_change_see_index(c, e->index);
	if (!live) {
		if (tdm_state_is_live(merged->before))
			ended(c, e);
		return;
	}
	if (!m || !m->mine)
		return;
	tdm_pool_mark(&m->pool, e->addr);
	if (TDM_MUTANT_IS(6))
		return;
	if (merged->rival && tdm_view_verdict(c) == TDM_VERDICT_YES)
		resolve(c, e, merged->rival);
	else if (merged->rival)
		m->rivals = true;
}

/* A session that another owner made counts against its user's limit. */
static void note_surplus(struct tdm_cluster *c, const struct tdm_merged *merged)
{
	struct tdm_member *m = tdm_core_member(c, merged->entry->member);

	if (m && m->mine && merged->changed && tdm_state_is_live(merged->entry->state) &&
		!tdm_state_is_live(merged->before))
		m->surplus = true;
}

uint64_t tdm_change_merge(
	struct tdm_cluster *c, const struct tdm_change *change, struct tdm_blob policy)
{
	struct tdm_record rec;
	struct tdm_merged merged;
	struct tdm_incoming in = {
		.rec = &rec,
		.wire = change->record,
		.policy = policy,
		.written = c->now - (TDM_MUTANT_IS(14) ? 0 : change->age_ms),
		.dropped = change->dropped_ms < 0 ? TDM_NEVER : c->now - change->dropped_ms,
		.guessed = change->guessed,
	};
	enum tdm_err err = tdm_record_decode(change->record.data, change->record.len, &rec);

	if (!err && !tdm_state_is_live(rec.state) && change->age_ms > c->config.tombstone_keep_ms &&
		!tdm_table_find(&c->table, rec.id))
		return 0; /* we have forgotten it already */
	if (!err)
		err = tdm_table_merge(&c->table, &in, &merged);
	if (!err) {
		note_surplus(c, &merged);
		after(c, &merged);
		return merged.entry->state == TDM_SESSION_REVOKED ? merged.entry->journal : 0;
	}
	/* Our table is not what the others think it is. Silence is the answer: nothing is
	 * acknowledged until this node has synced anew. */
	tdm_actions_note(c->actions, true, "a session could not be stored: %s", tdm_err_text(err));
	c->deaf = true;
	if (tdm_core_self(c)->synced)
		tdm_sync_ask_demote(c, tdm_core_self(c));
	return 0;
}

/* Merge a record of our own making. */
static enum tdm_err merge_own(struct tdm_cluster *c, const struct tdm_record *rec,
	struct tdm_blob base, struct tdm_blob policy, tdm_ms written, tdm_ms dropped,
	struct tdm_merged *merged)
{
	uint8_t wire[TDM_RECORD_WIRE_MAX];
	struct tdm_incoming in = {
		.rec = rec, .policy = policy, .written = written, .dropped = dropped
	};
	const struct tdm_entry *before;
	uint64_t sum;
	size_t len;
	enum tdm_err err = tdm_record_encode(rec, base.data, base.len, wire, sizeof(wire), &len);

	if (err)
		return err;
	in.wire = (struct tdm_blob){ wire, len };
	before = tdm_table_find(&c->table, rec->id);
	sum = before ? before->digest : 0;
	err = tdm_table_merge(&c->table, &in, merged);
	if (err)
		return err;
	tdm_verify_changed(c, rec->id, merged->entry->digest - sum);
	after(c, merged);
	return TDM_OK;
}

static uint64_t merge_and_cast(struct tdm_cluster *c, struct tdm_entry *e,
	const struct tdm_record *rec, tdm_ms written, tdm_ms dropped)
{
	struct tdm_merged merged;
	enum tdm_err err = merge_own(
		c, rec, tdm_entry_wire(e), tdm_entry_policy_wire(e), written, dropped, &merged);

	if (!err)
		return tdm_message_update(c, e);
	tdm_actions_note(c->actions, true, "session %u could not be changed: %s", e->index,
		tdm_err_text(err));
	return 0;
}

uint64_t tdm_change_write(struct tdm_cluster *c, struct tdm_entry *e, struct tdm_record *rec)
{
	const struct tdm_member *m = tdm_core_member(c, e->member);

	if (tdm_epoch_cmp(rec->version.epoch, m->epoch) < 0)
		rec->version.epoch = m->epoch;
	rec->version.seq++;
	return merge_and_cast(c, e, rec, c->now, TDM_NEVER);
}

uint64_t tdm_change_revoke(struct tdm_cluster *c, struct tdm_entry *e, enum tdm_reason reason)
{
	struct tdm_record rec;

	if (e->state == TDM_SESSION_REVOKED)
		return tdm_message_update(c, e);
	if (tdm_entry_record(e, &rec))
		return 0;
	rec.state = TDM_SESSION_REVOKED;
	rec.reason = reason;
	rec.ended = c->wall;
	rec.ended_by = c->config.self;
	rec.tunnels_len = 0;
	/* the version stays: a revocation needs no right to write */
	return merge_and_cast(c, e, &rec, c->now, e->dropped);
}

enum tdm_err tdm_change_create(struct tdm_cluster *c, const struct tdm_record *rec,
	const struct tdm_policy *policy, struct tdm_entry **entry)
{
	uint8_t wire[TDM_POLICY_WIRE_MAX];
	struct tdm_merged merged;
	size_t len;
	enum tdm_err err = tdm_policy_encode(policy, wire, sizeof(wire), &len);

	*entry = NULL;
	if (err)
		return err;
	err = merge_own(c, rec, (struct tdm_blob){ NULL, 0 }, (struct tdm_blob){ wire, len },
		c->now, TDM_NEVER, &merged);
	if (!err)
		*entry = merged.entry;
	return err;
}

void tdm_change_drop_tunnels(struct tdm_cluster *c, const struct tdm_member *m, tdm_ms when)
{
	for (size_t i = 0; i < c->table.slots_len; i++) {
		struct tdm_entry *e = c->table.slots[i];

		if (e && e->member == m->config.id && e->state == TDM_SESSION_ACTIVE &&
			e->dropped == TDM_NEVER && tdm_epoch_cmp(e->version.epoch, m->epoch) < 0) {
			e->dropped = when > e->written ? when : e->written;
			tdm_journal_aged(c, e);
		}
	}
}

void tdm_change_let_go(struct tdm_cluster *c, const struct tdm_member *m)
{
	for (size_t i = 0; i < c->table.slots_len; i++) {
		struct tdm_entry *e = c->table.slots[i];

		if (!e || e->member != m->config.id || !e->generation)
			continue;
		e->generation = 0;
		if (e->dropped == TDM_NEVER) {
			e->dropped = c->now;
			tdm_journal_aged(c, e);
		}
	}
}

void tdm_change_claim(struct tdm_cluster *c, struct tdm_member *m)
{
	tdm_pool_clear(&m->pool);
	for (size_t i = 0; i < c->table.slots_len; i++) {
		const struct tdm_entry *e = c->table.slots[i];

		if (e && e->member == m->config.id && tdm_state_is_live(e->state))
			tdm_pool_mark(&m->pool, e->addr);
	}
	for (size_t i = 0; i < c->table.slots_len; i++) {
		const struct tdm_entry *e = c->table.slots[i];

		if (e && e->member == m->config.id && !tdm_state_is_live(e->state))
			tdm_pool_end_unused(&m->pool, e->addr);
	}
}

void tdm_change_settle_rivals(struct tdm_cluster *c, struct tdm_member *m)
{
	m->rivals = false;
	if (TDM_MUTANT_IS(6))
		return;
	for (size_t i = 0; i < c->table.slots_len; i++) {
		struct tdm_entry *e = c->table.slots[i], *holder;

		if (!e || e->member != m->config.id || !e->addr || !tdm_state_is_live(e->state))
			continue;
		holder = tdm_table_find_addr(&c->table, e->addr);
		if (holder != e)
			resolve(c, e, holder);
	}
}

void tdm_change_unprotected(struct tdm_cluster *c, struct tdm_entry *e, bool unprotected)
{
	if (e->unprotected == unprotected)
		return;
	e->unprotected = unprotected;
	c->unprotected += unprotected ? 1 : (size_t)-1;
}
