/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What must hold after every step. Where a case is let pass, the reason stands beside it; each is
 * as narrow as the promise itself:
 *   - a node that was not told of the ring its host is in (its corosync stands still, its inbox
 *     waits) is not in the quorate view that I2 and I8 speak of: there the lease has to do it;
 *   - with two_node both halves of a cut are quorate, and neither can know what the other does;
 *   - while a merge is under way (somebody owes records, or is not decided yet) the records of one
 *     side are on their way to the other;
 *   - I1 promises the loss of one node, not of the memory of all that had a record.
 */
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"

enum { ACTIONS_MAX = 256 };

struct tdm_entry *sim_entry(const struct sim_node *n, tdm_session_id session)
{
	return n->cluster ? tdm_table_find(&n->cluster->table, session) : NULL;
}

static bool live_at(const struct sim_node *n, tdm_session_id session)
{
	const struct tdm_entry *e = sim_entry(n, session);

	return e && tdm_state_is_live(e->state);
}

static bool ended_at(const struct sim_node *n, tdm_session_id session)
{
	const struct tdm_entry *e = sim_entry(n, session);

	return e && e->state == TDM_SESSION_REVOKED;
}

static size_t count(const struct sim *sim, tdm_session_id session, const struct sim_node *but,
	bool (*is)(const struct sim_node *n, tdm_session_id session))
{
	size_t total = 0;

	for (size_t i = 0; i < sim->setup->nodes; i++)
		total += &sim->nodes[i] != but && is(&sim->nodes[i], session);
	return total;
}

size_t sim_holders(const struct sim *sim, tdm_session_id session)
{
	return count(sim, session, NULL, live_at);
}

static bool merging(const struct tdm_cluster *c)
{
	for (size_t i = 0; i < c->peers_len; i++)
		if (c->peers[i].present && (c->peers[i].owes || !c->peers[i].decided))
			return true;
	return c->round != TDM_ROUND_NONE;
}

/* Whether a node's view has this process. */
static bool in_view(const struct sim_node *n, const struct sim_node *o)
{
	const struct tdm_peer *p = tdm_core_peer(n->cluster, o->id);

	return p && p->present && p->pid == o->pid;
}

/* The process that a node takes for synced, as long as it is the same one. */
static struct sim_node *synced_peer(const struct sim_node *n, size_t i)
{
	const struct tdm_peer *p = &n->cluster->peers[i];
	struct sim_node *o;

	if (i == n->cluster->self || !p->present || !p->synced)
		return NULL;
	o = sim_node(n->sim, p->id);
	return o->cluster && o->pid == p->pid ? o : NULL;
}

/* --- answers --- */

/* Of all that the answering node calls synced, nobody may lack the session. */
static void check_held(struct sim_node *n, tdm_session_id s, const char *what)
{
	for (size_t i = 0; i < n->cluster->peers_len; i++) {
		const struct sim_node *o = synced_peer(n, i);

		if (o && !sim_entry(o, s))
			sim_fail(n->sim, what, s, o->id);
	}
}

/* An address is leased again only when nobody whose word counts holds it for another session. */
static void check_lease(struct sim_node *n, const struct tdm_entry *e)
{
	for (size_t i = 0; i < n->cluster->peers_len; i++) {
		const struct sim_node *o = synced_peer(n, i);
		const struct tdm_entry *h =
			o ? tdm_table_find_addr(&o->cluster->table, e->addr) : NULL;

		/* one that is ahead of us may know that ours has ended already; what a merge
		 * brings is settled by it */
		if (h && h->id != e->id && sim_in_ring(n) && live_at(o, e->id) &&
			!merging(n->cluster))
			sim_fail(n->sim,
				"I3: an address was leased that a synced node holds for "
				"another session",
				e->id, o->id);
	}
	if (tdm_table_find_addr(&n->cluster->table, e->addr) != e)
		sim_fail(n->sim, "I3: an address was leased twice", e->id, n->id);
}

