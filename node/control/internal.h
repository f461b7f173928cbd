/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the control thread know each other through this file only. */
#pragma once

#include <uv.h>

#include "node/address/address.h"
#include "node/auth/pool.h"
#include "node/cluster_thread.h"
#include "node/config/config.h"
#include "node/control/socket.h"
#include "node/data/msg.h"
#include "node/data/tls.h"
#include "node/data/tun.h"
#include "node/data/worker.h"
#include "node/journal.h"
#include "node/log.h"
#include "node/queue.h"
#include "replication/cluster.h"

enum {
	TDM_WORKERS_MAX = 16,
	TDM_WORKER_QUEUE = 4096,
	TDM_REQUESTS_MAX = 4096,     /* logins and resumes under way at the same time */
	TDM_REQUEST_HOLD_MS = 20000, /* a CONNECT waits this long for the node to be sure */
	TDM_UNKNOWN_HOLD_MS =
		5000, /* the same with a token that nobody knows: maybe a stranger's */
	TDM_ORPHANS_MAX = 256,
	TDM_CLUSTER_KEY_MAX = 4096,
};

/* Something a connection waits for. */
struct tdm_request {
	uint64_t id;         /* 0 = free slot */
	struct tdm_msg *msg; /* AUTH or CONNECT, owned */
	tdm_ms since;
	bool held; /* a CONNECT that waits for the node to be sure */
	char token[TDM_TOKEN_TEXT_MAX];
	char banner[TDM_POLICY_BANNER_MAX];
};

struct tdm_wake; /* clients of a dead owner that have not come back yet */

/* A message to ourselves: the only "network" of a node without a cluster. */
struct tdm_loop_message {
	struct tdm_loop_message *next;
	size_t len;
	uint8_t data[];
};

/* Whether somebody else may still hold the addresses. */
enum tdm_take_state {
	TDM_TAKE_IDLE,  /* we do not own */
	TDM_TAKE_ASKED, /* on the wire, the answer's time is running */
	TDM_TAKE_AGAIN, /* somebody answered: ask again in a while */
	TDM_TAKE_CLEAR, /* nobody, or it does not count */
};

struct tdm_node_member {
	enum tdm_role role;
	size_t listening; /* data threads that have their listeners open */
	enum tdm_take_state state;
	unsigned probes_left;
	bool told;             /* the log has it that somebody else answers */
	uv_timer_t timer;      /* of the question on the wire */
	bool taken;            /* the addresses are on */
	struct tdm_wake *wake; /* NULL = nobody to wake */
};

struct tdm_node {
	const struct tdm_config *config;
	struct tdm_diag *diag;
	enum tdm_err result;
	bool stopping;    /* letting go: requests are not served any more */
	bool stop_sent;   /* to the data threads */
	bool must_rejoin; /* a message to the group was lost on the way */
	tdm_ms stop_deadline;

	uv_loop_t loop;
	uv_timer_t tick;
	uv_signal_t signals[3];
	uv_async_t worker_wake, cluster_wake;

	struct tdm_cluster *core;
	struct tdm_actions actions;
	struct tdm_journal *journal; /* until its thread has it */
	struct tdm_journaler *journaler;
	struct tdm_numbers numbers; /* as the journal had them at the start */
	bool journal_waits;         /* in this step something has to be durable soon */
	bool journal_all;           /* all sessions are being written to it anew */
	struct tdm_loop_message *loop_head, **loop_tail;
	uint8_t key[TDM_CLUSTER_KEY_MAX]; /* of the replication's MAC */
	size_t key_len;

	struct tdm_queue from_cluster;
	struct tdm_cluster_thread *corosync;
	uint32_t connection; /* to the group, as the thread counts them; 0 = none */
	struct tdm_address *address;
	int nudge_fd, probe_fd;
	bool two_node; /* corosync gives both halves of a cut pair the vote */
	struct tdm_tls *tls;
	struct tdm_auth_file *users;
	struct {
		uv_work_t work;
		bool busy, again; /* again: once more when this one is through */
		enum tdm_err err;
		struct tdm_diag diag;
	} reload; /* of the users */
	struct tdm_auth_pool *auth;
	const char *auth_method;
	struct tdm_control_socket *socket;

	struct tdm_worker *workers[TDM_WORKERS_MAX];
	struct tdm_queue from_worker[TDM_WORKERS_MAX];
	size_t workers_len, workers_stopped;

