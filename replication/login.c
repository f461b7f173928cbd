/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "proto/text.h"
#include "replication/core.h"
#include "replication/mutant.h"

enum { INDEX_BLOCK = 1024, MS_PER_S = 1000 };

enum tdm_err tdm_session_served(const struct tdm_cluster *c, const struct tdm_member *m)
{
	if (!c->connected)
		return TDM_ERR_NOT_QUORATE;
	switch (m ? m->role : TDM_ROLE_NONE) {
	case TDM_ROLE_OWNER:
		return TDM_OK;
	case TDM_ROLE_PAUSED:
	case TDM_ROLE_ISOLATED:
		return TDM_ERR_NOT_QUORATE;
	case TDM_ROLE_SYNCING:
		return TDM_ERR_NOT_SYNCED;
	case TDM_ROLE_STANDBY:
	case TDM_ROLE_NONE:
	case TDM_ROLE_COUNT:
		break;
	}
	return TDM_ERR_NOT_OWNER;
}

/* counter * 32 + slot: unique also while the cluster is cut in two. */
static uint32_t index_next(struct tdm_cluster *c)
{
	uint64_t counter = c->numbers.index_counter++;

	if (counter >= c->index_saved) {
		c->index_saved = counter + INDEX_BLOCK;
		tdm_role_save(c);
	}
	return (uint32_t)(counter * TDM_INDEX_SLOTS + c->self);
}

static int64_t clock_of(uint32_t seconds)
{
	return seconds ? (int64_t)seconds * MS_PER_S : TDM_NEVER;
}

static void cut(char *out, size_t cap, const char *s)
{
	tdm_text_copy_cut(out, cap, s ? s : "", s ? strlen(s) : 0);
}

static void fill_texts(const struct tdm_event_login *login, struct tdm_record *rec)
{
	cut(rec->group, sizeof(rec->group), login->policy->name);
	cut(rec->tunnel_group, sizeof(rec->tunnel_group), login->tunnel_group);
	cut(rec->auth_method, sizeof(rec->auth_method), login->auth_method);
	cut(rec->auth_mode, sizeof(rec->auth_mode), login->auth_mode);
	cut(rec->agent, sizeof(rec->agent), login->agent);
	cut(rec->device, sizeof(rec->device), login->device);
	cut(rec->hostname, sizeof(rec->hostname), login->hostname);
}

static enum tdm_err fill(struct tdm_cluster *c, const struct tdm_member *m,
	const struct tdm_event_login *login, struct tdm_record *rec)
{
	const struct tdm_policy *policy = login->policy;

	/* a name cut short would be somebody else's */
	if (!login->user ||
		tdm_text_copy(rec->user, sizeof(rec->user), login->user, strlen(login->user)))
		return TDM_ERR_TOO_LONG;
	fill_texts(login, rec);
	rec->id = login->id;
	rec->index = index_next(c);
	rec->member = login->member;
	memcpy(rec->verifier, login->verifier, sizeof(rec->verifier));
	rec->version = (struct tdm_version){ m->epoch, 1 };
	rec->state = TDM_SESSION_NEW;
	rec->entry = login->entry;
	rec->login = c->wall;
	rec->idle_left_ms = clock_of(policy->idle_timeout_s);
	rec->disconnected_left_ms = clock_of(policy->disconnected_timeout_s);
	rec->session_left_ms = clock_of(policy->session_timeout_s);
	if (login->peer.family) {
		rec->public_len = 1;
		rec->public_addrs[0].ip = login->peer;
		rec->public_addrs[0].since = c->wall;
	}
	return TDM_OK;
}

static enum tdm_err refused(
	struct tdm_cluster *c, const struct tdm_member *m, const struct tdm_event_login *login)
{
	enum tdm_err err;

	if (!m || !login->policy || !login->id)
		return TDM_ERR_INVAL;
	err = tdm_session_served(c, m);
	if (err)
		return err;
	if (tdm_table_find(&c->table, login->id) ||
		tdm_table_find_verifier(&c->table, login->verifier))
		return TDM_ERR_EXISTS;
	return c->table.live >= c->config.sessions_max ? TDM_ERR_FULL : TDM_OK;
}

