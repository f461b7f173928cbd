/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What lies between the nodes, as Corosync behaves: partitions, rings that take their time to form
 * and order nothing meanwhile, and verdicts of quorum that come when they like.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

enum {
	VERDICT_MS = 200,       /* usual */
	VERDICT_LATE_MS = 3000, /* a third vote with its own time-outs */
	LATE_NEWS_MS = 2500,    /* a node that learns late that it was cut off */
	FORM_MS = 1200,
};

/* Of what the other side may have missed, any number is still delivered. */
size_t sim_net_keep(void *random, size_t n)
{
	return n ? sim_draw(random, n + 1) : 0;
}

bool sim_net_together(const struct sim *sim, tdm_node_id a, tdm_node_id b)
{
	struct tdm_ring ra = tdm_mem_ring(sim->mem, a), rb = tdm_mem_ring(sim->mem, b);

	return ra.seq && tdm_ring_equal(ra, rb);
}

/* --- sending --- */

static void trace(const struct sim_node *n, const uint8_t *data, size_t len)
{
	static const char *const names[TDM_MESSAGE_KINDS] = { "none", "hello", "update", "ack",
		"bulk request", "bulk chunk", "bulk end", "synced", "demote", "owner", "handover" };
	static uint8_t memory[TDM_ENVELOPE_ARENA];
	struct tdm_arena arena;
	struct tdm_message msg;

	tdm_arena_init(&arena, memory, sizeof(memory));
	if (!tdm_envelope_decode(data, len, n->cluster->config.mac, NULL, &arena, &msg))
		fprintf(stderr, "%lld node %u: sends %s %llu\n", (long long)n->sim->now, n->id,
			names[msg.kind], (unsigned long long)msg.seq);
}

void sim_net_send(struct sim_node *n, const uint8_t *data, size_t len)
{
	struct sim *sim = n->sim;
	struct sim_send *s;

	if (sim->verbose)
		trace(n, data, len);
	if (n->apart || !n->transport)
		return; /* the connection is gone, its process will hear of it */
	if (!sim->forming_until) {
		if (n->transport->ops->mcast(n->transport, data, len))
			sim_fail(sim, "a message was sent outside of a group", 0, n->id);
		return;
	}
	s = malloc(sizeof(*s) + len);
	if (!s)
		abort();
	s->next = NULL;
	s->len = len;
	memcpy(s->data, data, len);
	*sim->sends_last[n->id - 1] = s;
	sim->sends_last[n->id - 1] = &s->next;
}

void sim_net_drop_sends(struct sim *sim, tdm_node_id id)
{
	struct sim_send **at = &sim->sends[id - 1];

	while (*at) {
		struct sim_send *s = *at;

		*at = s->next;
		free(s);
	}
	sim->sends_last[id - 1] = at;
}

/* --- rings --- */

void sim_net_form(struct sim *sim)
{
	tdm_node_id ids[SIM_NODES_MAX];
	uint64_t random = sim->forming_random;

	for (size_t i = 0; i < sim->setup->nodes; i++)
		ids[i] = (tdm_node_id)(i + 1);
	sim->forming_until = 0;
	tdm_mem_regroup(sim->mem, ids, sim->forming_part, sim->setup->nodes, sim_net_keep, &random);
	/* what was sent while the ring formed is ordered now, in the new rings only */
	for (size_t i = 0; i < sim->setup->nodes; i++) {
		struct sim_node *n = &sim->nodes[i];

		for (struct sim_send *s = sim->sends[i]; s; s = s->next)
			if (n->transport && !n->apart)
				(void)n->transport->ops->mcast(n->transport, s->data, s->len);
		sim_net_drop_sends(sim, n->id);
	}
	if (sim->forming_late)
		sim_node(sim, sim->forming_late)->held_until =
			sim->now + (tdm_ms)sim_draw(&random, LATE_NEWS_MS);
	sim_net_rings(sim, random);
}

void sim_net_cut(struct sim *sim, const unsigned *part, uint64_t random, tdm_node_id late)
{
	if (sim->forming_until)
		sim_net_form(sim);
	memcpy(sim->forming_part, part, sizeof(sim->forming_part));
	sim->forming_late = late;
	sim->forming_until = sim->now;
	if (sim_draw(&random, 2))
		sim->forming_until += (tdm_ms)sim_draw(&random, FORM_MS) + 1;
	if (sim->forming_until - sim->now > sim->form_max)
		sim->form_max = sim->forming_until - sim->now;
	sim->forming_random = random;
	if (sim->forming_until <= sim->now)
		sim_net_form(sim);
}

/* --- quorum --- */

static size_t hosts_in(const struct sim *sim, struct tdm_ring ring)
{
	size_t n = 0;

	for (size_t i = 0; i < sim->setup->nodes; i++)
		n += sim->nodes[i].host &&
		     tdm_ring_equal(tdm_mem_ring(sim->mem, sim->nodes[i].id), ring);
	return n;
}

bool sim_net_quorate(const struct sim *sim, const struct sim_node *n)
{
	struct tdm_ring ring = tdm_mem_ring(sim->mem, n->id);
	size_t votes = hosts_in(sim, ring), all = sim->setup->nodes;

	if (!ring.seq)
		return false;
	if (sim->setup->two_node)
		return n->seen_all;
	if (sim->setup->witness) {
		votes += tdm_ring_equal(sim->witness, ring);
		all++;
	}
	return 2 * votes > all;
}

