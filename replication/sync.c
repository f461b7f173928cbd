/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/core.h"
#include "replication/mutant.h"

#include <string.h>

struct tdm_round_tag tdm_sync_tag(const struct tdm_cluster *c)
{
	return (struct tdm_round_tag){ c->ring, c->members_hash };
}

static bool tag_equal(struct tdm_round_tag a, struct tdm_round_tag b)
{
	return tdm_ring_equal(a.ring, b.ring) && a.members_hash == b.members_hash;
}

bool tdm_sync_is_current(const struct tdm_cluster *c, struct tdm_round_tag tag)
{
	return TDM_MUTANT_IS(19) || (!c->ring_pending && tag_equal(tag, tdm_sync_tag(c)));
}

static bool hello_counts(const struct tdm_cluster *c, const struct tdm_peer *p)
{
	return p->hello_here && tag_equal(p->hello.tag, tdm_sync_tag(c));
}

void tdm_sync_again(struct tdm_cluster *c)
{
	tdm_bulk_cancel(c);
	c->asked = c->await_done = c->synced_sent = c->cold_sent = false;
	c->await = 0;
	tdm_verify_reset(c);
}

void tdm_sync_start(struct tdm_cluster *c)
{
	tdm_sync_again(c);
	c->round = TDM_ROUND_START;
	c->round_since = TDM_NEVER;
	for (size_t i = 0; i < c->peers_len; i++) {
		struct tdm_peer *p = &c->peers[i];

		/* a hello may be here before the ring's announcement is */
		p->hello_here = p->hello_here && p->present;
		p->mute = p->demoted = p->demoting = false;
	}
}

static void hello_cast(struct tdm_cluster *c)
{
	struct tdm_message msg = { .kind = TDM_MESSAGE_HELLO };
	struct tdm_hello *h = &msg.hello;

	h->tag = tdm_sync_tag(c);
	h->synced = tdm_core_self(c)->synced && !c->deaf;
	h->table_size = c->table.live + c->table.ended;
	memcpy(h->sections, c->config.config_sections, sizeof(h->sections));
	h->config_any = c->config.allow_config_difference;
	if (c->doubt_until > c->now)
		h->doubt_ms = (uint64_t)(c->doubt_until - c->now);
	for (size_t i = 0; i < c->peers_len; i++) {
		const struct tdm_peer *p = &c->peers[i];

		if (i != c->self && p->present && p->synced && p->decided)
			h->peers[h->peers_len++] = (struct tdm_peer_ref){ p->id, p->boot };
	}
	for (size_t i = 0; i < c->members_len; i++) {
		const struct tdm_member *m = &c->members[i];

		h->owned[h->owned_len++] =
			(struct tdm_ownership){ m->config.id, m->owner, m->epoch, m->mine };
	}
	tdm_message_cast(c, &msg);
}

/* --- the decision --- */

static void take_over_ownerships(struct tdm_cluster *c, const struct tdm_decision *d)
{
	for (size_t i = 0; i < d->owned_len; i++) {
		const struct tdm_ownership *o = &d->owned[i];
		struct tdm_member *m = tdm_core_member(c, o->member);

		tdm_role_seen(c, o->epoch);
		if (!m)
			continue;
		if (m->mine && o->owner != c->config.self)
			tdm_actions_note(c->actions, true,
				"two owners of member %s met: this node (epoch %llu) yields",
				m->config.name, (unsigned long long)m->epoch.counter);
		m->owner = o->owner;
		if (!m->owner)
			m->config_node = 0;
		if (tdm_epoch_cmp(o->epoch, m->epoch) <= 0)
			continue;
		m->epoch = o->epoch;
		tdm_change_drop_tunnels(c, m, m->gone_at ? m->gone_at : c->now);
		m->gone_at = 0;
	}
}

static void begin_cold(struct tdm_cluster *c)
{
	for (size_t i = 0; i < c->peers_len; i++) {
		struct tdm_peer *p = &c->peers[i];

		p->synced = false;
		p->owes = p->present && p->hello.table_size > 0;
	}
	for (size_t i = 0; i < c->members_len; i++)
		c->members[i].owner = c->members[i].config_node = 0;
	c->round = TDM_ROUND_COLD;
	if (tdm_core_self(c)->owes)
		tdm_bulk_start(c, 0, 0);
}

