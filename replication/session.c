/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "proto/bytes.h"
#include "proto/text.h"
#include "replication/core.h"
#include "replication/mutant.h"

/* --- resume --- */

static struct tdm_action *resume_answer(
	struct tdm_cluster *c, uint64_t request, enum tdm_err err, enum tdm_reason reason)
{
	struct tdm_action *a = tdm_actions_add(c->actions, TDM_ACTION_RESUME_RESULT);

	a->resume.request = request;
	a->resume.err = err;
	a->resume.reason = reason;
	return a;
}

/* Whether the session may have a tunnel. Only a node that is sure says no for good: the client
 * takes it as the end. */
static enum tdm_err resumable(struct tdm_cluster *c, const struct tdm_event_resume *ev,
	const struct tdm_entry *e, enum tdm_reason *reason)
{
	const struct tdm_member *m = tdm_core_member(c, ev->member);
	enum tdm_err err;

	if (!m && c->members_len == 1)
		m = &c->members[0]; /* a token of no member of ours: whoever serves can say so */
	err = tdm_session_served(c, m);
	if (err)
		return err;
	*reason = TDM_REASON_UNKNOWN_TOKEN;
	if (!e || e->id != ev->id || e->member != m->config.id)
		return tdm_role_sure(c) ? TDM_ERR_UNKNOWN_TOKEN : TDM_ERR_NOT_SYNCED;
	*reason = (enum tdm_reason)e->reason;
	if (e->state == TDM_SESSION_REVOKED)
		return TDM_ERR_REVOKED;
	/* an expiry gives way to a life that went on under a higher epoch elsewhere */
	if (e->state == TDM_SESSION_EXPIRED)
		return tdm_role_sure(c) ? TDM_ERR_EXPIRED : TDM_ERR_NOT_SYNCED;
	/* the answer to the login is not out yet, so nobody can know the token */
	return e->pending ? TDM_ERR_AGAIN : TDM_OK;
}

static void note_public_address(struct tdm_record *rec, const struct tdm_ip *ip, tdm_wall wall)
{
	if (!ip->family || (rec->public_len && tdm_ip_equal(&rec->public_addrs[0].ip, ip)))
		return;
	if (rec->public_len < TDM_PUBLIC_ADDRS_MAX)
		rec->public_len++;
	memmove(&rec->public_addrs[1], &rec->public_addrs[0],
		(size_t)(rec->public_len - 1) * sizeof(rec->public_addrs[0]));
	rec->public_addrs[0].ip = *ip;
	rec->public_addrs[0].since = wall;
}

static void connect_record(const struct tdm_cluster *c, const struct tdm_entry *e,
	const struct tdm_event_resume *ev, struct tdm_record *rec)
{
	/* what the first tunnel was told is told to every later one: a client that sees another
	 * MTU resets its interface */
	if (rec->state == TDM_SESSION_NEW)
		rec->dtls_offered = ev->dtls_offered;
	if (!rec->mtu || TDM_MUTANT_IS(17))
		rec->mtu = ev->mtu;
	if (ev->hostname && *ev->hostname)
		tdm_text_copy_cut(
			rec->hostname, sizeof(rec->hostname), ev->hostname, strlen(ev->hostname));
	tdm_expire_clocks(c, e, rec);
	rec->state = TDM_SESSION_ACTIVE;
	rec->inactive_since = 0;
	rec->tunnels[0] = ev->tunnel;
	rec->tunnels_len = 1;
	note_public_address(rec, &ev->tunnel.remote.ip, c->wall);
}

static void close_older(struct tdm_cluster *c, const struct tdm_entry *e)
{
	struct tdm_action *a;

	if (!e->generation)
		return;
	a = tdm_actions_add(c->actions, TDM_ACTION_CLOSE_TUNNEL);
	a->close.id = e->id;
	a->close.generation = e->generation;
	a->close.reason = TDM_REASON_NONE;
}

