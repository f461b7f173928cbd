/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A network in memory: ordered multicast, views, rings and verdicts for several nodes in one
 * process, or for one node that runs alone. It behaves as Corosync does where that matters: a
 * sender gets its own message before others may have it, a cut can lose what was ordered but not
 * yet delivered on the other side, and what a node sent but nobody got is delivered after the
 * change in its new ring. Nothing moves by itself: events wait in each node's inbox until somebody
 * delivers them.
 */
#pragma once

#include "replication/transport.h"

struct tdm_mem;

enum tdm_mem_quorum {
	TDM_MEM_QUORUM_MANUAL,   /* verdicts only by tdm_mem_verdict() */
	TDM_MEM_QUORUM_ALWAYS,   /* each ring is quorate (a lone node, or two_node) */
	TDM_MEM_QUORUM_MAJORITY, /* more than half of all hosts */
};

/* How many of n ordered messages that the other side may have missed are still delivered to a
 * group that stays together (0..n). */
typedef size_t tdm_mem_keep_fn(void *ctx, size_t n);

enum tdm_err tdm_mem_new(enum tdm_mem_quorum quorum, struct tdm_mem **out) TDM_MUST_USE;
void tdm_mem_free(struct tdm_mem *mem); /* all transports must be closed, or are dead with it */

/* A host with its membership layer comes up in a partition (a number of the caller's choice). */
enum tdm_err tdm_mem_host_up(
	struct tdm_mem *mem, tdm_node_id node, unsigned partition) TDM_MUST_USE;
/* The host is gone, without a word. */
void tdm_mem_host_down(struct tdm_mem *mem, tdm_node_id node, tdm_mem_keep_fn *keep, void *ctx);
/* A process on a host joins the group. out is freed by its ops->close(). TDM_ERR_NOT_FOUND: no such
 * host; TDM_ERR_EXISTS: the host has a process in the group already. */
enum tdm_err tdm_mem_join(struct tdm_mem *mem, tdm_node_id node, uint32_t pid,
	tdm_transport_event_fn *on_event, void *ctx, struct tdm_transport **out) TDM_MUST_USE;
/* The process dies, its host stays; its transport is dead: only close() may be called. */
void tdm_mem_process_down(struct tdm_mem *mem, tdm_node_id node);
/* The host's membership layer restarts: the process loses its connection and has to join anew. */
void tdm_mem_disconnect(struct tdm_mem *mem, tdm_node_id node, tdm_mem_keep_fn *keep, void *ctx);
/* Hosts move to new partitions, all at once. partition[i] is for nodes[i]; others stay. keep NULL:
 * nothing that was ordered is lost. */
void tdm_mem_regroup(struct tdm_mem *mem, const tdm_node_id *nodes, const unsigned *partition,
	size_t len, tdm_mem_keep_fn *keep, void *ctx);

/* A verdict for the ring that the host is in now. */
void tdm_mem_verdict(struct tdm_mem *mem, tdm_node_id node, bool quorate);

/* Deliver the next event of a host's inbox, and BATCH_END behind the last. False: it was empty. */
bool tdm_mem_deliver(struct tdm_mem *mem, tdm_node_id node);
/* The ring that the host is in. */
struct tdm_ring tdm_mem_ring(const struct tdm_mem *mem, tdm_node_id node);
size_t tdm_mem_waiting(const struct tdm_mem *mem, tdm_node_id node);
/* Deliver to all until every inbox is empty, one event each in turn; at most limit events. Returns
 * how many. */
size_t tdm_mem_pump(struct tdm_mem *mem, size_t limit);