static enum tdm_err make(struct tdm_cluster *c, struct tdm_member *m,
	const struct tdm_event_login *login, struct tdm_entry **entry)
{
	struct tdm_record rec = { 0 };
	struct tdm_ip ip;
	uint32_t addr;
	uint8_t len;
	enum tdm_err err = fill(c, m, login, &rec);

	if (!err)
		err = tdm_pool_take(&m->pool, &addr, &len);
	if (err)
		return err;
	ip = tdm_ip_from_v4(addr);
	tdm_ip_text(&ip, rec.addr4);
	tdm_prefix_mask_text(len, rec.mask4);
	err = tdm_change_create(c, &rec, login->policy, entry);
	if (err)
		tdm_pool_end(&m->pool, addr);
	return err;
}

static void answer(struct tdm_cluster *c, uint64_t request, tdm_session_id id, enum tdm_err err)
{
	struct tdm_action *a = tdm_actions_add(c->actions, TDM_ACTION_LOGIN_RESULT);

	a->login.request = request;
	a->login.err = err;
	a->login.id = id;
}

/* Send a new session on its way and wait for it. */
static enum tdm_err commit_login(
	struct tdm_cluster *c, const struct tdm_event_login *login, struct tdm_entry *e)
{
	struct tdm_commit *commit;
	uint64_t seq;

	e->pending = e->undelivered = true;
	seq = tdm_message_update(c, e);
	commit = seq ? tdm_commits_add(&c->commits) : NULL;
	if (!commit) {
		e->pending = e->undelivered = false;
		tdm_change_revoke(c, e, TDM_REASON_NOT_OWNER);
		return TDM_ERR_NOMEM;
	}
	commit->kind = TDM_COMMIT_LOGIN;
	commit->request = login->request;
	commit->id = login->id;
	commit->member = login->member;
	commit->seq = seq;
	return TDM_OK;
}

void tdm_session_login(struct tdm_cluster *c, const struct tdm_event_login *login)
{
	struct tdm_member *m = tdm_core_member(c, login->member);
	struct tdm_entry *e = NULL;
	enum tdm_err err = refused(c, m, login);

	if (!err)
		err = make(c, m, login, &e);
	if (!err)
		err = commit_login(c, login, e);
	if (err)
		answer(c, login->request, login->id, err);
}

/* The oldest live session of the user in the order of messages, apart from one; counts them. */
static struct tdm_entry *oldest_other(struct tdm_entry *e, size_t *count)
{
	struct tdm_entry *oldest = NULL;

	*count = 0;
	for (struct tdm_entry *o = e->user->sessions; o; o = o->user_next) {
		if (o == e || o->undelivered || !tdm_state_is_live(o->state))
			continue;
		(*count)++;
		if (!oldest || o->login < oldest->login ||
			(o->login == oldest->login && o->id < oldest->id))
			oldest = o;
	}
	return oldest;
}

/* End what a user has above the limit of a session; that one stays, and counts. */
static void displace(struct tdm_cluster *c, struct tdm_entry *e)
{
	uint32_t limit = tdm_entry_policy(e)->simultaneous_logins;
	struct tdm_entry *oldest;
	size_t others;

	if (!limit || !tdm_state_is_live(e->state) || TDM_MUTANT_IS(21))
		return;
	while ((oldest = oldest_other(e, &others)) && others >= limit) {
		tdm_actions_note(c->actions, false,
			"session %u is displaced by session %u of the same user", oldest->index,
			e->index);
		tdm_change_revoke(c, oldest, TDM_REASON_DISPLACED);
	}
}

void tdm_session_delivered(struct tdm_cluster *c, struct tdm_entry *e)
{
	e->undelivered = false;
	displace(c, e);
}

static struct tdm_entry *newest(struct tdm_entry *first)
{
	struct tdm_entry *best = NULL;

	for (struct tdm_entry *e = first; e; e = e->user_next)
		if (tdm_state_is_live(e->state) && !e->undelivered &&
			(!best || e->login > best->login ||
				(e->login == best->login && e->id > best->id)))
			best = e;
	return best;
}

void tdm_session_settle_limits(struct tdm_cluster *c, struct tdm_member *m)
{
	m->surplus = false;
	for (size_t i = 0; i < c->table.slots_len; i++) {
		struct tdm_entry *e = c->table.slots[i];

		if (e && e->member == m->config.id && tdm_state_is_live(e->state) &&
			tdm_entry_policy(e)->simultaneous_logins && newest(e->user->sessions) == e)
			displace(c, e);
	}
}