void tdm_session_resume(struct tdm_cluster *c, const struct tdm_event_resume *ev)
{
	struct tdm_entry *e = tdm_table_find_verifier(&c->table, ev->verifier);
	enum tdm_reason reason = TDM_REASON_NONE;
	enum tdm_err err = resumable(c, ev, e, &reason);
	struct tdm_action *a;

	if (!err)
		err = tdm_entry_record(e, &c->result);
	if (err) {
		resume_answer(c, ev->request, err, reason);
		return;
	}
	close_older(c, e);
	connect_record(c, e, ev, &c->result);
	tdm_change_write(c, e, &c->result);
	if (!++c->generation_last)
		c->generation_last = 1;
	e->generation = c->generation_last;
	a = resume_answer(c, ev->request, TDM_OK, TDM_REASON_NONE);
	a->resume.generation = e->generation;
	a->resume.record = &c->result;
	a->resume.policy = tdm_entry_policy(e);
}

/* --- tunnel down --- */

void tdm_session_tunnel_down(struct tdm_cluster *c, const struct tdm_event_tunnel *ev)
{
	struct tdm_entry *e = tdm_table_find(&c->table, ev->id);
	const struct tdm_member *m = e ? tdm_core_member(c, e->member) : NULL;
	struct tdm_record rec;

	if (!e || !e->generation || e->generation != ev->generation)
		return;
	e->generation = 0;
	if (e->state != TDM_SESSION_ACTIVE)
		return;
	if (!m || !m->mine || tdm_entry_record(e, &rec)) {
		e->dropped = c->now;
		e->guessed = false;
		tdm_journal_aged(c, e);
		return;
	}
	tdm_expire_clocks(c, e, &rec);
	rec.state = TDM_SESSION_INACTIVE;
	rec.inactive_since = c->wall;
	rec.tunnels_len = 0;
	tdm_change_write(c, e, &rec);
}

/* --- logout --- */

static enum tdm_err may_revoke(
	const struct tdm_cluster *c, const struct tdm_event_logout *ev, const struct tdm_entry *e)
{
	/* while a verdict is pending the answer waits for it */
	if (!c->connected || tdm_view_verdict(c) == TDM_VERDICT_NO)
		return TDM_ERR_NOT_QUORATE;
	if (!c->peers[c->self].synced)
		return TDM_ERR_NOT_SYNCED;
	if (!e || (ev->verifier &&
			  !tdm_bytes_equal(tdm_entry_verifier(e), ev->verifier, TDM_VERIFIER_LEN)))
		return TDM_ERR_NOT_FOUND;
	/* the goodbye of an older tunnel came late: the session lives on in a newer one */
	if (ev->generation && e->generation && ev->generation != e->generation)
		return TDM_ERR_NOT_FOUND;
	return TDM_OK;
}

static void logout_answer(struct tdm_cluster *c, uint64_t request, enum tdm_err err)
{
	struct tdm_action *a;

	if (!request)
		return;
	a = tdm_actions_add(c->actions, TDM_ACTION_LOGOUT_RESULT);
	a->logout.request = request;
	a->logout.err = err;
}

void tdm_session_logout(struct tdm_cluster *c, const struct tdm_event_logout *ev)
{
	struct tdm_entry *e = tdm_table_find(&c->table, ev->id);
	enum tdm_err err = may_revoke(c, ev, e);
	struct tdm_commit *commit;
	uint64_t seq;

	if (err) {
		logout_answer(c, ev->request, err);
		return;
	}
	/* one that was revoked before is sent again: its first sender may still be waiting */
	seq = tdm_change_revoke(c, e, ev->reason);
	commit = seq ? tdm_commits_add(&c->commits) : NULL;
	if (!commit) {
		logout_answer(c, ev->request, TDM_ERR_NOMEM);
		return;
	}
	commit->kind = TDM_COMMIT_LOGOUT;
	commit->request = ev->request;
	commit->id = e->id;
	commit->member = e->member;
	commit->seq = seq;
	commit->journal = e->journal;
}
