/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold when nothing moves: whole tables are compared. */
#include <string.h>

#include "tests/sim/sim.h"

static bool entry_equal(const struct tdm_entry *a, const struct tdm_entry *b)
{
	return b && a->wire_len == b->wire_len && !memcmp(a->wire, b->wire, a->wire_len) &&
	       a->policy->len == b->policy->len &&
	       !memcmp(a->policy->bytes, b->policy->bytes, a->policy->len);
}

static void check_equal(struct sim *sim, const struct sim_node *a, const struct sim_node *b)
{
	const struct tdm_table *ta = &a->cluster->table, *tb = &b->cluster->table;

	if (ta->ids.len != tb->ids.len)
		sim_fail(
			sim, "I7: two synced nodes know of different sessions", ta->ids.len, b->id);
	for (size_t i = 0; i < ta->slots_len; i++)
		if (ta->slots[i] &&
			!entry_equal(ta->slots[i], tdm_table_find(tb, ta->slots[i]->id)))
			sim_fail(sim, "I7: two synced nodes have different records of a session",
				ta->slots[i]->id, b->id);
}

/* Nothing is on its way to or from this node, and all whom it sees are of its mind. */
static bool at_rest(const struct sim_node *n)
{
	const struct tdm_cluster *c = n->cluster;

	if (!c || !sim_current(n) || !sim_in_ring(n) || c->round != TDM_ROUND_NONE ||
		!c->peers[c->self].synced)
		return false;
	for (size_t i = 0; i < c->peers_len; i++) {
		const struct tdm_peer *p = &c->peers[i];
		const struct sim_node *o = sim_node(n->sim, p->id);

		if (p->present && (!p->decided || !p->synced || p->owes || !sim_current(o) ||
					  !sim_in_ring(o)))
			return false;
	}
	return true;
}

/* --- at an owner --- */

static void check_addresses(struct sim *sim, const struct sim_node *n)
{
	const struct tdm_table *t = &n->cluster->table;
	size_t held = 0;

	for (size_t i = 0; i < t->slots_len; i++) {
		const struct tdm_entry *e = t->slots[i];

		if (!e || !tdm_state_is_live(e->state))
			continue;
		held++;
		if (tdm_table_find_addr(t, e->addr) != e)
			sim_fail(sim, "I3: two live sessions have one inner address", e->id, n->id);
	}
	if (n->cluster->members[0].pool.used_len != held)
		sim_fail(sim, "I3: the leases do not match the sessions", held, n->id);
}

/* The limit is exact in one ring; after a merge the surplus goes. */
static void check_limits(struct sim *sim, const struct sim_node *n)
{
	const struct tdm_table *t = &n->cluster->table;
	size_t live[SIM_USERS] = { 0 };

	for (size_t i = 0; i < t->slots_len; i++) {
		const struct tdm_entry *e = t->slots[i];

		if (e && tdm_state_is_live(e->state) && !e->undelivered)
			live[sim->tokens[e->id].user]++;
	}
	for (unsigned u = 0; u < SIM_USERS; u++) {
		uint32_t limit = sim_policy(u % 3)->simultaneous_logins;

		if (limit && live[u] > limit)
			sim_fail(sim, "N15: a user has more sessions than allowed", u, n->id);
	}
}

/* Each takeover may add the time that the news took, and none may bring a deadline forward. */
static void check_deadlines(struct sim *sim, const struct sim_node *n)
{
	const struct tdm_table *t = &n->cluster->table;
	tdm_ms slack = 2 * (sim->lag_max + sim->form_max + 1) * (tdm_ms)(sim->takeovers + 2);

	for (size_t i = 0; i < t->slots_len; i++) {
		const struct tdm_entry *e = t->slots[i];
		const struct sim_token *k;
		tdm_ms due, is;

		if (!e || !tdm_state_is_live(e->state) || e->session_left_ms == TDM_NEVER)
			continue;
		k = &sim->tokens[e->id];
		due = k->login_at + (tdm_ms)sim_policy(k->policy)->session_timeout_s * 1000;
		is = e->written + e->session_left_ms;
		if (is < due)
			sim_fail(sim, "I6: the end of a session was brought forward", e->id, n->id);
		if (is > due + slack)
			sim_fail(sim, "I6: the end of a session was put off", e->id, n->id);
	}
}

