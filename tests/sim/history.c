/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Histories: drawn from a seed, carried out, written down for people. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"

const struct sim_setup sim_setups[] = {
	{ "pair-qdevice", 2, false, true },
	{ "pair-two-node", 2, true, false },
	{ "three", 3, false, false },
	{ "four", 4, false, false },
	{ "five", 5, false, false },
};
const size_t sim_setups_len = sizeof(sim_setups) / sizeof(sim_setups[0]);

const struct sim_setup *sim_setup_find(const char *name)
{
	for (size_t i = 0; i < sim_setups_len; i++)
		if (!strcmp(sim_setups[i].name, name))
			return &sim_setups[i];
	return NULL;
}

/* --- drawing --- */

enum { MOODS = 4 };

/* How often, by the history's mood: as it comes; nobody loses its memory; nearly quiet; nothing but
 * trouble. */
static const struct {
	const char *name;
	unsigned weight[MOODS];
} kinds[SIM_KINDS] = {
	[SIM_DELIVER] = { "deliver", { 600, 600, 600, 400 } },
	[SIM_TICK] = { "tick", { 150, 150, 150, 150 } },
	[SIM_REST] = { "rest", { 5, 5, 10, 1 } },
	[SIM_LONG] = { "long", { 3, 3, 5, 2 } },
	[SIM_LOGIN] = { "login", { 50, 50, 60, 50 } },
	[SIM_RESUME] = { "resume", { 70, 70, 80, 50 } },
	[SIM_STRANGER] = { "stranger", { 5, 5, 5, 5 } },
	[SIM_SLEEP] = { "sleep", { 20, 20, 20, 10 } },
	[SIM_GOODBYE] = { "goodbye", { 8, 8, 8, 8 } },
	[SIM_LOGOUT] = { "logout", { 14, 14, 14, 14 } },
	[SIM_START] = { "start", { 40, 40, 10, 80 } },
	[SIM_KILL] = { "kill", { 3, 0, 1, 12 } },
	[SIM_CRASH] = { "crash", { 5, 0, 1, 16 } },
	[SIM_POWER] = { "power", { 3, 0, 1, 8 } },
	[SIM_CUT] = { "cut", { 10, 14, 2, 30 } },
	[SIM_MERGE] = { "merge", { 14, 18, 3, 30 } },
	[SIM_DISCONNECT] = { "disconnect", { 3, 5, 1, 10 } },
	[SIM_FREEZE] = { "freeze", { 5, 8, 2, 8 } },
	[SIM_HOLD] = { "hold", { 4, 6, 2, 8 } },
	[SIM_SLOW_DISK] = { "slow-disk", { 3, 3, 1, 5 } },
	[SIM_WALL] = { "wall", { 3, 3, 1, 3 } },
};

static enum sim_step_kind kind_draw(uint64_t *random, unsigned mood)
{
	unsigned total = 0, at;

	for (int i = 0; i < SIM_KINDS; i++)
		total += kinds[i].weight[mood];
	at = (unsigned)sim_draw(random, total);
	for (int i = 0; i < SIM_KINDS; i++) {
		if (at < kinds[i].weight[mood])
			return (enum sim_step_kind)i;
		at -= kinds[i].weight[mood];
	}
	return SIM_DELIVER;
}

void sim_history_draw(struct sim_history *h)
{
	uint64_t random = sim_mix(h->seed * 8 + (uint64_t)(h->setup - sim_setups));
	unsigned mood = (unsigned)sim_draw(&random, MOODS);
	tdm_session_id last = 0, recent[8] = { 0 };

	for (size_t i = 0; i < h->len; i++) {
		struct sim_step *s = &h->steps[i];

		*s = (struct sim_step){ .kind = kind_draw(&random, mood) };
		/* nothing to see before somebody runs */
		if (i < h->setup->nodes)
			s->kind = SIM_START;
		s->node = i < h->setup->nodes ? (tdm_node_id)(i + 1)
					      : (tdm_node_id)sim_draw(&random, h->setup->nodes) + 1;
		s->random = sim_mix(random);
		/* mostly one of the latest sessions */
		s->session = sim_draw(&random, 4) ? recent[sim_draw(&random, 8)] : 0;
		if (!s->session)
			s->session = last;
		if (s->kind != SIM_LOGIN)
			continue;
		last = s->session = i + 1;
		recent[sim_draw(&random, 8)] = last;
	}
}

