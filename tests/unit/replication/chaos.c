/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "tests/unit/replication/chaos.h"

struct chaos chaos;

void chaos_fail(const char *what, tdm_session_id session)
{
	if (chaos.broken)
		return;
	chaos.broken = what;
	chaos.broken_session = session;
}

static struct tdm_entry *held(tdm_node_id node, tdm_session_id session)
{
	struct tdm_entry *e;

	if (!lab_node(&chaos.lab, node)->cluster)
		return NULL;
	e = lab_entry(&chaos.lab, node, session);
	return e && tdm_state_is_live(e->state) ? e : NULL;
}

static size_t tombs(tdm_session_id session, tdm_node_id but)
{
	size_t total = 0;

	for (tdm_node_id n = 1; n <= chaos.lab.nodes_len; n++) {
		struct tdm_entry *e = NULL;

		if (n != but && lab_node(&chaos.lab, n)->cluster)
			e = lab_entry(&chaos.lab, n, session);
		total += e && e->state == TDM_SESSION_REVOKED;
	}
	return total;
}

size_t chaos_holders(tdm_session_id session, tdm_node_id but)
{
	size_t total = 0;

	for (tdm_node_id n = 1; n <= chaos.lab.nodes_len; n++)
		total += n != but && held(n, session);
	return total;
}

/* Two sessions can get one address only when a second owner knew nothing of the first one's
 * sessions: both halves quorate, or a node that lost its memory started without the other. */
static bool displaced_or_conflict(const struct lab_answer *a)
{
	return a->reason == TDM_REASON_DISPLACED ||
	       ((chaos.two_node || chaos.doubted) && a->reason == TDM_REASON_ADDRESS_CONFLICT);
}

void chaos_trace(const char *what, tdm_node_id n, tdm_session_id s, long long detail)
{
	if (chaos.lab.verbose)
		fprintf(stderr, "%lld node %u: * %s %llu (%lld)\n", (long long)chaos.lab.now, n,
			what, (unsigned long long)s, detail);
}

static void check_resume(const struct lab_answer *a, tdm_session_id s, tdm_node_id n)
{
	struct token *t = &chaos.tokens[s];

	chaos_trace(tdm_reason_name(a->reason), 0, s, a->err);
	if (a->err == TDM_OK) {
		if (!t->out && !t->asked)
			chaos_fail("a token that was never made was accepted", s);
		/* without a journal, an end that one node knows dies with it */
		if (t->logout_done && !t->tomb_exposed && !chaos.two_node && !chaos.doubted &&
			!tdm_mem_waiting(chaos.lab.mem, n))
			chaos_fail("I2: a token was accepted after its logout was confirmed", s);
		if (t->addr[0] && strcmp(t->addr, a->addr) != 0)
			chaos_fail("I5: the inner address changed", s);
		snprintf(t->addr, sizeof(t->addr), "%s", a->addr);
		t->connected = true;
	}
	if (!t->out || t->logout_asked)
		return;
	/* a node that has not yet been told that it is owner no more does not count: its lease is
	 * over, and the core is unsure for a while after it stood still */
	if (a->err == TDM_ERR_UNKNOWN_TOKEN && !(chaos.two_node && t->unprotected) &&
		!tdm_mem_waiting(chaos.lab.mem, n) && chaos_holders(s, 0))
		chaos_fail("I8: a live session's token was called unknown", s);
	if (a->err == TDM_ERR_REVOKED && !displaced_or_conflict(a))
		chaos_fail("a session was revoked for no reason", s);
	if (a->err == TDM_ERR_EXPIRED && t->connected)
		chaos_fail("a session expired too early", s);
}

void chaos_on_answer(struct lab *lab, struct lab_node *n, uint64_t request)
{
	const struct lab_answer *a = lab_answer(lab, request);
	tdm_session_id s = chaos.open[request % LAB_ANSWERS].session;
	struct token *t = &chaos.tokens[s];

	if (chaos.open[request % LAB_ANSWERS].request != request)
		return;
	switch (a->kind) {
	case TDM_ACTION_LOGIN_RESULT:
		if (a->err)
			break;
		t->out = true;
		t->unprotected = t->exposed = a->login_unprotected;
		chaos_trace(
			a->login_unprotected ? "unprotected token out" : "token out", n->id, s, 0);
		if (!held(n->id, s))
			chaos_fail("a token went out without a session", s);
		break;
	case TDM_ACTION_LOGOUT_RESULT:
		if (a->err)
			break;
		t->logout_done = true;
		t->tomb_exposed = tombs(s, 0) < 2;
		break;
	case TDM_ACTION_RESUME_RESULT:
		check_resume(a, s, n->id);
		if (a->err == TDM_OK) {
			chaos.tunnels[n->id - 1][s].id = s;
			chaos.tunnels[n->id - 1][s].generation = a->generation;
		}
		break;
	default:
		break;
	}
}