static void apply(struct tdm_cluster *c, const struct tdm_decision *d,
	const struct tdm_decide_node *nodes, size_t len)
{
	bool was_synced = tdm_core_self(c)->synced;

	take_over_ownerships(c, d);
	for (size_t i = 0; i < len; i++)
		if (d->cold || d->synced[i])
			tdm_role_doubt(c, nodes[i].hello->doubt_ms);
	for (size_t i = 0; i < c->peers_len; i++)
		c->peers[i].decided = c->peers[i].present;
	c->deaf = false; /* our hello said so: we are about to get the whole table */
	if (d->cold) {
		begin_cold(c);
		return;
	}
	for (size_t i = 0; i < c->peers_len; i++) {
		struct tdm_peer *p = &c->peers[i];

		p->synced = false;
		p->owes = p->mute || (p->present && p->hello.table_size > 0);
	}
	for (size_t i = 0; i < len; i++) {
		struct tdm_peer *p = tdm_core_peer(c, nodes[i].who.node);

		p->synced = d->synced[i];
		p->owes = p->owes && !p->synced;
	}
	c->round = TDM_ROUND_NONE;
	tdm_sync_again(c);
	if (was_synced && !tdm_core_self(c)->synced)
		tdm_actions_note(c->actions, true,
			"node %u has the newer session table: merging with it",
			nodes[d->primary].who.node);
	tdm_role_stage(c);
}

/* All hellos are here, or their senders are given up. */
static void decide_if_complete(struct tdm_cluster *c)
{
	struct tdm_decide_node nodes[TDM_NODES_MAX] = { 0 };
	struct tdm_decision decision;
	size_t len = 0;
	bool mute = false;

	if (c->round != TDM_ROUND_HELLO)
		return;
	for (size_t i = 0; i < c->peers_len; i++) {
		const struct tdm_peer *p = &c->peers[i];

		if (!p->present)
			continue;
		if (p->mute) {
			mute = true;
			continue;
		}
		if (!hello_counts(c, p))
			return;
		nodes[len++] =
			(struct tdm_decide_node){ { p->id, p->boot }, &p->hello, p->demoted };
	}
	tdm_decide(nodes, len, &decision);
	/* who is silent may be the only one who knows the sessions: never start cold without it */
	if (!decision.cold || !mute)
		apply(c, &decision, nodes, len);
}

void tdm_sync_hello(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_hello *hello)
{
	if (c->round != TDM_ROUND_START && c->round != TDM_ROUND_HELLO)
		return;
	from->hello = *hello;
	from->hello_here = true;
	if (!hello_counts(c, from))
		return;
	from->mute = false;
	if (from == tdm_core_self(c))
		c->round_since = c->now;
	decide_if_complete(c);
}

/* --- becoming synced --- */

static void all_synced(struct tdm_cluster *c)
{
	bool missing = false;

	for (size_t i = 0; i < c->peers_len; i++) {
		struct tdm_peer *p = &c->peers[i];

		p->synced = p->present;
		missing = missing || (p->configured && !p->present);
		if (p->present && i != c->self)
			tdm_wait_joined(c, p);
	}
	c->round = TDM_ROUND_NONE;
	if (missing)
		tdm_role_doubt(c, TDM_DOUBT_MS);
	tdm_sync_again(c);
	tdm_role_stage(c);
}

static void one_synced(struct tdm_cluster *c, struct tdm_peer *p)
{
	p->synced = true;
	p->owes = false;
	tdm_wait_joined(c, p);
	/* what it acknowledged so far says nothing about older fences: send them again */
	for (size_t i = 0; i < c->members_len; i++)
		c->members[i].fence = 0;
	tdm_role_stage(c);
}

void tdm_sync_synced(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg)
{
	if (!tdm_sync_is_current(c, msg->synced.tag))
		return;
	if (msg->synced.cold) {
		if (c->round == TDM_ROUND_COLD)
			all_synced(c);
		return;
	}
	if (c->round == TDM_ROUND_NONE && from->decided && !from->synced)
		one_synced(c, from);
}

/* --- demotions --- */

void tdm_sync_ask_demote(struct tdm_cluster *c, struct tdm_peer *who)
{
	struct tdm_message msg = { .kind = TDM_MESSAGE_DEMOTE };

	if (who->demoting || !c->connected)
		return;
	who->demoting = true;
	msg.demote.who = (struct tdm_peer_ref){ who->id, who->boot };
	msg.demote.tag = tdm_sync_tag(c);
	tdm_message_cast(c, &msg);
}