	struct tdm_node_member members[TDM_MEMBERS_MAX + 1]; /* by member id */
	struct tdm_request requests[TDM_REQUESTS_MAX];
	uint64_t next_request;
	size_t next_held;                        /* where retrying goes on */
	tdm_session_id orphans[TDM_ORPHANS_MAX]; /* new sessions whose client has gone */
	size_t orphans_len;
	struct tdm_log_limit login_lines, resume_lines;
};

/* feed.c: one event into the core, and everything that follows from it. */
void tdm_node_feed(struct tdm_node *node, struct tdm_event *event);

/* act.c: execute what the core asked for. */
void tdm_node_act(struct tdm_node *node);
/* Listeners of a member are open on one more data thread, or could not be opened. */
void tdm_node_on_serving(struct tdm_node *node, const struct tdm_msg *msg);
/* Give up in good order; the first reason given is the one reported. */
void tdm_node_fail(struct tdm_node *node, enum tdm_err err, const char *why);

/* requests.c: what connections ask for. */
void tdm_node_on_auth(struct tdm_node *node, struct tdm_msg *msg);
void tdm_node_on_connect(struct tdm_node *node, struct tdm_msg *msg);
void tdm_node_on_conn_closed(struct tdm_node *node, const struct tdm_msg *msg);
void tdm_node_auth_done(void *ctx, uint64_t request, enum tdm_err err, const char *group);
void tdm_node_login_result(struct tdm_node *node, const struct tdm_action *action);
void tdm_node_resume_result(struct tdm_node *node, const struct tdm_action *action);
/* Ask the core again for held CONNECTs, so many at a time; those that waited too long get 503. */
void tdm_node_retry_held(struct tdm_node *node);
/* Drop every request of a member whose connections are gone. */
void tdm_node_forget_requests(struct tdm_node *node, tdm_member_id member);

/* take.c: the way from the role to the addresses. */
enum tdm_err tdm_take_init(struct tdm_node *node, struct tdm_diag *diag) TDM_MUST_USE;
void tdm_take_deinit(struct tdm_node *node);
/* The node owns the member now; vacated: whoever owned it before has ended for certain. */
void tdm_take_start(struct tdm_node *node, tdm_member_id member, bool vacated);
/* Something that it waited for is there. */
void tdm_take_go_on(struct tdm_node *node, tdm_member_id member);
/* It owns it no more; the addresses are off already. */
void tdm_take_stop(struct tdm_node *node, tdm_member_id member);

/* wake.c: clients whose tunnel died with another node. */
void tdm_wake_start(struct tdm_node *node, tdm_member_id member);
void tdm_wake_stop(struct tdm_node *node, tdm_member_id member);
void tdm_wake_came_back(struct tdm_node *node, const struct tdm_record *record);
void tdm_wake_tick(struct tdm_node *node);

/* inbox.c: messages of the data threads. */
void tdm_node_on_workers(uv_async_t *wake);
/* Send to a data thread; a full inbox ends the node, since nothing may be lost. */
void tdm_node_to_worker(struct tdm_node *node, uint32_t thread, struct tdm_msg *msg);
void tdm_node_to_all_workers(struct tdm_node *node, const struct tdm_msg *msg);

/* corosync.c: messages of the Corosync thread; makes the core once the node list is known. */
void tdm_node_on_cluster(uv_async_t *wake);
enum tdm_err tdm_node_cluster_start(struct tdm_node *node, struct tdm_diag *diag) TDM_MUST_USE;
void tdm_node_cluster_stop(struct tdm_node *node);
/* Hand a message to the group (or to ourselves without one). */
void tdm_node_mcast(struct tdm_node *node, const uint8_t *data, size_t len);
/* Let go of everything at once, leave the group and join again as a newcomer. */
void tdm_node_rejoin(struct tdm_node *node, const char *why);

/* journal.c: what survives a restart of all nodes. */
enum { TDM_TOMBSTONE_KEEP_MS = 7 * 24 * 3600 * 1000 };
enum tdm_err tdm_node_journal_open(struct tdm_node *node, struct tdm_diag *diag) TDM_MUST_USE;
/* The core was just made: give it what the journal has, and write from now on. */
enum tdm_err tdm_node_journal_start(
	struct tdm_node *node, tdm_boot_id boot, struct tdm_diag *diag) TDM_MUST_USE;
void tdm_node_journal_put(struct tdm_node *node, const struct tdm_action *action);
/* At the end of a step. */
void tdm_node_journal_flush(struct tdm_node *node);
/* Waits for the disk, for some seconds at most. */
void tdm_node_journal_stop(struct tdm_node *node);

/* status.c: answers for the control socket. */
struct tdm_control_ops tdm_node_control_ops(void);
