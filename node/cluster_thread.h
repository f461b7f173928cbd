/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The threads that talk to corosync, whose calls may block for good when it is frozen.
 *
 * The first owns the group: it hands what corosync delivers to the control thread, in order, sends
 * what the control thread gives it, and connects again when corosync comes back. The others ask
 * corosync for a sign of life every TDM_PROBE_MS, each on a connection of its own.
 */
#pragma once

#include "node/queue.h"
#include "replication/transport_cpg.h"

enum { TDM_PROBE_MS = 50 };

enum tdm_cluster_msg_kind {
	TDM_CLUSTER_CONNECTED,    /* joined the group: info */
	TDM_CLUSTER_EVENT,        /* event: VIEW, RING, QUORUM, MESSAGE, BATCH_END */
	TDM_CLUSTER_DISCONNECTED, /* once per loss; event is DISCONNECTED. Tries to join again */
	TDM_CLUSTER_FAILED,       /* diag: it will never work like this. Nothing follows */
};

/* One heap block, freed by the receiver with free(). event.wall is 0: the receiver stamps it. */
struct tdm_cluster_msg {
	enum tdm_cluster_msg_kind kind;
	uint32_t connection; /* counts the times the group was joined, from 1 */
	struct tdm_cluster_msg *next;
	union {
		struct tdm_event event; /* message.data points to data */
		struct tdm_cpg_info info;
		struct tdm_diag diag;
	};
	uint8_t data[];
};

struct tdm_cluster_thread_config {
	struct tdm_cpg_config cpg;
	/* How long corosync may be away at start before that is a failure. Later it may be away for
	 * as long as it likes. */
	tdm_ms first_connect_ms;
	struct tdm_queue *to_control; /* of struct tdm_cluster_msg; written by the thread only */
	/* Corosync has answered; called on the liveness threads. */
	void (*alive)(void *ctx);
	void *ctx;
};

struct tdm_cluster_thread;

/* config is copied, the cluster's name too. TDM_ERR_NOMEM. */
enum tdm_err tdm_cluster_thread_start(const struct tdm_cluster_thread_config *config,
	struct tdm_cluster_thread **out) TDM_MUST_USE;
/* Multicast a copy of data. connection is that of the last CONNECTED received: what was meant for
 * an earlier one is dropped. TDM_ERR_FULL: too much is waiting; TDM_ERR_NOMEM. Control thread. */
enum tdm_err tdm_cluster_thread_send(struct tdm_cluster_thread *thread, uint32_t connection,
	const uint8_t *data, size_t len) TDM_MUST_USE;
/* Leave the group and join it again, as after a loss of corosync. */
void tdm_cluster_thread_rejoin(struct tdm_cluster_thread *thread);
/* Leave the group and end the threads. When corosync is frozen they are left behind after a
 * second, and so is their memory. Drain to_control afterwards. NULL is fine. */
void tdm_cluster_thread_stop(struct tdm_cluster_thread *thread);