/* When a process dies, whom it called synced has all of its protected sessions. */
void chaos_on_death(struct lab *lab, struct lab_node *n)
{
	struct tdm_cluster *c = n->cluster;

	chaos_trace("dies", n->id, c->table.live, 0);
	for (tdm_session_id s = 1; s <= chaos.sessions; s++) {
		struct tdm_entry *e = lab_entry(lab, n->id, s);

		if (tombs(s, n->id) < 2)
			chaos.tokens[s].tomb_exposed = true;
		if (!chaos.tokens[s].out || !e || !tdm_state_is_live(e->state))
			continue;
		if (chaos_holders(s, n->id) < 2)
			chaos.tokens[s].exposed = true;
		for (size_t i = 0;
			i < c->peers_len && !chaos.tokens[s].exposed && n->role == TDM_ROLE_OWNER;
			i++) {
			const struct tdm_peer *p = &c->peers[i];
			struct lab_node *o = lab_node(lab, p->id);

			if (i == c->self || !p->present || !p->synced || !o->cluster ||
				o->cluster->config.boot != p->boot)
				continue;
			if (!lab_entry(lab, p->id, s))
				chaos_fail(
					"I1: a synced standby does not have a session whose token "
					"is out",
					s);
		}
	}
	for (tdm_session_id s = 1; s <= chaos.sessions; s++)
		chaos.tunnels[n->id - 1][s].generation = 0;
}

void chaos_track(tdm_session_id session)
{
	uint64_t request = chaos.lab.request_last + 1; /* known before the answer comes */

	chaos.open[request % LAB_ANSWERS].request = request;
	chaos.open[request % LAB_ANSWERS].session = session;
}

static void check_owners(void)
{
	for (tdm_node_id a = 1; a <= chaos.lab.nodes_len; a++)
		for (tdm_node_id b = a + 1; b <= chaos.lab.nodes_len; b++)
			if (lab_role(&chaos.lab, a) >= TDM_ROLE_PAUSED &&
				lab_role(&chaos.lab, b) >= TDM_ROLE_PAUSED &&
				!tdm_epoch_cmp(lab_node(&chaos.lab, a)->epoch,
					lab_node(&chaos.lab, b)->epoch))
				chaos_fail("I4: two owners in one epoch", 0);
}

/* An owner that had to start without knowing what others, out of sight, may have given away. */
static void watch_doubts(void)
{
	for (tdm_node_id n = 1; n <= chaos.lab.nodes_len; n++) {
		struct tdm_cluster *c = lab_node(&chaos.lab, n)->cluster;

		if (c && lab_role(&chaos.lab, n) == TDM_ROLE_OWNER && c->doubt_until)
			chaos.doubted = true;
	}
}

void chaos_check_now(void)
{
	check_owners();
	watch_doubts();
	if (chaos.lab.broken)
		chaos_fail(chaos.lab.broken, 0);
}

static void check_addresses(struct tdm_cluster *c)
{
	for (size_t i = 0; i < c->table.slots_len; i++) {
		struct tdm_entry *e = c->table.slots[i], *holder;

		if (!e || !tdm_state_is_live(e->state))
			continue;
		holder = tdm_table_find_addr(&c->table, e->addr);
		if (holder == e)
			continue;
		chaos_trace("address of", c->config.self, e->id, e->addr);
		chaos_trace("is held by", c->config.self, holder ? holder->id : 0, e->addr_linked);
		chaos_fail("I3: two live sessions have one inner address", e->id);
	}
}

/* Is there a node with another configuration than this one? */
static bool differs_from_another(tdm_node_id n)
{
	for (size_t i = 0; i < chaos.lab.nodes_len; i++)
		if (chaos.lab.groups[i] != chaos.lab.groups[n - 1])
			return true;
	return false;
}

void chaos_check_healed(void)
{
	tdm_node_id owner = 0;

	for (tdm_node_id n = 1; n <= chaos.lab.nodes_len; n++) {
		enum tdm_role role = lab_role(&chaos.lab, n);
		struct tdm_cluster *c = lab_node(&chaos.lab, n)->cluster;

		if (role == TDM_ROLE_OWNER && owner)
			chaos_fail("two owners after healing", 0);
		if (role == TDM_ROLE_OWNER)
			owner = n;
		else if (role != TDM_ROLE_STANDBY && !differs_from_another(n))
			chaos_fail("a node is neither owner nor standby after healing", n);
		if (!lab_equal(&chaos.lab, 1, n))
			chaos_fail("I7: tables differ after healing", n);
		if (c->commits.len)
			chaos_fail("a request was never answered", 0);
		if (c->verify.differences_total)
			chaos_fail("equal tables were found different", n);
		check_addresses(c);
	}
	if (!owner) {
		chaos_fail("nobody owns after healing", 0);
		return;
	}
	if (lab_node(&chaos.lab, owner)->cluster->unprotected)
		chaos_fail("sessions are still unprotected after healing", 0);
	if (lab_node(&chaos.lab, owner)->cluster->members[0].pool.used_len !=
		lab_live(&chaos.lab, owner))
		chaos_fail("the pool does not match the sessions", 0);
	for (tdm_session_id s = 1; s <= chaos.sessions; s++) {
		const struct token *t = &chaos.tokens[s];

		if (!t->out || t->logout_asked || !t->kept)
			continue;
		chaos_track(s);
		lab_resume(&chaos.lab, owner, s);
		if (lab_answer(&chaos.lab, chaos.lab.request_last)->err == TDM_ERR_UNKNOWN_TOKEN)
			chaos_fail("I1: a token is unknown although a node had it", s);
		lab_pump(&chaos.lab);
	}
}