void sim_step_text(const struct sim_history *h, size_t at, char *out, size_t cap)
{
	const struct sim_step *s = &h->steps[at];
	bool session = s->kind == SIM_LOGIN || s->kind == SIM_RESUME || s->kind == SIM_SLEEP ||
		       s->kind == SIM_GOODBYE || s->kind == SIM_LOGOUT;
	bool node = s->kind != SIM_TICK && s->kind != SIM_REST && s->kind != SIM_LONG &&
		    s->kind != SIM_MERGE;
	int n = snprintf(out, cap, "%5zu  %s", at, kinds[s->kind].name);

	if (node && n >= 0 && (size_t)n < cap)
		n += snprintf(out + n, cap - (size_t)n, "  node %u", s->node);
	if (session && n >= 0 && (size_t)n < cap)
		snprintf(
			out + n, cap - (size_t)n, "  session %llu", (unsigned long long)s->session);
}

/* --- people --- */

static void login(struct sim *sim, struct sim_node *n, const struct sim_step *s)
{
	struct tdm_event ev = { .kind = TDM_EVENT_LOGIN };
	struct sim_token *t = &sim->tokens[s->session];
	uint64_t random = s->random;
	char user[8];

	t->user = (uint8_t)sim_draw(&random, SIM_USERS);
	t->policy = t->user % 3;
	snprintf(user, sizeof(user), "u%u", t->user);
	t->asked = true;
	t->login_at = sim->now;
	sim->made[sim->made_len++] = s->session;
	ev.login.request = sim_request(sim, s->session, s->kind);
	ev.login.member = SIM_MEMBER;
	ev.login.id = s->session;
	sim_verifier(s->session, ev.login.verifier);
	ev.login.user = user;
	ev.login.policy = sim_policy(t->policy);
	ev.login.peer = tdm_ip_from_v4(0xc0000200u + (uint32_t)s->session % 200);
	sim_feed(n, &ev);
}

static void resume(struct sim *sim, struct sim_node *n, const struct sim_step *s)
{
	struct tdm_event ev = { .kind = TDM_EVENT_RESUME };
	uint64_t random = s->random;

	ev.resume.request = sim_request(sim, s->session, s->kind);
	ev.resume.member = SIM_MEMBER;
	ev.resume.id = s->session;
	sim_verifier(
		s->kind == SIM_STRANGER ? s->random | 1ull << 63 : s->session, ev.resume.verifier);
	ev.resume.hostname = "laptop";
	ev.resume.mtu = (uint16_t)(1300 + sim_draw(&random, 100));
	ev.resume.dtls_offered = true;
	ev.resume.tunnel.kind = TDM_TUNNEL_TLS;
	/* it roams */
	ev.resume.tunnel.remote.ip = tdm_ip_from_v4(0xc0000200u + (uint32_t)sim_draw(&random, 200));
	ev.resume.tunnel.remote.port = (uint16_t)(30000 + sim_draw(&random, 1000));
	sim_feed(n, &ev);
}

static void sleep_down(struct sim *sim, struct sim_node *n, const struct sim_step *s)
{
	struct tdm_event ev = { .kind = TDM_EVENT_TUNNEL_DOWN };

	ev.tunnel.id = s->session;
	ev.tunnel.generation = sim->tokens[s->session].tunnels[n->id - 1].generation;
	if (ev.tunnel.generation)
		sim_feed(n, &ev);
}

