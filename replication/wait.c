/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers that wait. A login's token goes out, and a logout is confirmed, when our change has its
 * place in the order of messages, every node it has to reach has acknowledged it, and we are
 * quorate for the ring of now. Delivery to ourselves proves the order and nothing else.
 */
#include "replication/core.h"
#include "replication/mutant.h"

static bool is_of(const struct tdm_member *m, tdm_node_id id)
{
	for (size_t i = 0; i < m->config.nodes_len; i++)
		if (m->config.nodes[i] == id)
			return true;
	return false;
}

/* Who has to acknowledge: a login needs the member's synced standbys, a revocation has to be known
 * to every synced node. */
static bool needed(struct tdm_cluster *c, const struct tdm_commit *commit, const struct tdm_peer *p)
{
	const struct tdm_member *m = tdm_core_member(c, commit->member);

	return commit->kind == TDM_COMMIT_LOGOUT || (m && is_of(m, p->id));
}

static uint32_t waiting_for(struct tdm_cluster *c, const struct tdm_commit *commit)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < c->peers_len; i++) {
		const struct tdm_peer *p = &c->peers[i];

		if (i == c->self || !p->present || !p->synced)
			continue;
		if (needed(c, commit, p))
			mask |= (uint32_t)1 << i;
	}
	return mask;
}

/* It has the bulk, and what was ordered before it said so; but it may not have seen all of that
 * yet, and if it is cut off now it never will. Only acknowledgements count. */
void tdm_wait_joined(struct tdm_cluster *c, struct tdm_peer *p)
{
	bool fence = c->unprotected > 0;

	if (p == tdm_core_self(c))
		return;
	for (struct tdm_commit *commit = c->commits.first; commit; commit = commit->next)
		if (commit->delivered && needed(c, commit, p)) {
			commit->waiting |= (uint32_t)1 << (p - c->peers);
			commit->deadline = c->now + c->config.commit_timeout_ms;
			fence = true;
		}
	/* what was ordered before it came it got with the bulk and will not acknowledge itself */
	p->covers = fence ? tdm_message_update(c, NULL) : 0;
}

/* A node has all sessions up to this point: none of its members is held by us alone any more. */
static void covered_by(struct tdm_cluster *c, const struct tdm_peer *p)
{
	for (size_t i = 0; i < c->table.slots_len && c->unprotected; i++) {
		struct tdm_entry *e = c->table.slots[i];
		const struct tdm_member *m = e ? tdm_core_member(c, e->member) : NULL;

		if (e && e->unprotected && m && is_of(m, p->id))
			tdm_change_unprotected(c, e, false);
	}
}

void tdm_wait_acked(struct tdm_cluster *c, struct tdm_peer *p)
{
	if (!p->synced)
		return;
	tdm_commits_acked(&c->commits, (size_t)(p - c->peers), p->acked);
	if (!p->covers || p->acked < p->covers)
		return;
	p->covers = 0;
	covered_by(c, p);
}

bool tdm_wait_delivered(struct tdm_cluster *c, uint64_t seq)
{
	for (struct tdm_commit *commit = c->commits.first; commit; commit = commit->next) {
		struct tdm_entry *e;

		if (commit->seq != seq)
			continue;
		commit->delivered = true;
		commit->waiting = waiting_for(c, commit);
		commit->deadline = c->now + c->config.commit_timeout_ms;
		e = tdm_table_find(&c->table, commit->id);
		if (e && commit->kind == TDM_COMMIT_LOGIN)
			tdm_session_delivered(c, e);
		return commit->waiting != 0;
	}
	return false;
}

void tdm_wait_again(struct tdm_cluster *c, uint64_t seq)
{
	for (struct tdm_commit *commit = c->commits.first; commit; commit = commit->next) {
		const struct tdm_entry *e;

		if (commit->delivered || commit->seq >= seq)
			continue;
		e = tdm_table_find(&c->table, commit->id);
		if (e)
			commit->seq = tdm_message_update(c, e);
	}
}

static void login_done(struct tdm_cluster *c, const struct tdm_commit *commit, struct tdm_entry *e,
	enum tdm_err err)
{
	struct tdm_action *a;

	if (e)
		e->pending = e->undelivered = false;
	if (e && !err)
		tdm_change_unprotected(c, e, !commit->acked && !TDM_MUTANT_IS(3));
	/* the token never went out: the session must not live on anywhere */
	if (e && err && tdm_state_is_live(e->state))
		tdm_change_revoke(c, e, TDM_REASON_NOT_OWNER);
	a = tdm_actions_add(c->actions, TDM_ACTION_LOGIN_RESULT);
	a->login.request = commit->request;
	a->login.err = err;
	a->login.id = commit->id;
	if (e) {
		a->login.index = e->index;
		a->login.unprotected = e->unprotected;
	}
	c->commits_total += !err;
}

