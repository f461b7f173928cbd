/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several nodes in one process over the network in memory, with a clock that the test moves. */
#pragma once

#include "replication/core.h"
#include "replication/journal_mem.h"
#include "replication/journal_restore.h"
#include "replication/transport_mem.h"

enum {
	LAB_NODES = 3,
	LAB_ANSWERS = 4096,
	LAB_MEMBER = 1,
	LAB_COMMIT_TIMEOUT_MS = 2000,
	LAB_CONNECT_TIMEOUT_MS = 120000,
	LAB_PUMP_MAX = 1000000,
	LAB_KEEP_MS = 7 * 86400 * 1000,
};

/* What came back for a request; requests are numbered by the test. */
struct lab_answer {
	bool here, login_unprotected;
	enum tdm_action_kind kind;
	enum tdm_err err;
	enum tdm_reason reason;
	tdm_session_id id;
	uint32_t index, generation;
	char addr[TDM_ADDR_TEXT_MAX];
	uint16_t mtu;
};

struct lab;

struct lab_node {
	struct lab *lab;
	tdm_node_id id;
	struct tdm_cluster *cluster; /* NULL = no process */
	struct tdm_transport *transport;
	struct tdm_actions actions;
	struct tdm_numbers saved; /* the disk */
	uint32_t pid;
	enum tdm_role role;
	struct tdm_epoch epoch;
	size_t actions_total, closed_total, notes_total;
	struct {
		tdm_session_id id;
		uint32_t generation;
		enum tdm_reason reason;
	} closed;        /* the last tunnel that was closed */
	size_t crash_at; /* die after so many actions; 0 = never */
	bool dying;
	struct tdm_journal_disk *disk; /* NULL = no journal */
	struct tdm_journal *journal;
	struct tdm_journal_batch batch; /* not on the disk yet */
	uint64_t journal_number;
	size_t urgent_total, all_total;
	bool slow_disk; /* nothing becomes durable */
	tdm_wall wall_shift;
	struct tdm_restored restored;
	bool mute; /* executes nothing of what it should send */
};

struct lab {
	struct tdm_mem *mem;
	struct lab_node nodes[LAB_NODES];
	size_t nodes_len;
	tdm_ms now;
	tdm_wall wall_start;
	uint64_t request_last;
	struct lab_answer answers[LAB_ANSWERS]; /* by request % LAB_ANSWERS */
	struct tdm_epoch epoch_last;            /* the highest that anybody served with */
	struct tdm_policy policy;
	struct tdm_prefix pool;
	size_t sessions_max;
	bool journaled;
	uint64_t groups[LAB_NODES]; /* changes a node's configuration, other than 0 */
	bool allow_difference[LAB_NODES];
	const char *broken; /* an invariant that was found broken */
	bool verbose;
	/* called before a process is gone, and for each answer */
	void (*on_death)(struct lab *lab, struct lab_node *node);
	void (*on_answer)(struct lab *lab, struct lab_node *node, uint64_t request);
};

/* Hosts 1..nodes are up in partition 0, no process runs. */
void lab_init(struct lab *lab, size_t nodes, enum tdm_mem_quorum quorum);
void lab_deinit(struct lab *lab);
struct lab_node *lab_node(struct lab *lab, tdm_node_id id);

void lab_start(struct lab *lab, tdm_node_id id); /* the daemon: new boot id and pid */
void lab_kill(struct lab *lab, tdm_node_id id);  /* the daemon dies */
void lab_kill_host(struct lab *lab, tdm_node_id id);
/* nodes 1, 2, 3 to partitions */
void lab_split(struct lab *lab, const unsigned *partition);

/* The local corosync restarts under the daemon; it joins anew with lab_rejoin(). */
void lab_disconnect(struct lab *lab, tdm_node_id id);
void lab_rejoin(struct lab *lab, tdm_node_id id);

/* Feed an event to one node and execute what it asks for. */
void lab_feed(struct lab *lab, tdm_node_id id, const struct tdm_event *event);
/* Remove processes that reached their crash point; pump, run and tick do it too. */
void lab_bury(struct lab *lab);
void lab_pump(struct lab *lab);                 /* until nothing waits */
void lab_run(struct lab *lab, tdm_ms duration); /* ticks and pumping */
void lab_tick(struct lab *lab, tdm_ms step);    /* the clock moves, ticks to all, no delivery */

/* What waits for the node's disk becomes durable; pump does it unless the disk is slow. */
bool lab_journal(struct lab *lab, tdm_node_id id);

/* Requests; the answer is in lab_answer(). Session n has id n and a verifier made from n. */
uint64_t lab_login(struct lab *lab, tdm_node_id at, tdm_session_id session, const char *user);
uint64_t lab_resume(struct lab *lab, tdm_node_id at, tdm_session_id session);
uint64_t lab_logout(struct lab *lab, tdm_node_id at, tdm_session_id session);
void lab_tunnel_down(struct lab *lab, tdm_node_id at, tdm_session_id session, uint32_t generation);
const struct lab_answer *lab_answer(const struct lab *lab, uint64_t request);

/* Login at the node and everything delivered. */
const struct lab_answer *lab_login_now(
	struct lab *lab, tdm_node_id at, tdm_session_id session, const char *user);
const struct lab_answer *lab_resume_now(struct lab *lab, tdm_node_id at, tdm_session_id session);

enum tdm_role lab_role(struct lab *lab, tdm_node_id id);
bool lab_synced(struct lab *lab, tdm_node_id id);
struct tdm_entry *lab_entry(struct lab *lab, tdm_node_id id, tdm_session_id session);
/* The tables of two nodes are equal byte for byte. */
bool lab_equal(struct lab *lab, tdm_node_id a, tdm_node_id b);
size_t lab_live(struct lab *lab, tdm_node_id id);
void lab_verifier(tdm_session_id session, uint8_t out[TDM_VERIFIER_LEN]);
void lab_mac(void *ctx, const uint8_t *data, size_t len, uint8_t out[32]);
