/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random histories: logins, resumes, logouts, crashes at any action, restarts, cuts, lost rings,
 * late verdicts, frozen nodes. What must always hold is checked all the time and after healing.
 * TANDEM_SEED and TANDEM_SEEDS choose other histories.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/replication/chaos.h"

enum { STEPS = 1500, USERS = 12, SEEDS = 150, HEAL_MS = 20000 };

static uint64_t draw(uint64_t n)
{
	chaos.random ^= chaos.random << 13;
	chaos.random ^= chaos.random >> 7;
	chaos.random ^= chaos.random << 17;
	return (chaos.random >> 11) % n;
}

/* --- the world --- */

static void note_rings(void)
{
	tdm_node_id favoured = (tdm_node_id)draw(chaos.lab.nodes_len) + 1;
	bool witness_stays = false;

	/* the third vote stays with a ring while it lives */
	for (tdm_node_id n = 1; n <= chaos.lab.nodes_len; n++)
		witness_stays = witness_stays ||
				(chaos.witness.seq && tdm_ring_equal(tdm_mem_ring(chaos.lab.mem, n),
							      chaos.witness));
	if (!witness_stays)
		chaos.witness = tdm_mem_ring(chaos.lab.mem, favoured);

	for (tdm_node_id n = 1; n <= chaos.lab.nodes_len; n++) {
		struct tdm_ring ring = tdm_mem_ring(chaos.lab.mem, n);
		size_t votes = 0, all = chaos.lab.nodes_len;
		bool known = !ring.seq;

		for (size_t i = 0; i < RINGS; i++)
			known = known || tdm_ring_equal(chaos.rings[i].ring, ring);
		if (known)
			continue;
		for (tdm_node_id o = 1; o <= chaos.lab.nodes_len; o++)
			votes += tdm_ring_equal(tdm_mem_ring(chaos.lab.mem, o), ring);
		if (all == 2) { /* a third vote for one side */
			votes += tdm_ring_equal(chaos.witness, ring);
			all = 3;
		}
		chaos.rings[chaos.rings_next % RINGS].ring = ring;
		chaos.rings[chaos.rings_next++ % RINGS].quorate = chaos.two_node || 2 * votes > all;
	}
}

static void verdict_for(tdm_node_id n, struct tdm_ring ring)
{
	struct tdm_event ev = { .kind = TDM_EVENT_QUORUM };

	for (size_t i = 0; i < RINGS; i++) {
		if (!ring.seq || !tdm_ring_equal(chaos.rings[i].ring, ring))
			continue;
		ev.quorum.ring = ring;
		ev.quorum.quorate = chaos.rings[i].quorate;
		lab_feed(&chaos.lab, n, &ev);
	}
}

static void verdicts(void)
{
	for (tdm_node_id n = 1; n <= chaos.lab.nodes_len; n++) {
		struct lab_node *node = lab_node(&chaos.lab, n);

		if (!node->cluster || chaos.nodes[n - 1].frozen || draw(6))
			continue;
		if (!draw(10)) /* late, or early */
			verdict_for(n, chaos.rings[draw(RINGS)].ring);
		else if (tdm_view_verdict(node->cluster) == TDM_VERDICT_PENDING)
			verdict_for(
				n, draw(2) ? node->cluster->ring : tdm_mem_ring(chaos.lab.mem, n));
	}
}

static size_t keep_some(void *ctx, size_t n)
{
	(void)ctx;
	return n ? draw(n + 1) : 0;
}

static void cut(void)
{
	tdm_node_id ids[LAB_NODES];
	unsigned parts[LAB_NODES];

	for (size_t i = 0; i < chaos.lab.nodes_len; i++) {
		ids[i] = (tdm_node_id)i + 1;
		parts[i] = (unsigned)draw(2);
	}
	tdm_mem_regroup(chaos.lab.mem, ids, parts, chaos.lab.nodes_len, keep_some, NULL);
}

