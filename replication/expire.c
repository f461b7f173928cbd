/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/core.h"
#include "replication/mutant.h"

enum {
	SCAN_ROUND_TICKS = 1000 / TDM_TICK_MS, /* the whole table once a second */
	SCAN_MIN = 64,
	SCAN_MAX = 16 * 1024, /* entries looked at in one tick */
	EXPIRE_MAX = 64,      /* records written in one tick */
	MS_PER_S = 1000,
};

static tdm_ms add(tdm_ms start, int64_t left)
{
	return left == TDM_NEVER ? TDM_NEVER : start + left;
}

/* When the session ends if nothing happens, and of what. */
static tdm_ms deadline(
	const struct tdm_cluster *c, const struct tdm_entry *e, enum tdm_reason *reason)
{
	tdm_ms max = add(e->written, e->session_left_ms), wait = TDM_NEVER;

	*reason = TDM_REASON_IDLE_TIMEOUT;
	if (e->state == TDM_SESSION_NEW) {
		*reason = TDM_REASON_CONNECT_TIMEOUT;
		wait = e->written + c->config.connect_timeout_ms;
	} else if (e->state == TDM_SESSION_INACTIVE) {
		wait = add(e->written, e->wait_left_ms);
	} else if (e->dropped != TDM_NEVER) {
		wait = add(e->dropped, e->wait_left_ms);
	}
	if (max <= wait)
		*reason = TDM_REASON_SESSION_TIMEOUT;
	if (TDM_MUTANT_IS(16))
		return e->written;
	return max <= wait ? max : wait;
}

void tdm_expire_clocks(
	const struct tdm_cluster *c, const struct tdm_entry *e, struct tdm_record *rec)
{
	const struct tdm_policy *policy = tdm_entry_policy(e);
	int64_t age = TDM_MUTANT_IS(15) ? 0 : c->now - e->written;

	rec->idle_left_ms =
		policy->idle_timeout_s ? (int64_t)policy->idle_timeout_s * MS_PER_S : TDM_NEVER;
	rec->disconnected_left_ms = policy->disconnected_timeout_s
					    ? (int64_t)policy->disconnected_timeout_s * MS_PER_S
					    : TDM_NEVER;
	if (rec->session_left_ms != TDM_NEVER)
		rec->session_left_ms = rec->session_left_ms > age ? rec->session_left_ms - age : 0;
}

static bool expire(struct tdm_cluster *c, struct tdm_entry *e)
{
	const struct tdm_member *m = tdm_core_member(c, e->member);
	struct tdm_record rec;
	enum tdm_reason reason;

	if (!m || !m->mine || e->pending || c->now < deadline(c, e, &reason) ||
		tdm_entry_record(e, &rec))
		return false;
	rec.state = TDM_SESSION_EXPIRED;
	rec.reason = reason;
	rec.ended = c->wall;
	rec.ended_by = c->config.self;
	rec.tunnels_len = 0;
	tdm_change_write(c, e, &rec);
	return true;
}

/* The last mention of an ended session goes. */
static void forget(struct tdm_cluster *c, struct tdm_entry *e)
{
	if (c->now - e->written > c->config.tombstone_keep_ms) {
		tdm_journal_forgotten(c, e);
		tdm_table_drop(&c->table, e);
	}
}

void tdm_expire_tick(struct tdm_cluster *c)
{
	bool act = tdm_view_verdict(c) == TDM_VERDICT_YES;
	size_t n = c->table.slots_len / SCAN_ROUND_TICKS + SCAN_MIN, written = 0;

	if (n > SCAN_MAX)
		n = SCAN_MAX;
	if (n > c->table.slots_len)
		n = c->table.slots_len;
	for (; n && written < EXPIRE_MAX; n--) {
		struct tdm_entry *e;

		if (c->scan_slot >= c->table.slots_len)
			c->scan_slot = 0;
		e = c->table.slots[c->scan_slot++];
		if (!e)
			continue;
		if (!tdm_state_is_live(e->state))
			forget(c, e);
		else if (act)
			written += expire(c, e);
	}
}
