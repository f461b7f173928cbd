/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/replication/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lab_mac(void *ctx, const uint8_t *data, size_t len, uint8_t out[32])
{
	uint64_t h = 0xcbf29ce484222325u ^ (ctx ? *(const uint64_t *)ctx : 0);

	for (size_t i = 0; i < len; i++)
		h = (h ^ data[i]) * 0x100000001b3u;
	for (size_t i = 0; i < 32; i++) {
		h = h * 0x5851f42d4c957f2du + 1;
		out[i] = (uint8_t)(h >> 56);
	}
}

void lab_verifier(tdm_session_id session, uint8_t out[TDM_VERIFIER_LEN])
{
	lab_mac(NULL, (const uint8_t *)&session, sizeof(session), out);
}

struct lab_node *lab_node(struct lab *lab, tdm_node_id id)
{
	return &lab->nodes[id - 1];
}

void lab_init(struct lab *lab, size_t nodes, enum tdm_mem_quorum quorum)
{
	memset(lab, 0, sizeof(*lab));
	if (tdm_mem_new(quorum, &lab->mem))
		abort();
	lab->nodes_len = nodes;
	lab->now = 1000000;
	lab->wall_start = 1700000000000;
	lab->sessions_max = 100000;
	snprintf(lab->policy.name, sizeof(lab->policy.name), "staff");
	lab->policy.idle_timeout_s = 1800;
	lab->policy.session_timeout_s = 86400;
	if (tdm_prefix_parse("10.1.0.0/24", &lab->pool))
		abort();
	for (size_t i = 0; i < nodes; i++) {
		lab->nodes[i].lab = lab;
		lab->nodes[i].id = (tdm_node_id)(i + 1);
		tdm_actions_init(&lab->nodes[i].actions);
		if (tdm_mem_host_up(lab->mem, lab->nodes[i].id, 0))
			abort();
	}
}

static void process_free(struct lab_node *n)
{
	if (n->cluster && n->lab->on_death)
		n->lab->on_death(n->lab, n);
	tdm_cluster_free(n->cluster);
	n->cluster = NULL;
	tdm_journal_close(n->journal);
	n->journal = NULL;
	tdm_journal_batch_reset(&n->batch);
	n->transport = NULL;
	n->role = TDM_ROLE_NONE;
	n->dying = false;
	n->crash_at = 0;
}

void lab_deinit(struct lab *lab)
{
	for (size_t i = 0; i < lab->nodes_len; i++) {
		process_free(&lab->nodes[i]);
		tdm_journal_batch_deinit(&lab->nodes[i].batch);
		tdm_journal_disk_free(lab->nodes[i].disk);
		tdm_actions_deinit(&lab->nodes[i].actions);
	}
	tdm_mem_free(lab->mem);
}

static struct lab_answer *answer_slot(struct lab *lab, uint64_t request)
{
	return &lab->answers[request % LAB_ANSWERS];
}

const struct lab_answer *lab_answer(const struct lab *lab, uint64_t request)
{
	return &lab->answers[request % LAB_ANSWERS];
}

static struct lab_answer *answered(
	struct lab *lab, uint64_t request, enum tdm_action_kind kind, enum tdm_err err)
{
	struct lab_answer *a = answer_slot(lab, request);

	if (a->here)
		lab->broken = "a request was answered twice";
	memset(a, 0, sizeof(*a));
	a->here = true;
	a->kind = kind;
	a->err = err;
	return a;
}