static void heal_cut(void)
{
	tdm_node_id ids[LAB_NODES] = { 1, 2, 3 };
	unsigned parts[LAB_NODES] = { 0 };

	tdm_mem_regroup(chaos.lab.mem, ids, parts, chaos.lab.nodes_len, keep_some, NULL);
}

static void bring_up(tdm_node_id n)
{
	if (!chaos.nodes[n - 1].host) {
		chaos.nodes[n - 1].host = true;
		if (tdm_mem_host_up(chaos.lab.mem, n, 0))
			abort();
	}
	if (!lab_node(&chaos.lab, n)->cluster) {
		chaos.nodes[n - 1].apart = false;
		lab_start(&chaos.lab, n);
	} else if (chaos.nodes[n - 1].apart) {
		chaos.nodes[n - 1].apart = false;
		lab_rejoin(&chaos.lab, n);
	}
}

static void trouble(tdm_node_id n)
{
	struct lab_node *node = lab_node(&chaos.lab, n);

	unsigned what = (unsigned)draw(9);

	if (chaos.gentle && what < 3)
		what += 3;
	chaos_trace("trouble", n, what, 0);
	switch (what) {
	case 0:
		if (node->cluster && !chaos.nodes[n - 1].apart)
			lab_kill(&chaos.lab, n);
		break;
	case 1:
		if (node->cluster)
			node->crash_at = node->actions_total + 1 + draw(20);
		break;
	case 2:
		if (chaos.nodes[n - 1].host) {
			chaos.nodes[n - 1].host = chaos.nodes[n - 1].apart = false;
			tdm_mem_host_down(chaos.lab.mem, n, keep_some, NULL);
			lab_kill(&chaos.lab, n);
		}
		break;
	case 3:
	case 4:
		cut();
		break;
	case 5:
		heal_cut();
		break;
	case 6:
		if (node->cluster && chaos.nodes[n - 1].host && !chaos.nodes[n - 1].apart) {
			chaos.nodes[n - 1].apart = true;
			tdm_mem_disconnect(chaos.lab.mem, n, keep_some, NULL);
		}
		break;
	case 7:
		chaos.nodes[n - 1].frozen = (unsigned)draw(200);
		break;
	default:
		bring_up(n);
		break;
	}
	note_rings();
}

static void people(tdm_node_id n)
{
	tdm_session_id s = chaos.sessions ? draw(chaos.sessions) + 1 : 0;
	char user[8];

	if (!lab_node(&chaos.lab, n)->cluster || chaos.nodes[n - 1].frozen)
		return;
	switch (draw(8)) {
	case 0:
	case 1:
	case 2:
		if (chaos.sessions == SESSIONS)
			return;
		s = ++chaos.sessions;
		snprintf(user, sizeof(user), "u%u", (unsigned)draw(USERS));
		chaos.tokens[s].asked = true;
		chaos_track(s);
		lab_login(&chaos.lab, n, s, user);
		break;
	case 3:
	case 4:
	case 5:
		if (!s || !chaos.tokens[s].out)
			return;
		chaos_track(s);
		lab_resume(&chaos.lab, n, s);
		break;
	case 6:
		if (!s)
			return;
		lab_tunnel_down(&chaos.lab, n, s, chaos.tunnels[n - 1][s].generation);
		break;
	default:
		if (!s || draw(3))
			return;
		chaos.tokens[s].logout_asked = true;
		chaos_track(s);
		lab_logout(&chaos.lab, n, s);
		break;
	}
}

