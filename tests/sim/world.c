/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nodes, their disks and clocks; what the core asks for is executed here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

enum { PUMP_MAX = 400000, NOW_FIRST = 1000000 };
#define WALL_FIRST 1700000000000

/* Not a MAC, but quick: nobody forges messages here. */
static void fast_mac(void *ctx, const uint8_t *data, size_t len, uint8_t out[TDM_ENVELOPE_MAC])
{
	uint64_t h = 0xcbf29ce484222325u ^ len, v;
	size_t i = 0;

	(void)ctx;
	for (; i + sizeof(v) <= len; i += sizeof(v)) {
		memcpy(&v, data + i, sizeof(v));
		h = (h ^ v) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	for (; i < len; i++)
		h = (h ^ data[i]) * 0x100000001b3u;
	memset(out, 0, TDM_ENVELOPE_MAC);
	memcpy(out, &h, sizeof(h));
}

void sim_verifier(tdm_session_id session, uint8_t out[TDM_VERIFIER_LEN])
{
	for (size_t i = 0; i < TDM_VERIFIER_LEN / sizeof(uint64_t); i++) {
		uint64_t v = sim_mix(session * 4 + i);

		memcpy(out + i * sizeof(v), &v, sizeof(v));
	}
}

/* Short clocks, so that sessions end within a history; and one policy as it is in life. */
const struct tdm_policy *sim_policy(unsigned number)
{
	static const struct tdm_policy policies[] = {
		{ .name = "staff", .idle_timeout_s = 1800, .session_timeout_s = 86400 },
		{ .name = "guests",
			.idle_timeout_s = 15,
			.session_timeout_s = 40,
			.simultaneous_logins = 2 },
		{ .name = "phones",
			.idle_timeout_s = 30,
			.disconnected_timeout_s = 8,
			.simultaneous_logins = 1 },
	};

	return &policies[number % 3];
}

struct sim_node *sim_node(struct sim *sim, tdm_node_id id)
{
	return &sim->nodes[id - 1];
}

void sim_fail(struct sim *sim, const char *what, uint64_t which, tdm_node_id node)
{
	if (sim->broken)
		return;
	sim->broken = what;
	sim->broken_what = which;
	sim->broken_node = node;
}

bool sim_awake(const struct sim_node *n)
{
	return n->cluster && !n->dying && !n->busy_until && n->frozen_until <= n->sim->now;
}

bool sim_current(const struct sim_node *n)
{
	return sim_awake(n) && n->held_until <= n->sim->now && !n->sim->forming_until &&
	       !tdm_mem_waiting(n->sim->mem, n->id) && !n->lost_due;
}

bool sim_in_ring(const struct sim_node *n)
{
	const struct tdm_cluster *c = n->cluster;

	return c && c->connected && !c->ring_pending && !n->apart &&
	       tdm_ring_equal(c->ring, tdm_mem_ring(n->sim->mem, n->id));
}

uint64_t sim_request(struct sim *sim, tdm_session_id session, enum sim_step_kind kind)
{
	uint64_t request = ++sim->request_last;

	sim->open[request % SIM_OPEN_MAX] = (struct sim_open){ request, session, kind };
	return request;
}

static void execute(struct sim_node *n, const struct tdm_action *a)
{
	switch (a->kind) {
	case TDM_ACTION_MCAST:
		sim_net_send(n, a->mcast.data, a->mcast.len);
		break;
	case TDM_ACTION_SAVE:
		if (a->save.epoch_counter < n->disk.epoch_counter ||
			a->save.index_counter < n->disk.index_counter)
			sim_fail(n->sim, "I4: saved numbers went back", 0, n->id);
		n->disk = a->save;
		break;
	case TDM_ACTION_ROLE:
		sim_check_role(n, a);
		break;
	case TDM_ACTION_LOGIN_RESULT:
	case TDM_ACTION_RESUME_RESULT:
	case TDM_ACTION_LOGOUT_RESULT:
		sim_check_answer(n, a);
		break;
	case TDM_ACTION_CLOSE_TUNNEL:
		break;
	case TDM_ACTION_JOURNAL: /* its cores have none */
	case TDM_ACTION_JOURNAL_ALL:
		break;
	case TDM_ACTION_NOTE:
		if (n->sim->verbose)
			fprintf(stderr, "%lld node %u: %s\n", (long long)n->sim->now, n->id,
				a->note.text);
		break;
	}
}

/* Execute what is left of the actions; a write to a slow disk interrupts it for some time, and a
 * crash for good. */
static void go_on(struct sim_node *n)
{
	while (n->action < n->actions.len) {
		const struct tdm_action *a = &n->actions.items[n->action];

		if (a->kind == TDM_ACTION_SAVE && n->disk_ms && !n->busy_until) {
			n->busy_until = n->sim->now + n->disk_ms;
			n->busy_since = n->sim->now;
			return;
		}
		/* what follows goes out that much later */
		if (n->busy_until && n->sim->now - n->busy_since > n->sim->lag_max)
			n->sim->lag_max = n->sim->now - n->busy_since;
		n->busy_until = 0;
		n->action++;
		execute(n, a);
		if (a->kind != TDM_ACTION_NOTE && n->crash_after && !--n->crash_after) {
			n->dying = true;
			return;
		}
	}
	n->busy_until = 0;
}

void sim_feed(struct sim_node *n, const struct tdm_event *event)
{
	struct tdm_event ev = *event;

	if (!n->cluster || n->dying)
		return;
	if (!sim_awake(n)) {
		/* what reaches a process that stands still waits for it */
		n->batch_due = n->batch_due || ev.kind == TDM_EVENT_BATCH_END;
		n->lost_due = n->lost_due || ev.kind == TDM_EVENT_DISCONNECTED;
		return;
	}
	ev.wall = WALL_FIRST + n->sim->now + n->wall_offset;
	tdm_actions_reset(&n->actions);
	n->action = 0;
	tdm_cluster_step(n->cluster, &ev, n->sim->now, &n->actions);
	n->sim->events++;
	sim_check_actions(n);
	go_on(n);
}

static void on_event(void *ctx, const struct tdm_event *event)
{
	sim_feed(ctx, event);
}

static void feed_kind(struct sim_node *n, enum tdm_event_kind kind)
{
	struct tdm_event ev = { .kind = kind };

	sim_feed(n, &ev);
}

/* What waited for a process that stood still. */
static void catch_up(struct sim_node *n)
{
	if (n->lost_due && sim_awake(n)) {
		n->lost_due = n->batch_due = false;
		feed_kind(n, TDM_EVENT_DISCONNECTED);
	}
	if (n->batch_due && sim_awake(n)) {
		n->batch_due = false;
		feed_kind(n, TDM_EVENT_BATCH_END);
	}
}

bool sim_deliver(struct sim_node *n)
{
	struct sim *sim = n->sim;

	if (!sim_awake(n) || n->held_until > sim->now || n->apart ||
		!tdm_mem_waiting(sim->mem, n->id))
		return false;
	if (sim->now - n->behind_since > sim->lag_max)
		sim->lag_max = sim->now - n->behind_since;
	tdm_mem_deliver(sim->mem, n->id);
	if (!tdm_mem_waiting(sim->mem, n->id))
		n->behind_since = sim->now;
	sim_bury(sim);
	return true;
}

void sim_pump(struct sim *sim)
{
	size_t total = 0;
	bool more = true;

	sim_bury(sim);
	while (more && total < PUMP_MAX && !sim->broken) {
		more = false;
		for (size_t i = 0; i < sim->setup->nodes; i++)
			while (sim_deliver(&sim->nodes[i])) {
				more = true;
				if (++total % 4 == 0)
					break;
			}
	}
	if (total >= PUMP_MAX)
		sim_fail(sim, "I10: the nodes never come to rest", total, 0);
}

static void wake(struct sim_node *n)
{
	if (n->busy_until && n->busy_until <= n->sim->now && n->frozen_until <= n->sim->now)
		go_on(n);
	catch_up(n);
	if (sim_awake(n) && n->sim->now - n->ticked >= TDM_TICK_MS) {
		n->ticked = n->sim->now;
		feed_kind(n, TDM_EVENT_TICK);
	}
}

void sim_advance(struct sim *sim, tdm_ms ms)
{
	for (size_t i = 0; i < sim->setup->nodes; i++)
		if (!tdm_mem_waiting(sim->mem, sim->nodes[i].id))
			sim->nodes[i].behind_since = sim->now;
	sim->now += ms;
	if (sim->forming_until && sim->forming_until <= sim->now)
		sim_net_form(sim);
	for (size_t i = 0; i < sim->setup->nodes; i++)
		wake(&sim->nodes[i]);
	sim_bury(sim);
	sim_net_verdicts_due(sim);
	sim_bury(sim);
}

/* --- coming and going --- */

static void config_fill(const struct sim_node *n, struct tdm_cluster_config *config)
{
	struct tdm_cluster_member *m = &config->members[0];
	size_t nodes = n->sim->setup->nodes;

	for (size_t i = 0; i < nodes; i++) {
		config->nodes[i].id = m->nodes[i] = (tdm_node_id)(i + 1);
		snprintf(config->nodes[i].name, sizeof(config->nodes[i].name), "n%zu", i + 1);
	}
	config->self = n->id;
	config->boot = n->pid;
	config->nodes_len = m->nodes_len = nodes;
	config->members_len = 1;
	config->config_fingerprint = 7;
	config->numbers = n->disk;
	config->seed = sim_mix(n->pid);
	config->commit_timeout_ms = SIM_COMMIT_TIMEOUT_MS;
	config->connect_timeout_ms = SIM_CONNECT_TIMEOUT_MS;
	config->tombstone_keep_ms = SIM_TOMBSTONE_KEEP_MS;
	config->two_node = n->sim->setup->two_node;
	config->sessions_max = 1000;
	config->mac = fast_mac;
	m->id = SIM_MEMBER;
	m->pools_len = 1;
	/* few addresses, so that they are used again soon */
	if (tdm_prefix_parse("10.1.0.0/28", &m->pools[0]))
		abort();
	m->reserved = tdm_ip_from_v4(tdm_ip_v4(&m->pools[0].ip) + 1);
}

static void process_start(struct sim_node *n, bool keep_disk)
{
	struct tdm_cluster_config config = { 0 };

	/* The numbers outlive everything; sessions will as soon as the core has a journal, and
	 * keep_disk is for that. */
	(void)keep_disk;
	n->pid = n->pid + SIM_NODES_MAX; /* differs from all others, and from its own past */
	config_fill(n, &config);
	if (tdm_cluster_new(&config, n->sim->now, &n->cluster))
		abort();
	n->role = TDM_ROLE_NONE;
	n->ticked = n->sim->now;
}

void sim_start(struct sim_node *n, bool keep_disk)
{
	struct sim *sim = n->sim;

	if (n->cluster && !(n->apart && sim_awake(n) && !n->lost_due))
		return;
	if (!n->host) {
		n->host = true;
		n->seen_all = false;
		if (sim->forming_until)
			sim_net_form(sim);
		if (tdm_mem_host_up(sim->mem, n->id, 0))
			abort();
	}
	if (!n->cluster)
		process_start(n, keep_disk);
	n->apart = false;
	if (tdm_mem_join(sim->mem, n->id, n->pid, on_event, n, &n->transport))
		abort();
	n->behind_since = sim->now;
	sim_net_rings(sim, sim_mix(n->pid));
	sim_net_verdict(n, sim_mix(n->pid + 1));
}

static void process_free(struct sim_node *n)
{
	if (!n->cluster)
		return;
	sim_check_death(n);
	tdm_cluster_free(n->cluster);
	n->cluster = NULL;
	n->transport = NULL;
	n->role = TDM_ROLE_NONE;
	n->dying = n->lost_due = n->batch_due = n->apart = false;
	n->crash_after = 0;
	n->busy_until = n->frozen_until = 0;
	memset(n->verdicts, 0, sizeof(n->verdicts));
	sim_net_drop_sends(n->sim, n->id);
}

void sim_kill(struct sim_node *n)
{
	if (!n->cluster)
		return;
	tdm_mem_process_down(n->sim->mem, n->id);
	process_free(n);
}

void sim_power(struct sim_node *n, uint64_t random)
{
	if (!n->host)
		return;
	if (n->sim->forming_until)
		sim_net_form(n->sim);
	n->host = false;
	tdm_mem_host_down(n->sim->mem, n->id, sim_net_keep, &random);
	process_free(n);
	sim_net_rings(n->sim, random);
}

/* Processes that reached their crash point die between two events, as far as others can see. */
void sim_bury(struct sim *sim)
{
	for (size_t i = 0; i < sim->setup->nodes; i++)
		if (sim->nodes[i].dying)
			sim_kill(&sim->nodes[i]);
}

void sim_init(struct sim *sim, const struct sim_setup *setup, uint64_t seed)
{
	struct sim_token *tokens = sim->tokens;
	tdm_session_id *made = sim->made;
	bool verbose = sim->verbose;

	memset(sim, 0, sizeof(*sim));
	sim->tokens = tokens;
	sim->made = made;
	sim->verbose = verbose;
	sim->setup = setup;
	sim->now = NOW_FIRST;
	if (tdm_mem_new(TDM_MEM_QUORUM_MANUAL, &sim->mem))
		abort();
	for (size_t i = 0; i < setup->nodes; i++) {
		struct sim_node *n = &sim->nodes[i];

		n->sim = sim;
		n->id = (tdm_node_id)(i + 1);
		n->pid = 1000 + n->id;
		n->host = true;
		sim->sends_last[i] = &sim->sends[i];
		tdm_actions_init(&n->actions);
		if (tdm_mem_host_up(sim->mem, n->id, 0))
			abort();
	}
	sim_net_rings(sim, seed);
}

void sim_deinit(struct sim *sim)
{
	for (size_t i = 0; i < sim->setup->nodes; i++) {
		tdm_cluster_free(sim->nodes[i].cluster);
		tdm_actions_deinit(&sim->nodes[i].actions);
		sim_net_drop_sends(sim, sim->nodes[i].id);
	}
	tdm_mem_free(sim->mem);
	sim->mem = NULL;
}