static void on_role(struct lab *lab, struct lab_node *n, const struct tdm_action *a)
{
	if (lab->verbose)
		fprintf(stderr, "%lld node %u: %s -> %s (%s, epoch %llu)\n", (long long)lab->now,
			n->id, tdm_role_name(a->role.before), tdm_role_name(a->role.role),
			a->role.why, (unsigned long long)a->role.epoch.counter);
	if (a->role.before != n->role && n->role != TDM_ROLE_NONE)
		lab->broken = "a role change does not follow from the role before";
	if (a->role.role == TDM_ROLE_OWNER && a->role.before != TDM_ROLE_PAUSED) {
		if (tdm_epoch_cmp(a->role.epoch, lab->epoch_last) == 0)
			lab->broken = "an epoch was used twice";
		if (a->role.epoch.node != n->id || a->role.epoch.counter > n->saved.epoch_counter)
			lab->broken = "an epoch was used before it was saved";
		if (tdm_epoch_cmp(a->role.epoch, lab->epoch_last) > 0)
			lab->epoch_last = a->role.epoch;
	}
	n->role = a->role.role;
	n->epoch = a->role.epoch;
}

static void journal_put(struct lab_node *n, const struct tdm_action *a)
{
	struct tdm_journal_session session;

	if (a->journal.number != ++n->journal_number)
		n->lab->broken = "numbers of the journal do not rise by one";
	n->urgent_total += a->journal.urgent;
	if (tdm_journal_describe(n->cluster, a->journal.id,
		    n->lab->wall_start + n->lab->now + n->wall_shift, &session)
			? tdm_journal_put(&n->batch, &session)
			: tdm_journal_drop(&n->batch, a->journal.id))
		abort();
}

bool lab_journal(struct lab *lab, tdm_node_id id)
{
	struct lab_node *n = lab_node(lab, id);
	struct tdm_event ev = { .kind = TDM_EVENT_JOURNALED };
	struct tdm_journal_stamp stamp = { .boot = n->pid,
		.wall = lab->wall_start + lab->now + n->wall_shift };
	struct tdm_diag diag = { 0 };

	if (!n->journal || !n->batch.len)
		return false;
	stamp.synced = tdm_cluster_synced(n->cluster) ? stamp.wall : n->journal->stamp.synced;
	n->journal->stamp = stamp;
	if (tdm_journal_stamp(&n->batch, &stamp) ||
		tdm_journal_commit(n->journal, &n->batch, &diag))
		abort();
	tdm_journal_batch_reset(&n->batch);
	ev.journaled.number = n->journal_number;
	lab_feed(lab, id, &ev);
	return true;
}

static void execute(struct lab_node *n, const struct tdm_action *a)
{
	struct lab *lab = n->lab;
	struct lab_answer *to;

	switch (a->kind) {
	case TDM_ACTION_MCAST:
		if (!n->mute && n->transport->ops->mcast(n->transport, a->mcast.data, a->mcast.len))
			lab->broken = "a message was sent outside of a group";
		break;
	case TDM_ACTION_SAVE:
		if (a->save.epoch_counter < n->saved.epoch_counter ||
			a->save.index_counter < n->saved.index_counter)
			lab->broken = "saved numbers went back";
		n->saved = a->save;
		break;
	case TDM_ACTION_ROLE:
		on_role(lab, n, a);
		break;
	case TDM_ACTION_LOGIN_RESULT:
		to = answered(lab, a->login.request, a->kind, a->login.err);
		to->id = a->login.id;
		to->index = a->login.index;
		to->login_unprotected = a->login.unprotected;
		break;
	case TDM_ACTION_RESUME_RESULT:
		to = answered(lab, a->resume.request, a->kind, a->resume.err);
		to->reason = a->resume.reason;
		to->generation = a->resume.generation;
		if (a->resume.record) {
			snprintf(to->addr, sizeof(to->addr), "%s", a->resume.record->addr4);
			to->mtu = a->resume.record->mtu;
		}
		break;
	case TDM_ACTION_LOGOUT_RESULT:
		answered(lab, a->logout.request, a->kind, a->logout.err);
		break;
	case TDM_ACTION_CLOSE_TUNNEL:
		n->closed_total++;
		n->closed.id = a->close.id;
		n->closed.generation = a->close.generation;
		n->closed.reason = a->close.reason;
		break;
	case TDM_ACTION_JOURNAL:
		journal_put(n, a);
		break;
	case TDM_ACTION_JOURNAL_ALL:
		n->all_total++;
		break;
	case TDM_ACTION_NOTE:
		n->notes_total++;
		if (lab->verbose)
			fprintf(stderr, "%lld node %u: %s\n", (long long)lab->now, n->id,
				a->note.text);
		break;
	}
}