static void verdict_add(struct sim_node *n, struct tdm_ring ring, bool quorate, tdm_ms due)
{
	n->verdicts[n->verdicts_next++ % SIM_VERDICTS] =
		(struct sim_verdict){ ring, quorate, true, due };
}

void sim_net_verdict(struct sim_node *n, uint64_t random)
{
	struct sim *sim = n->sim;
	struct tdm_ring ring = tdm_mem_ring(sim->mem, n->id);
	bool quorate = sim_net_quorate(sim, n);
	tdm_ms due = sim->now + (tdm_ms)sim_draw(&random, VERDICT_MS);

	if (!ring.seq || !n->cluster)
		return;
	/* before the third vote is known, the answer is no */
	if (quorate && sim->setup->witness && !sim_draw(&random, 4)) {
		verdict_add(n, ring, false, due);
		due += (tdm_ms)sim_draw(&random, VERDICT_MS);
	}
	if (!sim_draw(&random, 6))
		due += (tdm_ms)sim_draw(&random, VERDICT_LATE_MS);
	/* one that is out of date already */
	if (!sim_draw(&random, 6)) {
		size_t old = sim_draw(&random, SIM_RINGS);

		if (sim->rings[old].ring.seq && !tdm_ring_equal(sim->rings[old].ring, ring))
			verdict_add(n, sim->rings[old].ring, sim->rings[old].quorate, due);
	}
	verdict_add(n, ring, quorate, due);
}

/* The third vote stays with a ring as long as that lives. Returns whether it moved. */
static bool witness_move(struct sim *sim, uint64_t *random)
{
	tdm_node_id favoured = (tdm_node_id)sim_draw(random, sim->setup->nodes) + 1;
	struct tdm_ring ring = { 0, 0 };

	if (!sim->setup->witness || (sim->witness.seq && hosts_in(sim, sim->witness)))
		return false;
	for (size_t i = 0; i < sim->setup->nodes; i++) {
		tdm_node_id id = (tdm_node_id)((favoured - 1 + i) % sim->setup->nodes + 1);

		if (!ring.seq && sim_node(sim, id)->host)
			ring = tdm_mem_ring(sim->mem, id);
	}
	sim->witness = ring;
	return ring.seq != 0;
}

static void ring_note(struct sim *sim, struct tdm_ring ring, bool quorate)
{
	size_t at = sim->rings_next;

	for (size_t i = 0; i < SIM_RINGS; i++)
		if (tdm_ring_equal(sim->rings[i].ring, ring))
			at = i;
	if (at == sim->rings_next)
		sim->rings_next = (at + 1) % SIM_RINGS;
	else
		quorate = quorate || sim->rings[at].quorate;
	sim->rings[at].ring = ring;
	sim->rings[at].quorate = quorate;
}

void sim_net_rings(struct sim *sim, uint64_t random)
{
	bool moved = witness_move(sim, &random);

	for (size_t i = 0; i < sim->setup->nodes; i++) {
		struct sim_node *n = &sim->nodes[i];
		struct tdm_ring ring = tdm_mem_ring(sim->mem, n->id);

		if (!ring.seq)
			continue;
		n->seen_all = n->seen_all || hosts_in(sim, ring) == sim->setup->nodes;
		if (tdm_ring_equal(ring, n->ring_seen) &&
			!(moved && tdm_ring_equal(ring, sim->witness)))
			continue;
		n->ring_seen = ring;
		ring_note(sim, ring, sim_net_quorate(sim, n));
		sim_net_verdict(n, sim_mix(random + i));
	}
}

/* One ring's verdicts never overtake each other: with one, those before it are past. */
static void verdict_take(struct sim_node *n, size_t at)
{
	struct tdm_ring ring = n->verdicts[(n->verdicts_next + at) % SIM_VERDICTS].ring;

	for (size_t k = 0; k <= at; k++) {
		struct sim_verdict *v = &n->verdicts[(n->verdicts_next + k) % SIM_VERDICTS];

		if (tdm_ring_equal(v->ring, ring))
			v->used = false;
	}
}

void sim_net_verdicts_due(struct sim *sim)
{
	for (size_t i = 0; i < sim->setup->nodes; i++) {
		struct sim_node *n = &sim->nodes[i];

		for (size_t k = 0; k < SIM_VERDICTS; k++) {
			struct sim_verdict *v = &n->verdicts[(n->verdicts_next + k) % SIM_VERDICTS];
			struct tdm_event ev = { .kind = TDM_EVENT_QUORUM };

			if (!v->used || v->due > sim->now)
				continue;
			if (!sim_awake(n) || n->apart || n->held_until > sim->now)
				break;
			verdict_take(n, k);
			if (sim->verbose)
				fprintf(stderr, "%lld node %u: ring %u.%llu is %squorate\n",
					(long long)sim->now, n->id, v->ring.rep,
					(unsigned long long)v->ring.seq, v->quorate ? "" : "not ");
			ev.quorum.ring = v->ring;
			ev.quorum.quorate = v->quorate;
			sim_feed(n, &ev);
		}
	}
}
