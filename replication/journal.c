/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the core gives to the journal, and what waits for it. */
#include "replication/core.h"

/* Entries that have time are written so many per tick: a takeover marks them all. */
enum { PER_TICK = 1024, LOOKS_PER_TICK = 16 * 1024 };

static uint64_t write_down(struct tdm_cluster *c, tdm_session_id id, bool urgent)
{
	struct tdm_action *a = tdm_actions_add(c->actions, TDM_ACTION_JOURNAL);

	a->journal.id = id;
	a->journal.number = ++c->journal_last;
	a->journal.urgent = urgent;
	return c->journal_last;
}

static void saved(struct tdm_cluster *c, struct tdm_entry *e)
{
	c->unsaved -= e->unsaved;
	e->unsaved = false;
}

void tdm_journal_changed(struct tdm_cluster *c, struct tdm_entry *e)
{
	bool revoked = e->state == TDM_SESSION_REVOKED;
	uint64_t number;

	if (!c->config.journaled)
		return;
	saved(c, e);
	number = write_down(c, e->id, revoked);
	e->journal = revoked ? number : 0;
}

void tdm_journal_aged(struct tdm_cluster *c, struct tdm_entry *e)
{
	if (!c->config.journaled || e->unsaved)
		return;
	e->unsaved = true;
	c->unsaved++;
}

void tdm_journal_forgotten(struct tdm_cluster *c, const struct tdm_entry *e)
{
	if (!c->config.journaled)
		return;
	c->unsaved -= e->unsaved;
	write_down(c, e->id, false);
}

void tdm_journal_durable(struct tdm_cluster *c, const struct tdm_event_journaled *ev)
{
	if (ev->number > c->journal_durable)
		c->journal_durable = ev->number;
	if (ev->incomplete && !c->journal_all) {
		c->journal_all = true;
		c->journal_slot = 0;
	}
	tdm_message_acks(c);
}

void tdm_journal_tick(struct tdm_cluster *c)
{
	size_t looks = 0;

	for (size_t n = 0; n < PER_TICK && looks < LOOKS_PER_TICK; looks++) {
		struct tdm_entry *e;

		if (!c->unsaved && !c->journal_all)
			return;
		if (c->journal_slot >= c->table.slots_len) {
			c->journal_slot = 0;
			if (c->journal_all)
				tdm_actions_add(c->actions, TDM_ACTION_JOURNAL_ALL);
			c->journal_all = false;
			return;
		}
		e = c->table.slots[c->journal_slot++];
		if (!e || (!e->unsaved && !c->journal_all))
			continue;
		saved(c, e);
		write_down(c, e->id, false);
		n++;
	}
}

enum tdm_err tdm_cluster_restore(
	struct tdm_cluster *c, const struct tdm_change *change, struct tdm_blob policy)
{
	struct tdm_record rec;
	struct tdm_merged merged;
	struct tdm_incoming in = {
		.rec = &rec,
		.wire = change->record,
		.policy = policy,
		.written = c->now - change->age_ms,
		.dropped = change->dropped_ms < 0 ? TDM_NEVER : c->now - change->dropped_ms,
		.guessed = change->guessed,
	};
	enum tdm_err err = tdm_record_decode(change->record.data, change->record.len, &rec);

	if (!err)
		err = tdm_table_merge(&c->table, &in, &merged);
	if (err)
		return err;
	tdm_role_seen(c, rec.version.epoch);
	tdm_change_see_index(c, rec.index);
	return TDM_OK;
}

bool tdm_cluster_journal(const struct tdm_cluster *c, tdm_session_id id, struct tdm_change *change,
	struct tdm_blob *policy)
{
	const struct tdm_entry *e = tdm_table_find(&c->table, id);

	if (!e)
		return false;
	*change = tdm_message_change(c, e);
	*policy = tdm_entry_policy_wire(e);
	return true;
}
