/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Corosync as the transport: CPG for order and membership, the quorum service for the verdicts,
 * cmap for the node list. No threads here: the owner polls the descriptors and calls dispatch. Any
 * call may block for good while the local corosync is frozen, so it belongs on a thread of its own,
 * with a stack of at least TDM_CPG_STACK bytes.
 */
#pragma once

#include "replication/event.h"

/* The library puts a message buffer of 1 MiB on the stack. */
enum { TDM_CPG_STACK = 8 << 20 };

struct tdm_cpg;

struct tdm_cpg_node {
	tdm_node_id id;
	char name[TDM_NAME_MAX];
};

/* What corosync says about itself; read once when the handle is opened. */
struct tdm_cpg_info {
	tdm_node_id self;
	struct tdm_cpg_node nodes[TDM_NODES_MAX]; /* its node list, this node included */
	size_t nodes_len;
	bool two_node;      /* both halves of a cut pair will be quorate */
	bool crypto;        /* totem traffic is encrypted and authenticated */
	uint32_t detect_ms; /* token + consensus: how long a silent node stays a member */
};

struct tdm_cpg_config {
	const char *cluster_name; /* borrowed for the call */
	bool allow_no_crypto;     /* open although totem crypto is off */
};

/* Called from tdm_cpg_dispatch, in the order of corosync's callbacks; event is borrowed. */
typedef void tdm_cpg_event_fn(void *ctx, const struct tdm_event *event);

/* Connect, read the node list, join the group "tandem:" + cluster name, track quorum.
 * TDM_ERR_CLUSTER_LOST: corosync is not running or not ready (try again); TDM_ERR_PERM: not allowed
 * (uidgid); TDM_ERR_EXISTS: another process of this node is in the group (it may be on its way out:
 * try again for a while); TDM_ERR_CONFIG: totem crypto is off, or too many nodes. */
enum tdm_err tdm_cpg_open(const struct tdm_cpg_config *config, tdm_cpg_event_fn *on_event,
	void *ctx, struct tdm_cpg **out, struct tdm_diag *diag) TDM_MUST_USE;
void tdm_cpg_close(struct tdm_cpg *cpg); /* NULL is fine; leaves the group */

/* Lives as long as cpg. */
const struct tdm_cpg_info *tdm_cpg_info(const struct tdm_cpg *cpg);
/* Descriptors to poll for reading (group, quorum). */
void tdm_cpg_fds(const struct tdm_cpg *cpg, int *group_fd, int *quorum_fd);
/* Deliver what is there, a bounded number of events: the descriptors stay readable while there is
 * more. Emits BATCH_END after the last event. A verdict comes after the view and the ring that it
 * is about. TDM_ERR_CLUSTER_LOST: the handle is dead, close it and open anew. */
enum tdm_err tdm_cpg_dispatch(struct tdm_cpg *cpg) TDM_MUST_USE;
/* Multicast to the group. TDM_ERR_AGAIN: flow control, keep the message and try in a millisecond.
 * TDM_ERR_TOO_LONG: more than corosync carries in one piece. TDM_ERR_CLUSTER_LOST. */
enum tdm_err tdm_cpg_mcast(struct tdm_cpg *cpg, const uint8_t *data, size_t len) TDM_MUST_USE;

/* Liveness: a handle of its own whose one call needs an answer from corosync. Both calls block
 * while corosync is frozen. TDM_ERR_CLUSTER_LOST: close it and open anew. */
struct tdm_cpg_probe;
enum tdm_err tdm_cpg_probe_open(struct tdm_cpg_probe **out) TDM_MUST_USE;
enum tdm_err tdm_cpg_probe_ask(struct tdm_cpg_probe *probe) TDM_MUST_USE;
void tdm_cpg_probe_close(struct tdm_cpg_probe *probe); /* NULL is fine */