static void on_login(struct sim_node *n, tdm_session_id s, const struct tdm_action *a)
{
	struct sim_token *t = &n->sim->tokens[s];
	const struct tdm_entry *e = sim_entry(n, s);
	struct tdm_record rec;

	if (a->login.err)
		return;
	if (!e || !tdm_state_is_live(e->state) || tdm_entry_record(e, &rec)) {
		sim_fail(n->sim, "a token went out without a session", s, n->id);
		return;
	}
	t->out = true;
	t->unprotected = a->login.unprotected;
	snprintf(t->addr, sizeof(t->addr), "%s", rec.addr4);
	if (n->role != TDM_ROLE_OWNER || !n->cluster->peers[n->cluster->self].synced)
		sim_fail(n->sim, "I4: a token was given by a node that does not own", s, n->id);
	check_held(n, s, "I1: a token went out and a synced standby does not have its session");
	/* who acknowledged may have died since then, and only then */
	if (!t->unprotected && !n->sim->memory_lost && !count(n->sim, s, n, live_at) &&
		!count(n->sim, s, n, ended_at))
		sim_fail(n->sim,
			"I1: a token went out as protected and nobody else has its session", s,
			n->id);
	t->exposed = !count(n->sim, s, n, live_at);
	check_lease(n, e);
}

/* Does anybody in a node's view know of the end of a session? */
static bool known_in_view(const struct sim_node *n, tdm_session_id s)
{
	for (size_t i = 0; i < n->sim->setup->nodes; i++)
		if (in_view(n, &n->sim->nodes[i]) && ended_at(&n->sim->nodes[i], s))
			return true;
	return false;
}

static void resumed(struct sim_node *n, tdm_session_id s, const struct tdm_action *a)
{
	struct sim *sim = n->sim;
	struct sim_token *t = &sim->tokens[s];
	struct sim_tunnel *at = &t->tunnels[n->id - 1];
	bool may_lack_end = !sim_in_ring(n) || sim->setup->two_node || merging(n->cluster);

	if (!t->out)
		sim_fail(sim, "I8: a token that never went out was accepted", s, n->id);
	/* without a journal, an end is forgotten when all who were told of it lost their memory */
	/* a lone node answered for the end, and is lost now */
	if (count(sim, s, NULL, ended_at) < 2 && !known_in_view(n, s))
		may_lack_end = true;
	if (t->end_answered && !may_lack_end && !t->tomb_lost)
		sim_fail(sim, "I2: a token was accepted after its end was answered", s, n->id);
	if (t->end_answered && !merging(n->cluster) && ended_at(n, s))
		sim_fail(sim, "I2: a token was accepted by a node that knows of its end", s, n->id);
	if (strcmp(t->addr, a->resume.record->addr4))
		sim_fail(sim, "I5: the inner address changed", s, n->id);
	/* what a resume wrote may be lost with an owner that was cut off at once, and with two_node
	 * the record of the other half may have won */
	if (at->mtu && !sim->setup->two_node && at->epoch == n->epoch.counter &&
		at->mtu != a->resume.record->mtu)
		sim_fail(sim, "I5: the MTU that was announced changed", s, n->id);
	at->mtu = a->resume.record->mtu;
	at->epoch = n->epoch.counter;
	if (!sim_entry(n, s) || sim_entry(n, s)->state != TDM_SESSION_ACTIVE)
		sim_fail(sim, "I7: a resume left no trace in the record", s, n->id);
	t->connected = true;
	t->resumed_at = sim->now;
	at->older = at->generation;
	at->generation = a->resume.generation;
}