static void check_owner(struct sim *sim, const struct sim_node *n)
{
	const struct tdm_cluster *c = n->cluster;

	/* what a merge brought up is settled when the node may act */
	if (n->role != TDM_ROLE_OWNER || tdm_view_verdict(c) != TDM_VERDICT_YES)
		return;
	check_addresses(sim, n);
	check_deadlines(sim, n);
	check_limits(sim, n);
	for (size_t i = 0; i < sim->made_len; i++) {
		tdm_session_id s = sim->made[i];
		const struct tdm_entry *e = sim_entry(n, s);

		if (!e && sim->tokens[s].out)
			sim->tokens[s].exposed = true;
		/* more than one has it again: whatever was lost before, it is not exposed now */
		else if (e && tdm_state_is_live(e->state) && !e->pending)
			sim->tokens[s].exposed = sim_holders(sim, s) < 2;
	}
	if (c->commits.len)
		sim_fail(sim, "I10: a request waits although everybody has answered",
			c->commits.len, n->id);
}

/* Who does not acknowledge is waited for 2 s, then it is demoted. */
static void check_waits(struct sim *sim, const struct sim_node *n)
{
	enum { MORE_MS = 1000 };
	const struct tdm_cluster *c = n->cluster;

	if (!c || !sim_current(n) || !sim_in_ring(n) || c->round != TDM_ROUND_NONE ||
		!c->peers[c->self].synced || tdm_view_verdict(c) != TDM_VERDICT_YES)
		return;
	for (const struct tdm_commit *w = c->commits.first; w; w = w->next)
		if (w->delivered && sim->now > w->deadline + MORE_MS)
			sim_fail(sim, "I10: a request waits for a node that is silent", w->id,
				n->id);
}

void sim_check_rest(struct sim *sim)
{
	const struct sim_node *first;

	for (size_t i = 0; i < sim->setup->nodes && !sim->broken; i++) {
		first = &sim->nodes[i];
		check_waits(sim, first);
		if (!at_rest(first))
			continue;
		for (size_t k = i + 1; k < sim->setup->nodes; k++)
			if (at_rest(&sim->nodes[k]) &&
				sim_net_together(sim, first->id, sim->nodes[k].id))
				check_equal(sim, first, &sim->nodes[k]);
		check_owner(sim, first);
	}
	sim->checks++;
}

/* --- when all is well again --- */

static struct sim_node *healed_owner(struct sim *sim)
{
	struct sim_node *owner = NULL;

	for (size_t i = 0; i < sim->setup->nodes; i++) {
		struct sim_node *n = &sim->nodes[i];

		if (n->role == TDM_ROLE_OWNER && owner)
			sim_fail(sim, "I4: two owners after healing", 0, n->id);
		if (n->role == TDM_ROLE_OWNER)
			owner = n;
		else if (n->role != TDM_ROLE_STANDBY)
			sim_fail(sim, "a node is neither owner nor standby after healing", n->role,
				n->id);
		if (n->cluster && n->cluster->commits.len)
			sim_fail(sim, "I10: a request was never answered", 0, n->id);
		if (!at_rest(n))
			sim_fail(sim, "a node does not come to rest after healing", 0, n->id);
	}
	if (!owner)
		sim_fail(sim, "nobody owns after healing", 0, 0);
	return owner;
}

void sim_check_healed(struct sim *sim)
{
	struct sim_node *owner = healed_owner(sim);

	if (sim->broken)
		return;
	sim_check_rest(sim);
	if (owner->cluster->unprotected)
		sim_fail(sim, "I1: sessions are still unprotected after healing",
			owner->cluster->unprotected, owner->id);
	/* whoever has a token tries once more: the answers are checked as always */
	for (size_t i = 0; i < sim->made_len && !sim->broken; i++) {
		struct sim_step step = { SIM_RESUME, owner->id, sim->made[i], i };

		sim_step_apply(sim, &step, 0);
	}
	sim_pump(sim);
}
