/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages between nodes, as a holder of the key could send them: the input is a list of bodies,
 * each with a two byte length in front. Each is decoded, encoded again, and given to a node that
 * owns a member.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/envelope.h"
#include "replication/cluster.h"

enum { SELF = 1, PEER = 2, PID = 100 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t memory[TDM_ENVELOPE_ARENA] __attribute__((aligned(16)));
static struct tdm_actions actions;
static tdm_ms now;

static void no_mac(void *ctx, const uint8_t *data, size_t len, uint8_t out[TDM_ENVELOPE_MAC])
{
	(void)ctx;
	(void)data;
	(void)len;
	memset(out, 0, TDM_ENVELOPE_MAC);
}

static void feed(struct tdm_cluster *cluster, const struct tdm_event *event);

static void message(struct tdm_cluster *cluster, tdm_node_id node, const uint8_t *data, size_t len)
{
	struct tdm_event ev = { .kind = TDM_EVENT_MESSAGE };

	ev.message.node = node;
	ev.message.pid = PID + node;
	ev.message.data = data;
	ev.message.len = len;
	feed(cluster, &ev);
}

/* What the node sends comes back to it, one level deep for each event. */
static void feed(struct tdm_cluster *cluster, const struct tdm_event *event)
{
	enum { OWN_MAX = 64, DEPTH_MAX = 6 };
	static int depth;
	uint8_t *own[OWN_MAX];
	size_t lens[OWN_MAX], n = 0;

	tdm_actions_reset(&actions);
	tdm_cluster_step(cluster, event, ++now, &actions);
	assert(!actions.lost);
	for (size_t i = 0; i < actions.len && n < OWN_MAX; i++) {
		if (actions.items[i].kind != TDM_ACTION_MCAST)
			continue;
		lens[n] = actions.items[i].mcast.len;
		own[n] = malloc(lens[n]);
		if (!own[n])
			abort();
		memcpy(own[n], actions.items[i].mcast.data, lens[n]);
		n++;
	}
	depth++;
	for (size_t i = 0; i < n; i++) {
		if (depth < DEPTH_MAX)
			message(cluster, SELF, own[i], lens[i]);
		free(own[i]);
	}
	depth--;
}

static struct tdm_cluster *node_make(void)
{
	struct tdm_cluster_config config = { .self = SELF,
		.boot = 1,
		.nodes = { { SELF, "n1" }, { PEER, "n2" } },
		.nodes_len = 2,
		.members_len = 1,
		.commit_timeout_ms = 2000,
		.connect_timeout_ms = 120000,
		.tombstone_keep_ms = 1000,
		.sessions_max = 100,
		.mac = no_mac };
	struct tdm_event ev = { .kind = TDM_EVENT_VIEW };
	struct tdm_cluster *cluster;

	config.members[0].id = 1;
	config.members[0].nodes[0] = SELF;
	config.members[0].nodes[1] = PEER;
	config.members[0].nodes_len = 2;
	if (tdm_prefix_parse("10.0.0.0/28", &config.members[0].pools[0]))
		abort();
	config.members[0].pools_len = 1;
	if (tdm_cluster_new(&config, now, &cluster))
		abort();
	ev.view.members[0] = (struct tdm_view_node){ SELF, PID + SELF };
	ev.view.members_len = ev.view.joined_len = 1;
	ev.view.joined[0].who = ev.view.members[0];
	feed(cluster, &ev);
	ev = (struct tdm_event){ .kind = TDM_EVENT_QUORUM };
	ev.quorum.ring = (struct tdm_ring){ 1, 4 };
	ev.quorum.quorate = true;
	feed(cluster, &ev);
	ev = (struct tdm_event){ .kind = TDM_EVENT_RING, .ring = { 1, 4 } };
	feed(cluster, &ev);
	ev = (struct tdm_event){ .kind = TDM_EVENT_VIEW };
	ev.view.members[0] = (struct tdm_view_node){ SELF, PID + SELF };
	ev.view.members[1] = (struct tdm_view_node){ PEER, PID + PEER };
	ev.view.members_len = 2;
	ev.view.joined[0].who = ev.view.members[1];
	ev.view.joined_len = 1;
	feed(cluster, &ev);
	return cluster;
}

static void one(struct tdm_cluster *cluster, const uint8_t *body, size_t len)
{
	static uint8_t wire[TDM_ENVELOPE_MAX], again[TDM_ENVELOPE_MAX];
	struct tdm_message msg, copy;
	struct tdm_arena in, out;
	static uint8_t memory_out[TDM_ENVELOPE_ARENA] __attribute__((aligned(16)));
	size_t again_len;

	if (len > sizeof(wire) - TDM_ENVELOPE_HEAD)
		return;
	memcpy(wire, "TDM1", 4);
	memset(wire + 4, 0, TDM_ENVELOPE_MAC);
	memcpy(wire + TDM_ENVELOPE_HEAD, body, len);
	tdm_arena_init(&in, memory, sizeof(memory));
	tdm_arena_init(&out, memory_out, sizeof(memory_out));
	if (!tdm_envelope_decode(wire, TDM_ENVELOPE_HEAD + len, no_mac, NULL, &in, &msg) &&
		!tdm_envelope_encode(&msg, no_mac, NULL, &out, again, sizeof(again), &again_len)) {
		assert(!tdm_envelope_decode(again, again_len, no_mac, NULL, &out, &copy));
		assert(copy.kind == msg.kind && copy.seq == msg.seq);
	}
	message(cluster, PEER, wire, TDM_ENVELOPE_HEAD + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tdm_event end = { .kind = TDM_EVENT_BATCH_END }, tick = { .kind = TDM_EVENT_TICK };
	struct tdm_cluster *cluster;
	struct tdm_cluster_status status;

	now = 1000;
	cluster = node_make();
	while (size >= 2) {
		size_t len = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		one(cluster, data, len);
		feed(cluster, &end);
		data += len;
		size -= len;
	}
	now += 5000;
	feed(cluster, &tick);
	tdm_cluster_status(cluster, &status);
	tdm_cluster_free(cluster);
	tdm_actions_deinit(&actions);
	return 0;
}