static void log_out(struct sim *sim, struct sim_node *n, const struct sim_step *s)
{
	struct tdm_event ev = { .kind = TDM_EVENT_LOGOUT };
	struct sim_token *t = &sim->tokens[s->session];
	uint8_t verifier[TDM_VERIFIER_LEN];
	uint64_t random = s->random;

	ev.logout.id = s->session;
	ev.logout.reason = TDM_REASON_LOGOUT;
	if (s->kind == SIM_GOODBYE) {
		bool older = sim_draw(&random, 3) == 0 && t->tunnels[n->id - 1].older;

		ev.logout.generation =
			older ? t->tunnels[n->id - 1].older : t->tunnels[n->id - 1].generation;
		if (!ev.logout.generation)
			return;
	} else if (sim_draw(&random, 2)) {
		sim_verifier(s->session, verifier);
		ev.logout.verifier = verifier;
	} else {
		ev.logout.reason = TDM_REASON_ADMIN;
	}
	/* its client may be connecting at that very moment, wherever that is */
	for (size_t i = 0; i < sim->setup->nodes && t->out && sim_draw(&random, 3) == 0; i++)
		if (sim_awake(&sim->nodes[i]))
			resume(sim, &sim->nodes[i], s);
	if (!sim_awake(n))
		return;
	t->end_asked = true;
	ev.logout.request = sim_request(sim, s->session, s->kind);
	sim_feed(n, &ev);
}

static void people(struct sim *sim, struct sim_node *n, const struct sim_step *s)
{
	const struct sim_token *t = &sim->tokens[s->session];

	if (!sim_awake(n) || !s->session)
		return;
	if (s->kind == SIM_LOGIN)
		login(sim, n, s);
	else if (s->kind == SIM_STRANGER || (s->kind == SIM_RESUME && t->out))
		resume(sim, n, s);
	else if (s->kind == SIM_SLEEP)
		sleep_down(sim, n, s);
	else if (s->kind != SIM_RESUME && t->asked)
		log_out(sim, n, s);
}

/* --- trouble --- */

static void cut(struct sim *sim, const struct sim_step *s, bool whole)
{
	uint64_t random = s->random;
	unsigned parts[SIM_NODES_MAX] = { 0 }, groups = (unsigned)sim_draw(&random, 4) ? 2 : 3;
	tdm_node_id late = sim_draw(&random, 4) ? 0 : s->node;

	for (size_t i = 0; i < sim->setup->nodes && !whole; i++)
		parts[i] = (unsigned)sim_draw(&random, groups);
	sim_net_cut(sim, parts, random, late);
}

static void disconnect(struct sim *sim, struct sim_node *n, uint64_t random)
{
	if (!n->cluster || n->apart || !n->host)
		return;
	if (sim->forming_until)
		sim_net_form(sim);
	sim_net_drop_sends(sim, n->id);
	n->apart = true;
	n->held_until = 0;
	tdm_mem_disconnect(sim->mem, n->id, sim_net_keep, &random);
	sim_net_rings(sim, random);
}

/* A corosync that stands still: its own node gets no news, and is thrown out of the ring when the
 * time is long enough. The shell fences itself before that, but only when it looks. */
static void hold(struct sim *sim, struct sim_node *n, uint64_t random)
{
	enum { HOLD_MS = 4000, THROWN_OUT_MS = 1500 };
	tdm_ms ms = (tdm_ms)sim_draw(&random, HOLD_MS);
	unsigned parts[SIM_NODES_MAX] = { 0 };

	n->held_until = sim->now + ms;
	if (ms < THROWN_OUT_MS)
		return;
	parts[n->id - 1] = 1;
	sim_net_cut(sim, parts, random, 0);
}

static void trouble(struct sim *sim, struct sim_node *n, const struct sim_step *s)
{
	enum { CRASH_MAX = 24, FREEZE_MS = 4000, DISK_MS = 900, JUMP_MS = 4 * 3600 * 1000 };
	uint64_t random = s->random;

	switch (s->kind) {
	case SIM_START:
		sim_start(n, sim_draw(&random, 2));
		break;
	case SIM_KILL:
		sim_kill(n);
		break;
	case SIM_CRASH:
		n->crash_after = n->cluster ? 1 + sim_draw(&random, CRASH_MAX) : 0;
		break;
	case SIM_POWER:
		sim_power(n, random);
		break;
	case SIM_CUT:
	case SIM_MERGE:
		cut(sim, s, s->kind == SIM_MERGE);
		break;
	case SIM_DISCONNECT:
		disconnect(sim, n, random);
		break;
	case SIM_FREEZE:
		n->frozen_until = sim->now + (tdm_ms)sim_draw(&random, FREEZE_MS);
		break;
	case SIM_HOLD:
		hold(sim, n, random);
		break;
	case SIM_SLOW_DISK:
		n->disk_ms = sim_draw(&random, 2) ? (tdm_ms)sim_draw(&random, DISK_MS) : 0;
		break;
	case SIM_WALL:
		n->wall_offset += (tdm_wall)sim_draw(&random, 2 * JUMP_MS) - JUMP_MS;
		break;
	default:
		break;
	}
}