static bool early(const struct sim *sim, const struct sim_token *t, enum tdm_reason reason)
{
	const struct tdm_policy *p = sim_policy(t->policy);
	uint32_t wait_s = p->disconnected_timeout_s ? p->disconnected_timeout_s : p->idle_timeout_s;

	switch (reason) {
	case TDM_REASON_SESSION_TIMEOUT:
		return sim->now < t->login_at + (tdm_ms)p->session_timeout_s * 1000;
	case TDM_REASON_CONNECT_TIMEOUT:
		return sim->now < t->login_at + SIM_CONNECT_TIMEOUT_MS;
	case TDM_REASON_IDLE_TIMEOUT:
		/* at least that long without a tunnel, so at least that long since the last
		 * resume; one that a cut-off owner granted may be unknown to the others */
		return sim->now < t->resumed_at + (tdm_ms)wait_s * 1000 && !t->exposed &&
		       !sim->doubted && !sim->setup->two_node;
	default:
		return true;
	}
}

/* 401, which the client takes as the end. */
static void refused(struct sim_node *n, tdm_session_id s, const struct tdm_action *a)
{
	struct sim *sim = n->sim;
	const struct sim_token *t = &sim->tokens[s];
	bool blind = sim->setup->two_node || sim->doubted;

	if (!t->out || t->end_asked)
		return;
	switch (a->resume.err) {
	case TDM_ERR_UNKNOWN_TOKEN:
		/* a half that is quorate alone (two_node) may outlive its doubt */
		if (sim_in_ring(n) && count(sim, s, NULL, live_at))
			sim_fail(sim, "I8: the token of a live session was called unknown", s,
				n->id);
		break;
	case TDM_ERR_REVOKED:
		if (a->resume.reason != TDM_REASON_DISPLACED &&
			!(blind && a->resume.reason == TDM_REASON_ADDRESS_CONFLICT))
			sim_fail(sim, "a session was revoked for no reason", s, n->id);
		if (a->resume.reason == TDM_REASON_DISPLACED &&
			!sim_policy(t->policy)->simultaneous_logins)
			sim_fail(sim, "N15: a session without a limit was displaced", s, n->id);
		break;
	case TDM_ERR_EXPIRED:
		if (early(sim, t, a->resume.reason))
			sim_fail(sim, "I6: a session expired too early", s, n->id);
		break;
	default:
		break;
	}
}

static void on_resume(struct sim_node *n, const struct sim_open *open, const struct tdm_action *a)
{
	if (open->kind == SIM_STRANGER) {
		if (!a->resume.err)
			sim_fail(n->sim, "a token of nobody was accepted", open->session, n->id);
		return;
	}
	if (!a->resume.err && (n->role < TDM_ROLE_OWNER))
		sim_fail(n->sim, "I4: a tunnel was given by a node that does not own",
			open->session, n->id);
	if (!a->resume.err)
		resumed(n, open->session, a);
	else
		refused(n, open->session, a);
}

static void on_logout(struct sim_node *n, tdm_session_id s, const struct tdm_action *a)
{
	if (a->logout.err)
		return;
	n->sim->tokens[s].end_answered = true;
	if (!ended_at(n, s))
		sim_fail(n->sim, "I2: an end was answered that did not happen", s, n->id);
	for (size_t i = 0; i < n->cluster->peers_len; i++) {
		const struct sim_node *o = synced_peer(n, i);

		if (o && !ended_at(o, s))
			sim_fail(n->sim, "I2: an end was answered before a synced node knew", s,
				o->id);
	}
}

void sim_check_answer(struct sim_node *n, const struct tdm_action *a)
{
	uint64_t request = a->kind == TDM_ACTION_LOGIN_RESULT    ? a->login.request
			   : a->kind == TDM_ACTION_RESUME_RESULT ? a->resume.request
								 : a->logout.request;
	struct sim_open open = n->sim->open[request % SIM_OPEN_MAX];

	if (open.request != request) {
		sim_fail(n->sim, "a request was answered twice", request, n->id);
		return;
	}
	n->sim->open[request % SIM_OPEN_MAX].request = 0;
	if (n->sim->verbose)
		fprintf(stderr, "%lld node %u: answer for session %llu: %s\n",
			(long long)n->sim->now, n->id, (unsigned long long)open.session,
			tdm_err_text(a->kind == TDM_ACTION_LOGIN_RESULT    ? a->login.err
				     : a->kind == TDM_ACTION_RESUME_RESULT ? a->resume.err
									   : a->logout.err));
	n->sim->checks++;
	if (a->kind == TDM_ACTION_LOGIN_RESULT)
		on_login(n, open.session, a);
	else if (a->kind == TDM_ACTION_RESUME_RESULT)
		on_resume(n, &open, a);
	else
		on_logout(n, open.session, a);
}

