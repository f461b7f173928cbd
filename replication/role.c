/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/core.h"
#include "replication/mutant.h"

void tdm_role_stage(struct tdm_cluster *c)
{
	struct tdm_place_node nodes[TDM_NODES_MAX];

	for (size_t i = 0; i < c->members_len; i++) {
		struct tdm_member *m = &c->members[i];
		tdm_node_id before = m->owner;

		tdm_settings_stage(c, m);
		for (size_t k = 0; k < c->peers_len; k++) {
			const struct tdm_peer *p = &c->peers[k];

			nodes[k] = (struct tdm_place_node){ p->id, p->present,
				p->synced && p->decided && tdm_settings_fit(m, p) };
		}
		m->owner = tdm_place(
			m->config.nodes, m->config.nodes_len, nodes, c->peers_len, before);
		if (before && m->owner != before)
			m->gone_at = c->now;
	}
}

bool tdm_role_undecided(const struct tdm_cluster *c)
{
	for (size_t i = 0; i < c->peers_len; i++)
		if (c->peers[i].present && !c->peers[i].decided)
			return true;
	return false;
}

static bool anybody_owes(const struct tdm_cluster *c)
{
	for (size_t i = 0; i < c->peers_len; i++)
		if (c->peers[i].present && c->peers[i].owes)
			return true;
	return false;
}

static bool all_here(const struct tdm_cluster *c)
{
	for (size_t i = 0; i < c->peers_len; i++)
		if (c->peers[i].configured && !c->peers[i].present)
			return false;
	return true;
}

bool tdm_role_sure(const struct tdm_cluster *c)
{
	if (TDM_MUTANT_IS(12))
		return true;
	return c->connected && c->peers[c->self].synced && !tdm_role_undecided(c) &&
	       !anybody_owes(c) && c->now >= c->doubt_until && c->now >= c->blind_until;
}

void tdm_role_doubt(struct tdm_cluster *c, uint64_t ms)
{
	tdm_ms until = c->now + (tdm_ms)(ms < TDM_DOUBT_MS ? ms : TDM_DOUBT_MS);

	if (until > c->doubt_until)
		c->doubt_until = until;
}

static void set_role(
	struct tdm_cluster *c, struct tdm_member *m, enum tdm_role role, const char *why)
{
	bool less = m->role == TDM_ROLE_OWNER || (m->role == TDM_ROLE_PAUSED && role < m->role);
	struct tdm_action *a;

	if (role == m->role)
		return;
	/* what lets go comes before everything else of this step */
	a = less ? tdm_actions_add_first(c->actions, TDM_ACTION_ROLE)
		 : tdm_actions_add(c->actions, TDM_ACTION_ROLE);
	a->role.member = m->config.id;
	a->role.role = role;
	a->role.before = m->role;
	a->role.epoch = m->epoch;
	a->role.why = why;
	a->role.vacated = m->vacated;
	m->role = role;
}

static bool may_keep(
	const struct tdm_cluster *c, const struct tdm_member *m, enum tdm_verdict verdict)
{
	/* somebody served with a higher epoch while we did not see it: only a new one will do */
	bool highest = m->epoch.node == c->config.self;

	return c->connected && verdict != TDM_VERDICT_NO && c->peers[c->self].synced &&
	       m->owner == c->config.self && highest;
}

static void lose(struct tdm_cluster *c, struct tdm_member *m)
{
	m->mine = false;
	m->fence = 0;
	tdm_change_let_go(c, m);
}

void tdm_role_seen(struct tdm_cluster *c, struct tdm_epoch epoch)
{
	if (epoch.counter > c->numbers.epoch_counter)
		c->numbers.epoch_counter = epoch.counter;
}

void tdm_role_save(struct tdm_cluster *c)
{
	struct tdm_action *a = tdm_actions_add(c->actions, TDM_ACTION_SAVE);

	a->save.epoch_counter = c->numbers.epoch_counter;
	a->save.index_counter = c->index_saved;
	c->epoch_saved = c->numbers.epoch_counter;
}

static void take(struct tdm_cluster *c, struct tdm_member *m)
{
	struct tdm_message msg = { .kind = TDM_MESSAGE_OWNER };

	/* on disk before anybody sees it: an epoch is never used twice */
	c->numbers.epoch_counter++;
	if (!TDM_MUTANT_IS(7))
		tdm_role_save(c);
	m->epoch = (struct tdm_epoch){ c->numbers.epoch_counter, c->config.self };
	m->mine = true;
	tdm_change_drop_tunnels(c, m, m->gone_at ? m->gone_at : c->now);
	m->gone_at = 0;
	m->surplus = true;
	tdm_change_claim(c, m);
	set_role(c, m, TDM_ROLE_OWNER, "takes over");
	m->vacated = false;
	msg.owner.member = m->config.id;
	msg.owner.epoch = m->epoch;
	msg.owner.tag = tdm_sync_tag(c);
	tdm_message_cast(c, &msg);
	tdm_change_settle_rivals(c, m);
}