static void deliver(struct sim_node *n, uint64_t random)
{
	enum { AT_ONCE = 4 };

	for (uint64_t i = sim_draw(&random, AT_ONCE) + 1; i; i--)
		if (!sim_deliver(n))
			return;
}

static void quiet(struct sim *sim, tdm_ms ms)
{
	for (tdm_ms end = sim->now + ms; sim->now < end && !sim->broken;) {
		sim_advance(sim, TDM_TICK_MS);
		sim_pump(sim);
	}
}

void sim_step_apply(struct sim *sim, const struct sim_step *s, size_t at)
{
	enum { TICK_MS = 60, LONG_MS = 9000 };
	struct sim_node *n = sim_node(sim, s->node);
	uint64_t random = s->random;

	(void)at;
	switch (s->kind) {
	case SIM_DELIVER:
		deliver(n, random);
		break;
	case SIM_TICK:
		sim_advance(sim, (tdm_ms)sim_draw(&random, TICK_MS) + 1);
		break;
	case SIM_LONG:
		quiet(sim, (tdm_ms)sim_draw(&random, LONG_MS));
		sim_check_rest(sim);
		break;
	case SIM_REST:
		sim_pump(sim);
		sim_check_rest(sim);
		break;
	case SIM_LOGIN:
	case SIM_RESUME:
	case SIM_STRANGER:
	case SIM_SLEEP:
	case SIM_GOODBYE:
	case SIM_LOGOUT:
		people(sim, n, s);
		break;
	default:
		trouble(sim, n, s);
		break;
	}
	sim_bury(sim);
	sim_net_verdicts_due(sim);
	sim_bury(sim);
}

/* --- a whole history --- */

static bool settled(const struct sim *sim)
{
	size_t owners = 0;

	for (size_t i = 0; i < sim->setup->nodes; i++) {
		const struct sim_node *n = &sim->nodes[i];

		if (!n->cluster || !sim_current(n) || n->cluster->commits.len ||
			(n->role != TDM_ROLE_OWNER && n->role != TDM_ROLE_STANDBY))
			return false;
		owners += n->role == TDM_ROLE_OWNER;
	}
	return owners == 1;
}

/* All nodes come up, all networks are whole, all disks quick. */
static void heal(struct sim *sim)
{
	enum { HEAL_MS = 20000, LAST_MS = 500 };
	unsigned parts[SIM_NODES_MAX] = { 0 };

	sim_pump(sim);
	for (size_t i = 0; i < sim->setup->nodes; i++) {
		struct sim_node *n = &sim->nodes[i];

		n->crash_after = 0;
		n->disk_ms = n->frozen_until = n->held_until = 0;
	}
	sim_advance(sim, 1);
	sim_net_cut(sim, parts, 1, 0);
	for (tdm_ms end = sim->now + HEAL_MS; sim->now < end && !sim->broken;) {
		for (size_t i = 0; i < sim->setup->nodes; i++)
			sim_start(&sim->nodes[i], true);
		quiet(sim, LAST_MS);
		if (settled(sim))
			break;
	}
	quiet(sim, LAST_MS);
}

const char *sim_history_run(struct sim *sim, const struct sim_history *h)
{
	char text[128];

	memset(sim->tokens, 0, (h->len + 1) * sizeof(*sim->tokens));
	sim_init(sim, h->setup, h->seed);
	for (size_t i = 0; i < h->len && !sim->broken; i++) {
		if (h->dropped && h->dropped[i])
			continue;
		if (sim->verbose) {
			sim_step_text(h, i, text, sizeof(text));
			fprintf(stderr, "%lld %s\n", (long long)sim->now, text);
		}
		sim->broken_step = i;
		sim_step_apply(sim, &h->steps[i], i);
		sim_check_step(sim);
	}
	if (!sim->broken) {
		sim->broken_step = h->len;
		heal(sim);
	}
	if (!sim->broken)
		sim_check_healed(sim);
	sim_deinit(sim);
	return sim->broken;
}