/* --- roles --- */

static bool truly_quorate(const struct sim *sim, struct tdm_ring ring)
{
	bool quorate = false;

	for (size_t i = 0; i < SIM_RINGS; i++)
		if (tdm_ring_equal(sim->rings[i].ring, ring))
			quorate = quorate || sim->rings[i].quorate;
	return quorate;
}

static void check_epoch(struct sim_node *n, struct tdm_epoch epoch)
{
	struct sim *sim = n->sim;
	size_t max = sizeof(sim->epochs) / sizeof(sim->epochs[0]);

	for (size_t i = 0; i < max; i++)
		if (sim->epochs[i].counter && !tdm_epoch_cmp(sim->epochs[i], epoch))
			sim_fail(sim, "I4: an epoch was used twice", epoch.counter, n->id);
	sim->epochs[sim->epochs_len++ % max] = epoch;
	if (epoch.node != n->id || epoch.counter > n->disk.epoch_counter)
		sim_fail(sim, "I4: an epoch was used before it was on disk", epoch.counter, n->id);
}

/* A new owner has every session that was protected. It may lack one only when at least two who hold
 * it are out of its sight: that is the loss of more than one node. */
static void check_inherits(struct sim_node *n)
{
	struct sim *sim = n->sim;

	if (sim->setup->two_node || merging(n->cluster) || !sim_in_ring(n))
		return;
	for (size_t i = 0; i < sim->made_len; i++) {
		tdm_session_id s = sim->made[i];
		size_t away = 0, here = 0;

		if (!sim->tokens[s].out || sim->tokens[s].unprotected || sim->tokens[s].exposed ||
			sim_entry(n, s))
			continue;
		for (size_t k = 0; k < sim->setup->nodes; k++) {
			const struct sim_node *o = &sim->nodes[k];

			here += sim_entry(o, s) && in_view(n, o);
			away += sim_entry(o, s) && !in_view(n, o);
		}
		if (here || away < 2)
			sim_fail(sim, "I1: a new owner lacks a session that was protected", s,
				n->id);
	}
}

void sim_check_role(struct sim_node *n, const struct tdm_action *a)
{
	struct sim *sim = n->sim;
	const struct tdm_cluster *c = n->cluster;

	if (sim->verbose)
		fprintf(stderr, "%lld node %u: %s -> %s (%s, epoch %llu)\n", (long long)sim->now,
			n->id, tdm_role_name(a->role.before), tdm_role_name(a->role.role),
			a->role.why, (unsigned long long)a->role.epoch.counter);
	if (a->role.before != n->role && n->role != TDM_ROLE_NONE)
		sim_fail(sim, "a role does not follow from the one before", 0, n->id);
	n->role = a->role.role;
	n->epoch = a->role.epoch;
	if (n->role != TDM_ROLE_OWNER)
		return;
	if (!c->peers[c->self].synced)
		sim_fail(sim, "I4: a node acts that is not synced", 0, n->id);
	if (!truly_quorate(sim, c->ring))
		sim_fail(sim, "I4: a node acts in a ring that is not quorate", 0, n->id);
	if (a->role.before == TDM_ROLE_PAUSED)
		return;
	check_epoch(n, a->role.epoch);
	sim->takeovers++;
	check_inherits(n);
}

