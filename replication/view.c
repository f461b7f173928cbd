/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/core.h"

#include <string.h>

/* The same on all nodes, whatever the order of their lists. */
static uint64_t members_hash(const struct tdm_cluster *c)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < c->peers_len; i++)
		if (c->peers[i].present)
			hash += tdm_map_mix(((uint64_t)c->peers[i].id << 32 | c->peers[i].pid) + 1);
	return hash;
}

static void peer_left(struct tdm_cluster *c, struct tdm_peer *p)
{
	for (size_t i = 0; i < c->members_len; i++)
		if (c->members[i].owner == p->id && p->unprotected)
			tdm_role_doubt(c, TDM_DOUBT_MS);
	p->present = p->decided = p->synced = p->mute = p->demoted = p->owes = false;
	p->demoting = p->hello_here = p->stream_ok = false;
	p->pid = 0;
	p->boot = 0;
	p->last_seq = p->acked = p->covers = p->ack_due = p->stream = p->chunks = 0;
	p->waits_len = 0;
	p->unprotected = 0;
	p->verified = p->verify_due = false;
	p->records = 0;
	p->config_told = false;
	tdm_commits_forget(&c->commits, (size_t)(p - c->peers));
}

static struct tdm_peer *peer_new(struct tdm_cluster *c, tdm_node_id id)
{
	struct tdm_peer *p;

	if (c->peers_len == TDM_NODES_MAX) {
		tdm_actions_note(c->actions, true, "node %u is one too many, it is ignored", id);
		return NULL;
	}
	p = &c->peers[c->peers_len++];
	*p = (struct tdm_peer){ .id = id };
	tdm_actions_note(c->actions, true, "node %u is in the group but not configured here", id);
	return p;
}

static bool has(const struct tdm_event_view *view, tdm_node_id id, uint32_t pid)
{
	for (size_t i = 0; i < view->members_len; i++)
		if (view->members[i].node == id && view->members[i].pid == pid)
			return true;
	return false;
}

static void vacate(struct tdm_cluster *c, tdm_node_id owner, bool ended)
{
	for (size_t i = 0; i < c->members_len; i++)
		if (c->members[i].owner == owner)
			c->members[i].vacated = ended;
}

/* Nodes that left, also when they are back at once: what they had then is gone or stale. */
static void take_out(struct tdm_cluster *c, const struct tdm_event_view *view)
{
	for (size_t i = 0; i < view->left_len; i++) {
		struct tdm_peer *p = tdm_core_peer(c, view->left[i].who.node);

		if (view->left[i].reason == TDM_LEFT_NODEDOWN)
			c->ring_pending = c->ring_lost = true;
		/* it may live and make sessions, as quorate as we are */
		if (view->left[i].reason == TDM_LEFT_NODEDOWN && c->config.two_node)
			tdm_role_doubt(c, TDM_DOUBT_MS);
		if (p && p->present && p->pid == view->left[i].who.pid) {
			vacate(c, p->id, view->left[i].reason != TDM_LEFT_NODEDOWN);
			peer_left(c, p);
		}
	}
	for (size_t i = 0; i < c->peers_len; i++) {
		struct tdm_peer *p = &c->peers[i];

		if (p->present && !has(view, p->id, p->pid))
			peer_left(c, p);
	}
}

static void bring_in(struct tdm_cluster *c, const struct tdm_event_view *view)
{
	for (size_t i = 0; i < view->joined_len; i++)
		if (view->joined[i].nodeup)
			c->ring_pending = true;
	for (size_t i = 0; i < view->members_len; i++) {
		struct tdm_peer *p = tdm_core_peer(c, view->members[i].node);

		if (!p)
			p = peer_new(c, view->members[i].node);
		if (!p)
			continue;
		if (p->present && p->pid != view->members[i].pid)
			tdm_actions_note(c->actions, true,
				"node %u has a second process (pid %u) in the group, it is ignored",
				p->id, view->members[i].pid);
		if (p->present)
			continue;
		p->present = true;
		p->pid = view->members[i].pid;
	}
}