/* What lets go of a service comes before everything else. */
static void check_order(struct lab *lab, const struct tdm_actions *actions)
{
	bool other = false;

	for (size_t i = 0; i < actions->len; i++) {
		const struct tdm_action *a = &actions->items[i];

		if (a->kind == TDM_ACTION_ROLE && a->role.before >= TDM_ROLE_PAUSED &&
			a->role.role < a->role.before && other)
			lab->broken = "letting go was not the first thing";
		other = other || a->kind != TDM_ACTION_ROLE;
	}
}

static uint64_t request_of(const struct tdm_action *a)
{
	switch (a->kind) {
	case TDM_ACTION_LOGIN_RESULT:
		return a->login.request;
	case TDM_ACTION_RESUME_RESULT:
		return a->resume.request;
	case TDM_ACTION_LOGOUT_RESULT:
		return a->logout.request;
	default:
		return 0;
	}
}

void lab_feed(struct lab *lab, tdm_node_id id, const struct tdm_event *event)
{
	struct lab_node *n = lab_node(lab, id);
	struct tdm_event ev = *event;

	if (!n->cluster || n->dying)
		return;
	ev.wall = lab->wall_start + lab->now;
	tdm_actions_reset(&n->actions);
	tdm_cluster_step(n->cluster, &ev, lab->now, &n->actions);
	if (n->actions.lost)
		abort();
	check_order(lab, &n->actions);
	for (size_t i = 0; i < n->actions.len; i++) {
		execute(n, &n->actions.items[i]);
		if (lab->on_answer && request_of(&n->actions.items[i]))
			lab->on_answer(lab, n, request_of(&n->actions.items[i]));
		if (n->actions.items[i].kind == TDM_ACTION_NOTE)
			continue;
		n->actions_total++;
		if (n->crash_at && n->actions_total >= n->crash_at) {
			n->dying = true;
			return;
		}
	}
}

static void journal_open(struct lab_node *n)
{
	struct tdm_diag diag = { 0 };
	char name[TDM_NAME_MAX];

	snprintf(name, sizeof(name), "n%u", n->id);
	if (!n->disk)
		n->disk = tdm_journal_disk_new();
	if (!n->disk || tdm_journal_mem_open(n->disk, "lab", name, &n->journal, &diag) ||
		tdm_journal_restore(n->journal, n->cluster,
			n->lab->wall_start + n->lab->now + n->wall_shift, LAB_KEEP_MS, &n->restored,
			&diag))
		abort();
	n->journal_number = 0;
}

static void on_event(void *ctx, const struct tdm_event *event)
{
	struct lab_node *n = ctx;

	lab_feed(n->lab, n->id, event);
}

void lab_start(struct lab *lab, tdm_node_id id)
{
	static uint64_t boots;
	struct lab_node *n = lab_node(lab, id);
	uint64_t boot = ++boots;
	struct tdm_cluster_config config = {
		.self = id,
		.boot = boot,
		.nodes_len = lab->nodes_len,
		.members_len = 1,
		.config_fingerprint = 7 + lab->groups[id - 1],
		.config_sections = { 1, lab->groups[id - 1], 3 },
		.allow_config_difference = lab->allow_difference[id - 1],
		.numbers = n->saved,
		.seed = boot * 12345,
		.commit_timeout_ms = LAB_COMMIT_TIMEOUT_MS,
		.connect_timeout_ms = LAB_CONNECT_TIMEOUT_MS,
		.tombstone_keep_ms = LAB_KEEP_MS,
		.sessions_max = lab->sessions_max,
		.journaled = lab->journaled,
		.mac = lab_mac,
	};
	struct tdm_cluster_member *m = &config.members[0];

	for (size_t i = 0; i < lab->nodes_len; i++) {
		config.nodes[i].id = m->nodes[i] = (tdm_node_id)(i + 1);
		snprintf(config.nodes[i].name, sizeof(config.nodes[i].name), "n%zu", i + 1);
	}
	m->id = LAB_MEMBER;
	m->nodes_len = lab->nodes_len;
	m->pools[0] = lab->pool;
	m->pools_len = 1;
	m->reserved = tdm_ip_from_v4((tdm_ip_v4(&lab->pool.ip) & ~0xffu) + 1);
	if (tdm_cluster_new(&config, lab->now, &n->cluster))
		abort();
	if (lab->journaled)
		journal_open(n);
	n->pid = 1000 + (uint32_t)boot;
	n->role = TDM_ROLE_NONE;
	if (tdm_mem_join(lab->mem, id, n->pid, on_event, n, &n->transport))
		abort();
}

