/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench/cluster_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/clock.h"
#include "node/data/tls.h"
#include "replication/core.h"
#include "tests/bench/bench.h"

enum {
	QUEUE = 1 << 16,
	FIRST_CONNECT_MS = 10000,
	COMMIT_TIMEOUT_MS = 2000,
	/* nobody connects: logins have to stay all the same */
	CONNECT_TIMEOUT_MS = 3600 * 1000,
	TOMBSTONE_KEEP_MS = 7 * 24 * 3600 * 1000,
	SESSIONS_MAX = 1 << 20,
	KEY_LEN = 32,
};

static void mac(void *ctx, const uint8_t *data, size_t len, uint8_t out[TDM_ENVELOPE_MAC])
{
	static const uint8_t key[KEY_LEN] = "the same on both nodes";

	(void)ctx;
	tdm_hmac_sha256(key, sizeof(key), data, len, out);
}

static void make_core(struct bench_node *node, const struct tdm_cpg_info *info)
{
	struct tdm_cluster_config config = { .self = info->self,
		.members_len = 1,
		.commit_timeout_ms = COMMIT_TIMEOUT_MS,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.tombstone_keep_ms = TOMBSTONE_KEEP_MS,
		.sessions_max = SESSIONS_MAX,
		.mac = mac };
	struct tdm_cluster_member *m = &config.members[0];

	tdm_random(&config.boot, sizeof(config.boot));
	tdm_random(&config.seed, sizeof(config.seed));
	m->id = 1;
	for (size_t i = 0; i < info->nodes_len; i++) {
		config.nodes[i].id = m->nodes[i] = info->nodes[i].id;
		memcpy(config.nodes[i].name, info->nodes[i].name, sizeof(config.nodes[i].name));
	}
	config.nodes_len = m->nodes_len = info->nodes_len;
	m->pools_len = 1;
	if (tdm_prefix_parse("10.0.0.0/12", &m->pools[0]) ||
		tdm_cluster_new(&config, tdm_clock_ms(), &node->core))
		bench_fail("making the core");
}

static void act(struct bench_node *node)
{
	for (size_t i = 0; i < node->actions.len; i++) {
		const struct tdm_action *a = &node->actions.items[i];

		switch (a->kind) {
		case TDM_ACTION_MCAST:
			if (tdm_cluster_thread_send(
				    node->corosync, node->connection, a->mcast.data, a->mcast.len))
				bench_fail("sending to the group");
			node->sent++;
			node->sent_bytes += a->mcast.len;
			break;
		case TDM_ACTION_LOGIN_RESULT:
			if (node->on_login)
				node->on_login(node, a->login.request, a->login.err);
			break;
		case TDM_ACTION_NOTE:
			if (a->note.warning)
				fprintf(stderr, "bench-cluster: %s\n", a->note.text);
			break;
		default:
			break;
		}
	}
}

static void feed(struct bench_node *node, struct tdm_event *event)
{
	event->wall = tdm_clock_wall();
	tdm_cluster_step(node->core, event, tdm_clock_ms(), &node->actions);
	act(node);
	tdm_actions_reset(&node->actions);
}

static void take(struct bench_node *node, struct tdm_cluster_msg *msg)
{
	switch (msg->kind) {
	case TDM_CLUSTER_CONNECTED:
		make_core(node, &msg->info);
		node->connection = msg->connection;
		break;
	case TDM_CLUSTER_EVENT:
		feed(node, &msg->event);
		break;
	case TDM_CLUSTER_DISCONNECTED:
		bench_fail("the connection to corosync");
	case TDM_CLUSTER_FAILED:
		bench_fail(msg->diag.text);
	}
	free(msg);
}

static void on_wake(uv_async_t *wake)
{
	struct bench_node *node = wake->data;
	struct tdm_cluster_msg *msg;

	if (!node->corosync)
		return;
	while (node->corosync && (msg = tdm_queue_pop(&node->from_cluster))) {
		take(node, msg);
		if (node->after)
			node->after(node);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct bench_node *node = timer->data;
	struct tdm_event event = { .kind = TDM_EVENT_TICK };

	if (node->core)
		feed(node, &event);
	if (node->after)
		node->after(node);
}

void bench_node_init(struct bench_node *node)
{
	*node = (struct bench_node){ 0 };
	tdm_actions_init(&node->actions);
	if (uv_loop_init(&node->loop) || uv_async_init(&node->loop, &node->wake, on_wake) ||
		uv_timer_init(&node->loop, &node->tick))
		bench_fail("the loop");
	node->wake.data = node->tick.data = node;
	uv_timer_start(&node->tick, on_tick, TDM_TICK_MS, TDM_TICK_MS);
}

static void alive(void *ctx)
{
	(void)ctx;
}

void bench_node_join(struct bench_node *node)
{
	struct tdm_cluster_thread_config config = { .first_connect_ms = FIRST_CONNECT_MS,
		.to_control = &node->from_cluster,
		.alive = alive };

	config.cpg.cluster_name = "bench";
	if (tdm_queue_init(&node->from_cluster, QUEUE, &node->wake) ||
		tdm_cluster_thread_start(&config, &node->corosync))
		bench_fail("the thread for corosync");
}

void bench_node_leave(struct bench_node *node)
{
	struct tdm_cluster_msg *msg;

	if (!node->corosync)
		return;
	tdm_cluster_thread_stop(node->corosync);
	node->corosync = NULL;
	while ((msg = tdm_queue_pop(&node->from_cluster)))
		free(msg);
	tdm_queue_deinit(&node->from_cluster);
	tdm_cluster_free(node->core);
	node->core = NULL;
	node->connection = 0;
}

void bench_node_log_in(struct bench_node *node, uint32_t n)
{
	struct tdm_event ev = { .kind = TDM_EVENT_LOGIN };
	struct bench_texts texts;

	bench_texts(n, &texts);
	ev.login.request = n;
	ev.login.member = 1;
	ev.login.id = bench_id(n);
	memcpy(ev.login.verifier, texts.verifier, sizeof(texts.verifier));
	ev.login.user = texts.user;
	ev.login.tunnel_group = texts.tunnel_group;
	ev.login.auth_method = texts.auth_method;
	ev.login.agent = texts.agent;
	ev.login.device = texts.device;
	ev.login.hostname = texts.hostname;
	ev.login.policy = bench_policy(n);
	ev.login.peer = tdm_ip_from_v4(texts.public_addr);
	feed(node, &ev);
}

/* Not by tdm_cluster_status(): that counts sessions, which takes a while. */
bool bench_node_owns(const struct bench_node *node, size_t *synced)
{
	*synced = 0;
	for (size_t i = 0; node->core && i < node->core->peers_len; i++)
		*synced += node->core->peers[i].present && node->core->peers[i].synced;
	return node->core && node->core->members[0].role == TDM_ROLE_OWNER;
}