static void demote_in_round(struct tdm_cluster *c, struct tdm_peer *p)
{
	p->demoted = true;
	if (!hello_counts(c, p))
		p->mute = true;
	decide_if_complete(c);
}

void tdm_sync_demote(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg)
{
	struct tdm_peer_ref who = msg->demote.who;
	struct tdm_peer *p = tdm_core_peer(c, who.node);
	bool legit;

	if (p && from == tdm_core_self(c))
		p->demoting = false; /* and asked for again, if it was in vain */
	if (!p || !p->present || !tdm_sync_is_current(c, msg->demote.tag) ||
		(who.boot && p->boot && p->boot != who.boot))
		return;
	p->demoting = false;
	legit = p == from || from->synced;
	if (c->round == TDM_ROUND_COLD)
		return; /* nobody is synced, and everybody's table is wanted */
	if (c->round != TDM_ROUND_START && c->round != TDM_ROUND_HELLO && !legit)
		return;
	if (p->synced && legit) {
		p->synced = false;
		c->demotions_total++;
		tdm_actions_note(c->actions, true, "node %u is not synced any more: %s", p->id,
			p == from ? "it missed a message" : "it did not acknowledge in time");
	}
	if (c->round == TDM_ROUND_START || c->round == TDM_ROUND_HELLO) {
		demote_in_round(c, p);
		return;
	}
	if (p == tdm_core_self(c)) {
		c->deaf = false;
		tdm_sync_again(c);
	} else if (c->await == p->id) {
		tdm_sync_again(c);
	}
	tdm_role_stage(c);
}

/* --- what follows from the state --- */

static bool anybody(const struct tdm_cluster *c, bool synced)
{
	for (size_t i = 0; i < c->peers_len; i++) {
		const struct tdm_peer *p = &c->peers[i];

		if (p->present && (synced ? p->synced : p->owes))
			return true;
	}
	return false;
}

static void settle_cold(struct tdm_cluster *c)
{
	struct tdm_message msg = { .kind = TDM_MESSAGE_SYNCED };

	if (c->cold_sent || anybody(c, false) || tdm_view_verdict(c) != TDM_VERDICT_YES)
		return;
	msg.synced.cold = true;
	msg.synced.tag = tdm_sync_tag(c);
	c->cold_sent = true;
	tdm_message_cast(c, &msg);
}

static void settle_unsynced(struct tdm_cluster *c)
{
	struct tdm_peer *self = tdm_core_self(c);
	struct tdm_message msg = { .kind = TDM_MESSAGE_BULK_REQUEST };

	if (!c->asked && anybody(c, true)) {
		msg.bulk_request.offer = self->owes;
		c->asked = true;
		c->ask_seq = tdm_message_cast(c, &msg);
		return;
	}
	if (!c->await_done || self->owes || c->synced_sent || c->deaf || !tdm_verify_joined(c) ||
		c->journal_durable < c->journal_synced)
		return;
	msg.kind = TDM_MESSAGE_SYNCED;
	msg.synced.cold = false;
	msg.synced.tag = tdm_sync_tag(c);
	c->synced_sent = true;
	tdm_message_cast(c, &msg);
}

void tdm_sync_settle(struct tdm_cluster *c)
{
	if (!c->connected)
		return;
	switch (c->round) {
	case TDM_ROUND_START:
		if (c->ring_pending)
			return;
		c->round = TDM_ROUND_HELLO;
		hello_cast(c);
		return;
	case TDM_ROUND_HELLO:
		return;
	case TDM_ROUND_COLD:
		settle_cold(c);
		return;
	case TDM_ROUND_NONE:
		if (!tdm_core_self(c)->synced)
			settle_unsynced(c);
		return;
	}
}

void tdm_sync_tick(struct tdm_cluster *c)
{
	if (c->deaf && c->round == TDM_ROUND_NONE && tdm_core_self(c)->synced)
		tdm_sync_ask_demote(c, tdm_core_self(c));
	if (c->round != TDM_ROUND_HELLO || c->round_since == TDM_NEVER ||
		c->now - c->round_since < c->config.commit_timeout_ms)
		return;
	for (size_t i = 0; i < c->peers_len; i++) {
		struct tdm_peer *p = &c->peers[i];

		if (p->present && !p->mute && !hello_counts(c, p))
			tdm_sync_ask_demote(c, p);
	}
}