void lab_kill(struct lab *lab, tdm_node_id id)
{
	tdm_mem_process_down(lab->mem, id);
	process_free(lab_node(lab, id));
}

void lab_kill_host(struct lab *lab, tdm_node_id id)
{
	tdm_mem_host_down(lab->mem, id, NULL, NULL);
	process_free(lab_node(lab, id));
}

void lab_split(struct lab *lab, const unsigned *partition)
{
	tdm_node_id nodes[LAB_NODES];

	for (size_t i = 0; i < lab->nodes_len; i++)
		nodes[i] = (tdm_node_id)(i + 1);
	tdm_mem_regroup(lab->mem, nodes, partition, lab->nodes_len, NULL, NULL);
}

void lab_disconnect(struct lab *lab, tdm_node_id id)
{
	tdm_mem_disconnect(lab->mem, id, NULL, NULL);
}

void lab_rejoin(struct lab *lab, tdm_node_id id)
{
	struct lab_node *n = lab_node(lab, id);

	if (tdm_mem_join(lab->mem, id, n->pid, on_event, n, &n->transport))
		abort();
}

/* Processes that reached their crash point die between two events, as far as others can see. */
void lab_bury(struct lab *lab)
{
	for (size_t i = 0; i < lab->nodes_len; i++)
		if (lab->nodes[i].dying)
			lab_kill(lab, lab->nodes[i].id);
}

void lab_pump(struct lab *lab)
{
	size_t total = 0;
	bool more = true;

	lab_bury(lab);
	while (more && total < LAB_PUMP_MAX) {
		more = false;
		for (size_t i = 0; i < lab->nodes_len; i++)
			if (tdm_mem_deliver(lab->mem, lab->nodes[i].id)) {
				more = true;
				total++;
				lab_bury(lab);
			}
		for (size_t i = 0; i < lab->nodes_len; i++)
			if (!lab->nodes[i].slow_disk && lab_journal(lab, lab->nodes[i].id)) {
				more = true;
				lab_bury(lab);
			}
	}
	if (total >= LAB_PUMP_MAX)
		lab->broken = "the nodes never come to rest";
}

void lab_tick(struct lab *lab, tdm_ms step)
{
	struct tdm_event ev = { .kind = TDM_EVENT_TICK };

	lab->now += step;
	for (size_t i = 0; i < lab->nodes_len; i++)
		lab_feed(lab, lab->nodes[i].id, &ev);
	lab_bury(lab);
}

void lab_run(struct lab *lab, tdm_ms duration)
{
	for (tdm_ms end = lab->now + duration; lab->now < end;) {
		lab_tick(lab, TDM_TICK_MS);
		lab_pump(lab);
	}
}

static uint64_t request_new(struct lab *lab)
{
	uint64_t request = ++lab->request_last;

	memset(answer_slot(lab, request), 0, sizeof(struct lab_answer));
	return request;
}

uint64_t lab_login(struct lab *lab, tdm_node_id at, tdm_session_id session, const char *user)
{
	struct tdm_event ev = { .kind = TDM_EVENT_LOGIN };

	ev.login.request = request_new(lab);
	ev.login.member = LAB_MEMBER;
	ev.login.id = session;
	lab_verifier(session, ev.login.verifier);
	ev.login.user = user;
	ev.login.tunnel_group = "vpn";
	ev.login.auth_method = "file";
	ev.login.agent = "AnyConnect Linux_64 4.7.00136";
	ev.login.policy = &lab->policy;
	ev.login.peer = tdm_ip_from_v4(0xc0000200u + (uint32_t)session % 200);
	lab_feed(lab, at, &ev);
	return ev.login.request;
}