static void step(void)
{
	tdm_node_id n = (tdm_node_id)draw(chaos.lab.nodes_len) + 1;

	for (size_t i = 0; i < chaos.lab.nodes_len; i++)
		chaos.nodes[i].frozen -= chaos.nodes[i].frozen > 0;
	switch (draw(40)) {
	case 0:
		trouble(n);
		break;
	case 1:
		lab_feed(&chaos.lab, n, &(struct tdm_event){ .kind = TDM_EVENT_VERIFY });
		break;
	case 2:
		lab_tick(&chaos.lab, (tdm_ms)draw(400));
		break;
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
		people(n);
		break;
	case 9:
	case 10:
		bring_up(n);
		note_rings();
		break;
	default:
		for (uint64_t i = draw(6); i; i--)
			if (!chaos.nodes[n - 1].frozen)
				tdm_mem_deliver(chaos.lab.mem, n);
		break;
	}
	lab_bury(&chaos.lab);
	verdicts();
	lab_bury(&chaos.lab);
	chaos_check_now();
}

/* --- afterwards --- */

static void heal(void)
{
	for (tdm_session_id s = 1; s <= chaos.sessions; s++)
		chaos.tokens[s].kept = chaos_holders(s, 0) > 0;
	for (tdm_node_id n = 1; n <= chaos.lab.nodes_len; n++) {
		lab_node(&chaos.lab, n)->crash_at = 0;
		chaos.nodes[n - 1].frozen = 0;
		bring_up(n);
	}
	heal_cut();
	note_rings();
	for (tdm_ms end = chaos.lab.now + HEAL_MS; chaos.lab.now < end;) {
		lab_tick(&chaos.lab, TDM_TICK_MS);
		lab_pump(&chaos.lab);
		for (tdm_node_id n = 1; n <= chaos.lab.nodes_len; n++)
			verdict_for(n, tdm_mem_ring(chaos.lab.mem, n));
		lab_pump(&chaos.lab);
	}
}

static void history(uint64_t seed, size_t nodes, bool two_node)
{
	memset(&chaos, 0, sizeof(chaos));
	chaos.random = seed * 0x9e3779b97f4a7c15u + 1;
	chaos.two_node = two_node;
	chaos.gentle = seed % 3 == 0;
	lab_init(&chaos.lab, nodes, TDM_MEM_QUORUM_MANUAL);
	chaos.lab.journaled = seed % 2 == 0;
	chaos.lab.policy.simultaneous_logins = (uint32_t)draw(3) * 8;
	chaos.lab.on_answer = chaos_on_answer;
	chaos.lab.on_death = chaos_on_death;
	chaos.lab.verbose = getenv("TANDEM_VERBOSE") != NULL;
	for (size_t i = 0; i < nodes; i++) {
		chaos.nodes[i].host = true;
		/* every fourth history: one node has another configuration */
		chaos.lab.groups[i] = seed % 4 == 1 && i == seed / 4 % nodes;
	}
	note_rings();
	for (tdm_node_id n = 1; n <= nodes && chaos.gentle; n++)
		bring_up(n);
	for (size_t i = 0; i < STEPS && !chaos.broken; i++)
		step();
	if (!chaos.broken)
		heal();
	if (!chaos.broken)
		chaos_check_healed();
	if (chaos.lab.broken)
		chaos_fail(chaos.lab.broken, 0);
	chaos.lab.on_death = NULL;
	lab_deinit(&chaos.lab);
}

static void run_histories(size_t nodes, bool two_node)
{
	const char *one = getenv("TANDEM_SEED"), *many = getenv("TANDEM_SEEDS");
	uint64_t seed = one ? strtoull(one, NULL, 10) : 1;
	uint64_t n = one ? 1 : many ? strtoull(many, NULL, 10) : SEEDS;

	for (; n; n--, seed++) {
		history(seed, nodes, two_node);
		cr_expect_null(chaos.broken,
			"TANDEM_SEED=%llu, %zu nodes: %s (session or node %llu)",
			(unsigned long long)seed, nodes, chaos.broken,
			(unsigned long long)chaos.broken_session);
		if (chaos.broken)
			return;
	}
}

Test(histories, a_pair_with_a_third_vote)
{
	run_histories(2, false);
}

Test(histories, a_pair_where_both_halves_are_quorate)
{
	run_histories(2, true);
}

Test(histories, three_nodes)
{
	run_histories(3, false);
}
