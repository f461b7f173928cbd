/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A node without clients: the core, the Corosync threads of the daemon, a loop in the place of the
 * control thread. What a daemon saves to disk is not saved.
 */
#pragma once

#include <uv.h>

#include "node/cluster_thread.h"
#include "replication/cluster.h"

struct bench_node {
	uv_loop_t loop;
	uv_async_t wake;
	uv_timer_t tick;
	struct tdm_queue from_cluster;
	struct tdm_cluster_thread *corosync; /* NULL = not in the group */
	struct tdm_cluster *core;
	struct tdm_actions actions;
	uint32_t connection;
	uint64_t sent, sent_bytes; /* messages to the group */

	/* may not ask the core for anything */
	void (*on_login)(struct bench_node *node, uint64_t request, enum tdm_err err);
	void (*after)(struct bench_node *node); /* each event that came, and each tick */
};

void bench_node_init(struct bench_node *node);
/* Join the group with an empty table; leave it and forget the table. */
void bench_node_join(struct bench_node *node);
void bench_node_leave(struct bench_node *node);
/* Ask the core for session number n. The result comes to on_login with request n. */
void bench_node_log_in(struct bench_node *node, uint32_t n);
/* This node serves; so many nodes, this one included, are synced. */
bool bench_node_owns(const struct bench_node *node, size_t *synced);