static void disconnect(struct tdm_cluster *c)
{
	tdm_bulk_cancel(c);
	for (size_t i = 0; i < c->peers_len; i++)
		peer_left(c, &c->peers[i]);
	for (size_t i = 0; i < c->members_len; i++) {
		c->members[i].owner = c->members[i].config_node = 0;
		c->members[i].gone_at = c->now;
	}
	memset(c->verdicts, 0, sizeof(c->verdicts));
	memset(c->refused, 0, sizeof(c->refused));
	c->connected = c->ring_pending = c->ring_lost = c->ring_missed = c->deaf = false;
	tdm_verify_reset(c);
	c->ring = (struct tdm_ring){ 0 };
	c->round = TDM_ROUND_NONE;
}

void tdm_view_lost(struct tdm_cluster *c)
{
	if (c->connected)
		disconnect(c);
}

void tdm_view_change(struct tdm_cluster *c, const struct tdm_event_view *view)
{
	bool undecided = false, synced = false;

	take_out(c, view);
	bring_in(c, view);
	if (!tdm_core_self(c)->present) {
		disconnect(c);
		return;
	}
	c->connected = true;
	if (!c->ring.seq)
		c->ring_pending = true;
	c->members_hash = members_hash(c);
	for (size_t i = 0; i < c->peers_len; i++) {
		undecided = undecided || (c->peers[i].present && !c->peers[i].decided);
		synced = synced || c->peers[i].synced;
		c->peers[i].hello_here = false; /* of an earlier view */
	}
	tdm_role_stage(c);
	if (undecided || !synced)
		tdm_sync_start(c);
	else
		tdm_sync_again(c);
}

static enum tdm_verdict verdict_on(const struct tdm_cluster *c, struct tdm_ring ring)
{
	for (size_t i = 0; i < TDM_VERDICTS_KEPT; i++)
		if (c->verdicts[i].ring.seq && tdm_ring_equal(c->verdicts[i].ring, ring))
			return c->verdicts[i].quorate ? TDM_VERDICT_YES : TDM_VERDICT_NO;
	return TDM_VERDICT_PENDING;
}

enum tdm_verdict tdm_view_verdict(const struct tdm_cluster *c)
{
	return c->connected && !c->ring_pending ? verdict_on(c, c->ring) : TDM_VERDICT_PENDING;
}

void tdm_view_ring(struct tdm_cluster *c, struct tdm_ring ring)
{
	bool missed = false;

	if (!c->connected || (!c->ring_pending && tdm_ring_equal(ring, c->ring)))
		return;
	if (!c->ring_pending)
		c->ring_lost = true; /* a node without a daemon went, or came */
	if (!c->ring_pending && c->config.two_node)
		tdm_role_doubt(c, TDM_DOUBT_MS); /* its daemon may start out of sight */
	/* not quorate in it, if only for a moment before we heard of it */
	for (size_t i = 0; i < TDM_VERDICTS_KEPT; i++)
		missed = missed || (c->refused[i] && tdm_ring_equal(c->verdicts[i].ring, ring));
	/* In a ring that we were not known to be quorate in, others may have been, elsewhere. */
	if (missed || (c->ring.seq && verdict_on(c, c->ring) != TDM_VERDICT_YES)) {
		tdm_role_doubt(c, TDM_DOUBT_MS);
		c->ring_missed = true;
	}
	c->ring_pending = false;
	c->ring = ring;
	if (c->round != TDM_ROUND_NONE)
		tdm_sync_start(c); /* hellos are for a ring */
}

/* The newest are kept: one for an old ring that comes late must not push out a newer one. */
void tdm_view_quorum(struct tdm_cluster *c, const struct tdm_event_quorum *verdict)
{
	struct tdm_event_quorum *oldest = &c->verdicts[0];

	for (size_t i = 0; i < TDM_VERDICTS_KEPT; i++) {
		if (tdm_ring_equal(c->verdicts[i].ring, verdict->ring)) {
			c->verdicts[i] = *verdict;
			c->refused[i] = c->refused[i] || !verdict->quorate;
			return;
		}
		if (c->verdicts[i].ring.seq < oldest->ring.seq)
			oldest = &c->verdicts[i];
	}
	if (oldest->ring.seq > verdict->ring.seq)
		return;
	*oldest = *verdict;
	c->refused[oldest - c->verdicts] = !verdict->quorate;
}