static void role_follow(
	struct tdm_cluster *c, struct tdm_member *m, enum tdm_verdict verdict, bool may_take)
{
	bool synced = c->peers[c->self].synced || TDM_MUTANT_IS(11);

	if (!m->ours)
		return;
	if (!c->connected)
		set_role(c, m, TDM_ROLE_ISOLATED, "no connection to the cluster");
	else if (verdict == TDM_VERDICT_NO)
		set_role(c, m, TDM_ROLE_ISOLATED, "not quorate");
	else if (m->mine && verdict == TDM_VERDICT_YES &&
		 (m->role == TDM_ROLE_OWNER || !tdm_role_undecided(c)))
		/* who came while we paused may know of a higher epoch */
		set_role(c, m, TDM_ROLE_OWNER, "quorate");
	else if (m->mine && c->ring_lost && !TDM_MUTANT_IS(9))
		set_role(c, m, TDM_ROLE_PAUSED, "a node was lost, quorum is not known yet");
	else if (m->mine)
		return; /* a ring that only grows: go on, but release nothing */
	else if (verdict == TDM_VERDICT_PENDING && m->role == TDM_ROLE_ISOLATED)
		return;
	else if (may_take && verdict == TDM_VERDICT_YES && synced && m->owner == c->config.self &&
		 !tdm_role_undecided(c))
		take(c, m);
	else if (synced && !tdm_settings_fit(m, &c->peers[c->self]))
		set_role(c, m, TDM_ROLE_SYNCING, tdm_settings_why(c, m));
	else if (synced)
		set_role(c, m, TDM_ROLE_STANDBY, "synced");
	else
		set_role(c, m, TDM_ROLE_SYNCING, "session table is not complete");
}

void tdm_role_settle(struct tdm_cluster *c)
{
	enum tdm_verdict verdict = tdm_view_verdict(c);
	bool anew = false;

	if (TDM_MUTANT_IS(8) && verdict == TDM_VERDICT_PENDING && c->connected)
		verdict = TDM_VERDICT_YES;
	if (verdict == TDM_VERDICT_YES)
		c->ring_lost = false;
	/* Somebody may have owned meanwhile, and be out of sight again before it could say so: what
	 * is ours begins with a new epoch, and no login of the old one is answered. */
	if (verdict == TDM_VERDICT_YES && !tdm_role_undecided(c)) {
		anew = c->ring_missed && !all_here(c);
		c->ring_missed = false;
	}
	/* while cut off, others may make sessions that we will never hear of */
	if (verdict == TDM_VERDICT_NO)
		tdm_role_doubt(c, TDM_DOUBT_MS);
	else if (c->connected && all_here(c) && !tdm_role_undecided(c) && !anybody_owes(c))
		c->doubt_until = 0;
	for (size_t i = 0; i < c->members_len; i++)
		if (c->members[i].mine && (anew || !may_keep(c, &c->members[i], verdict))) {
			lose(c, &c->members[i]);
			role_follow(c, &c->members[i], verdict, false);
		}
	/* what others use is remembered too: who restarts must not begin below it */
	if (c->numbers.epoch_counter > c->epoch_saved)
		tdm_role_save(c);
	for (size_t i = 0; i < c->members_len; i++) {
		struct tdm_member *m = &c->members[i];

		role_follow(c, m, verdict, true);
		if (m->mine && m->rivals && verdict == TDM_VERDICT_YES)
			tdm_change_settle_rivals(c, m);
		/* when all that the others have is here, as what comes may be an end */
		if (m->mine && m->surplus && verdict == TDM_VERDICT_YES && !tdm_role_undecided(c) &&
			!anybody_owes(c))
			tdm_session_settle_limits(c, m);
	}
}

void tdm_role_heard(struct tdm_cluster *c, tdm_node_id node, const struct tdm_message *msg)
{
	struct tdm_member *m = tdm_core_member(c, msg->owner.member);
	struct tdm_epoch epoch = msg->owner.epoch;

	tdm_role_seen(c, epoch);
	if (!m || tdm_epoch_cmp(epoch, m->epoch) <= 0)
		return;
	m->epoch = epoch;
	if (m->mine)
		tdm_actions_note(c->actions, true,
			"node %u owns member %s with a higher epoch (%llu): letting go", node,
			m->config.name, (unsigned long long)epoch.counter);
	/* from an earlier view: its sender may have been replaced since */
	if (tdm_sync_is_current(c, msg->owner.tag) || TDM_MUTANT_IS(13))
		m->owner = node;
	m->vacated = false;
	tdm_change_drop_tunnels(c, m, m->gone_at ? m->gone_at : c->now);
	m->gone_at = 0;
}