/* What lets go comes first, and one event makes only so many actions. */
void sim_check_actions(struct sim_node *n)
{
	bool other = false;

	if (n->actions.lost)
		sim_fail(n->sim, "memory ran out", 0, n->id);
	if (n->actions.len > ACTIONS_MAX + 8 * n->sim->made_len)
		sim_fail(n->sim, "I10: one event made too many actions", n->actions.len, n->id);
	for (size_t i = 0; i < n->actions.len; i++) {
		const struct tdm_action *a = &n->actions.items[i];

		if (a->kind == TDM_ACTION_ROLE && a->role.before >= TDM_ROLE_PAUSED &&
			a->role.role < a->role.before && other)
			sim_fail(n->sim, "I4: letting go was not the first thing", 0, n->id);
		other = other || a->kind != TDM_ACTION_ROLE;
	}
}

/* --- the world --- */

/* Who is synced in its own eyes, in the same ring, has everything that an owner has. One that has
 * yet to read that it is synced has yet to read what makes it so. */
static void check_standbys(struct sim_node *n, tdm_session_id s)
{
	for (size_t i = 0; i < n->cluster->peers_len; i++) {
		const struct sim_node *o = synced_peer(n, i);
		const struct tdm_cluster *c = o ? o->cluster : NULL;

		if (c && c->peers[c->self].synced && c->round == TDM_ROUND_NONE &&
			tdm_ring_equal(c->ring, n->cluster->ring) && !sim_entry(o, s))
			sim_fail(n->sim, "I1: an owner dies and a synced standby lacks a session",
				s, o->id);
	}
}

/* Before a process is gone with what it knew. */
void sim_check_death(struct sim_node *n)
{
	struct sim *sim = n->sim;

	sim->memory_lost = true;
	for (size_t i = 0; i < sim->made_len; i++) {
		tdm_session_id s = sim->made[i];
		struct sim_token *t = &sim->tokens[s];

		memset(&t->tunnels[n->id - 1], 0, sizeof(t->tunnels[0]));
		if (ended_at(n, s))
			t->tomb_lost = t->tomb_lost || count(sim, s, n, ended_at) < 2;
		if (!t->out || !sim_entry(n, s))
			continue;
		if (n->role == TDM_ROLE_OWNER && live_at(n, s) && !sim_entry(n, s)->unprotected)
			check_standbys(n, s);
		t->exposed = t->exposed || count(sim, s, n, live_at) < 2;
	}
}

static void check_pair(struct sim *sim, const struct sim_node *a, const struct sim_node *b)
{
	if (a->role < TDM_ROLE_PAUSED || b->role < TDM_ROLE_PAUSED)
		return;
	if (!tdm_epoch_cmp(a->epoch, b->epoch))
		sim_fail(sim, "I4: two owners in one epoch", a->epoch.counter, a->id);
	if (a->role != TDM_ROLE_OWNER || b->role != TDM_ROLE_OWNER)
		return;
	if (sim_current(a) && sim_current(b) &&
		(sim_net_together(sim, a->id, b->id) ? !merging(a->cluster) && !merging(b->cluster)
						     : !sim->setup->two_node))
		sim_fail(sim, "I4: two nodes act as owner at once", a->epoch.counter, a->id);
}

void sim_check_step(struct sim *sim)
{
	size_t open = 0;

	for (size_t i = 0; i < sim->setup->nodes; i++) {
		const struct sim_node *n = &sim->nodes[i];
		const struct tdm_cluster *c = n->cluster;

		if (!c)
			continue;
		for (size_t k = i + 1; k < sim->setup->nodes; k++)
			check_pair(sim, n, &sim->nodes[k]);
		/* it started without some that may have given sessions away */
		if (n->role == TDM_ROLE_OWNER && c->doubt_until)
			sim->doubted = true;
		if (c->commits.len > sim->request_last)
			sim_fail(sim, "I10: more commits than requests", c->commits.len, n->id);
		if (c->members[0].pool.used_len > c->members[0].pool.size)
			sim_fail(sim, "I10: more leases than addresses", 0, n->id);
		open += c->commits.len;
	}
	sim->checks++;
	(void)open;
}
