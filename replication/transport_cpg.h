/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Corosync as the transport: CPG for order and membership, votequorum for the verdicts, cmap for
 * the node list. No threads here: the owner polls the descriptors and calls dispatch. Any call may
 * block for good while the local corosync is frozen, so it belongs on a thread of its own.
 */
#pragma once

#include "replication/event.h"

struct tdm_cpg;

struct tdm_cpg_node {
	tdm_node_id id;
	char name[TDM_NAME_MAX];
};

/* Called from tdm_cpg_dispatch, in the order of corosync's callbacks; event is borrowed. */
typedef void tdm_cpg_event_fn(void *ctx, const struct tdm_event *event);

/* Connect, read the node list, join the group "tandem:" + cluster name, track quorum.
 * TDM_ERR_CLUSTER_LOST: corosync is not running (try again); TDM_ERR_PERM: not allowed (uidgid);
 * TDM_ERR_EXISTS; TDM_ERR_CONFIG: totem crypto is off or the node is not in the list. */
enum tdm_err tdm_cpg_open(const char *cluster_name, tdm_cpg_event_fn *on_event, void *ctx,
	struct tdm_cpg **out, struct tdm_diag *diag) TDM_MUST_USE;
void tdm_cpg_close(struct tdm_cpg *cpg); /* NULL is fine; leaves the group */

tdm_node_id tdm_cpg_self(const struct tdm_cpg *cpg);
size_t tdm_cpg_nodes(const struct tdm_cpg *cpg, struct tdm_cpg_node out[TDM_NODES_MAX]);
bool tdm_cpg_two_node(const struct tdm_cpg *cpg);
/* Descriptors to poll for reading (group, quorum). */
void tdm_cpg_fds(const struct tdm_cpg *cpg, int *group_fd, int *quorum_fd);
/* Deliver what is there. Emits BATCH_END after the last event. TDM_ERR_CLUSTER_LOST: the handle is
 * dead, close it and open anew. */
enum tdm_err tdm_cpg_dispatch(struct tdm_cpg *cpg) TDM_MUST_USE;
/* Multicast to the group. TDM_ERR_AGAIN: flow control, keep the message and try in a millisecond.
 */
enum tdm_err tdm_cpg_mcast(struct tdm_cpg *cpg, const uint8_t *data, size_t len) TDM_MUST_USE;

/* Liveness: a handle of its own whose one call needs an answer from corosync. Blocks while corosync
 * is frozen. */
struct tdm_cpg_probe;
enum tdm_err tdm_cpg_probe_open(struct tdm_cpg_probe **out) TDM_MUST_USE;
enum tdm_err tdm_cpg_probe_ask(struct tdm_cpg_probe *probe) TDM_MUST_USE;
void tdm_cpg_probe_close(struct tdm_cpg_probe *probe);
