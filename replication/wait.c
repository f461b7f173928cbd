/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers that wait. A login's token goes out, and a logout is confirmed, when our change has its
 * place in the order of messages, every node it has to reach has acknowledged it, and we are
 * quorate for the ring of now. Delivery to ourselves proves the order and nothing else.
 */
#include "replication/core.h"

static bool is_of(const struct tdm_member *m, tdm_node_id id)
{
	for (size_t i = 0; i < m->config.nodes_len; i++)
		if (m->config.nodes[i] == id)
			return true;
	return false;
}

/* Who has to acknowledge: a login needs the member's synced standbys, a revocation has to be known
 * to every synced node. */
static uint32_t waiting_for(struct tdm_cluster *c, const struct tdm_commit *commit)
{
	const struct tdm_member *m = tdm_core_member(c, commit->member);
	uint32_t mask = 0;

	for (size_t i = 0; i < c->peers_len; i++) {
		const struct tdm_peer *p = &c->peers[i];

		if (i == c->self || !p->present || !p->synced)
			continue;
		if (commit->kind == TDM_COMMIT_LOGOUT || (m && is_of(m, p->id)))
			mask |= (uint32_t)1 << i;
	}
	return mask;
}

void tdm_wait_delivered(struct tdm_cluster *c, uint64_t seq)
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
		return;
	}
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
		tdm_change_unprotected(c, e, !commit->acked);
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
		if (!m || !m->mine)
			return TDM_ERR_NOT_OWNER;
	} else {
		if (verdict == TDM_VERDICT_NO)
			return TDM_ERR_NOT_QUORATE;
		if (!c->peers[c->self].synced)
			return TDM_ERR_NOT_SYNCED;
		if (commit->journal > c->journal_durable)
			return TDM_ERR_AGAIN;
	}
	if (commit->delivered && !commit->waiting && verdict == TDM_VERDICT_YES)
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
	if (tdm_view_verdict(c) != TDM_VERDICT_YES)
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