static void logout_done(struct tdm_cluster *c, const struct tdm_commit *commit, enum tdm_err err)
{
	struct tdm_action *a;

	if (!commit->request)
		return;
	a = tdm_actions_add(c->actions, TDM_ACTION_LOGOUT_RESULT);
	a->logout.request = commit->request;
	a->logout.err = err;
}

/* Nodes that left or were demoted are not waited for. */
static void shrink(const struct tdm_cluster *c, struct tdm_commit *commit)
{
	for (size_t i = 0; i < c->peers_len && commit->waiting; i++)
		if (!c->peers[i].present || !c->peers[i].synced)
			commit->waiting &= ~((uint32_t)1 << i);
}

/* TDM_ERR_AGAIN: keep waiting. */
static enum tdm_err verdict_of(
	struct tdm_cluster *c, const struct tdm_commit *commit, const struct tdm_entry *e)
{
	enum tdm_verdict verdict = tdm_view_verdict(c);
	const struct tdm_member *m = tdm_core_member(c, commit->member);

	if (!c->connected)
		return TDM_ERR_CLUSTER_LOST;
	if (commit->kind == TDM_COMMIT_LOGIN) {
		if (!e || !tdm_state_is_live(e->state))
			return TDM_ERR_REVOKED;
		/* also when we own again, with a new epoch: another may have between the two */
		if (!m || !m->mine ||
			(tdm_epoch_cmp(e->version.epoch, m->epoch) && !TDM_MUTANT_IS(10)))
			return TDM_ERR_NOT_OWNER;
	} else {
		if (verdict == TDM_VERDICT_NO)
			return TDM_ERR_NOT_QUORATE;
		if (!c->peers[c->self].synced)
			return TDM_ERR_NOT_SYNCED;
		if (commit->journal > c->journal_durable)
			return TDM_ERR_AGAIN;
	}
	/* who came just now may own with a higher epoch, or be synced and have to know */
	if (TDM_MUTANT_IS(1) && commit->kind == TDM_COMMIT_LOGIN)
		return TDM_OK;
	if (TDM_MUTANT_IS(2) && commit->kind == TDM_COMMIT_LOGOUT)
		return TDM_OK;
	if (commit->delivered && !commit->waiting && verdict == TDM_VERDICT_YES &&
		!tdm_role_undecided(c))
		return TDM_OK;
	return TDM_ERR_AGAIN;
}

void tdm_wait_settle(struct tdm_cluster *c)
{
	struct tdm_commit **at = &c->commits.first;

	while (*at) {
		struct tdm_commit done = **at;
		struct tdm_entry *e = tdm_table_find(&c->table, done.id);
		enum tdm_err err;

		shrink(c, *at);
		done.waiting = (*at)->waiting;
		err = verdict_of(c, &done, e);
		if (err == TDM_ERR_AGAIN) {
			at = &(*at)->next;
			continue;
		}
		tdm_commits_drop(&c->commits, at);
		if (done.kind == TDM_COMMIT_LOGIN)
			login_done(c, &done, e, err);
		else
			logout_done(c, &done, err);
	}
}

/* A node that is silent for too long after our change had its place is demoted: by a message, so
 * that all nodes know it before the answer goes out. While nothing is delivered, nobody is blamed.
 */
void tdm_wait_tick(struct tdm_cluster *c)
{
	if (tdm_view_verdict(c) != TDM_VERDICT_YES || TDM_MUTANT_IS(20))
		return;
	for (struct tdm_commit *commit = c->commits.first; commit; commit = commit->next) {
		if (c->now < commit->deadline)
			continue;
		for (size_t i = 0; i < c->peers_len; i++)
			if (commit->waiting & (uint32_t)1 << i)
				tdm_sync_ask_demote(c, &c->peers[i]);
	}
}

static bool fence_passed(const struct tdm_cluster *c, uint64_t fence)
{
	if (c->peers[c->self].last_seq < fence)
		return false;
	if (TDM_MUTANT_IS(5))
		return true;
	for (size_t i = 0; i < c->peers_len; i++) {
		const struct tdm_peer *p = &c->peers[i];

		if (i != c->self && p->present && p->synced && p->acked < fence)
			return false;
	}
	return true;
}

void tdm_wait_fences(struct tdm_cluster *c)
{
	if (tdm_view_verdict(c) != TDM_VERDICT_YES)
		return;
	for (size_t i = 0; i < c->members_len; i++) {
		struct tdm_member *m = &c->members[i];

		if (!m->mine)
			continue;
		if (m->fence && fence_passed(c, m->fence)) {
			tdm_pool_fenced(&m->pool);
			m->fence = 0;
		}
		if (m->fence || (!m->pool.any_ended && !m->pool.any_cooling))
			continue;
		/* all that ended until now was sent before this */
		tdm_pool_fence(&m->pool);
		m->fence = tdm_message_update(c, NULL);
	}
}