uint64_t lab_resume(struct lab *lab, tdm_node_id at, tdm_session_id session)
{
	struct tdm_event ev = { .kind = TDM_EVENT_RESUME };

	ev.resume.request = request_new(lab);
	ev.resume.member = LAB_MEMBER;
	ev.resume.id = session;
	lab_verifier(session, ev.resume.verifier);
	ev.resume.hostname = "laptop";
	ev.resume.mtu = (uint16_t)(1300 + lab->request_last % 100);
	ev.resume.dtls_offered = true;
	ev.resume.tunnel.kind = TDM_TUNNEL_TLS;
	ev.resume.tunnel.remote.ip = tdm_ip_from_v4(0xc0000200u + (uint32_t)session % 200);
	ev.resume.tunnel.remote.port = (uint16_t)(30000 + lab->request_last % 1000);
	lab_feed(lab, at, &ev);
	return ev.resume.request;
}

uint64_t lab_logout(struct lab *lab, tdm_node_id at, tdm_session_id session)
{
	struct tdm_event ev = { .kind = TDM_EVENT_LOGOUT };

	ev.logout.request = request_new(lab);
	ev.logout.id = session;
	ev.logout.reason = TDM_REASON_LOGOUT;
	lab_feed(lab, at, &ev);
	return ev.logout.request;
}

void lab_tunnel_down(struct lab *lab, tdm_node_id at, tdm_session_id session, uint32_t generation)
{
	struct tdm_event ev = { .kind = TDM_EVENT_TUNNEL_DOWN };

	ev.tunnel.id = session;
	ev.tunnel.generation = generation;
	lab_feed(lab, at, &ev);
}

const struct lab_answer *lab_login_now(
	struct lab *lab, tdm_node_id at, tdm_session_id session, const char *user)
{
	uint64_t request = lab_login(lab, at, session, user);

	lab_pump(lab);
	return lab_answer(lab, request);
}

const struct lab_answer *lab_resume_now(struct lab *lab, tdm_node_id at, tdm_session_id session)
{
	uint64_t request = lab_resume(lab, at, session);

	lab_pump(lab);
	return lab_answer(lab, request);
}

enum tdm_role lab_role(struct lab *lab, tdm_node_id id)
{
	return lab_node(lab, id)->role;
}

bool lab_synced(struct lab *lab, tdm_node_id id)
{
	struct tdm_cluster *c = lab_node(lab, id)->cluster;

	return c && tdm_core_self(c)->synced;
}

struct tdm_entry *lab_entry(struct lab *lab, tdm_node_id id, tdm_session_id session)
{
	return tdm_table_find(&lab_node(lab, id)->cluster->table, session);
}

size_t lab_live(struct lab *lab, tdm_node_id id)
{
	return lab_node(lab, id)->cluster->table.live;
}

bool lab_equal(struct lab *lab, tdm_node_id a, tdm_node_id b)
{
	const struct tdm_table *ta = &lab_node(lab, a)->cluster->table;
	const struct tdm_table *tb = &lab_node(lab, b)->cluster->table;

	if (ta->ids.len != tb->ids.len)
		return false;
	for (size_t i = 0; i < ta->slots_len; i++) {
		const struct tdm_entry *ea = ta->slots[i], *eb;

		if (!ea)
			continue;
		eb = tdm_table_find(tb, ea->id);
		if (!eb || eb->wire_len != ea->wire_len ||
			memcmp(ea->wire, eb->wire, ea->wire_len) != 0 ||
			eb->policy->len != ea->policy->len ||
			memcmp(ea->policy->bytes, eb->policy->bytes, ea->policy->len) != 0)
			return false;
	}
	return true;
}
