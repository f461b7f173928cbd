/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One node of the cluster: session table, replication, ownership. Pure: see event.h.
 */
#pragma once

#include "proto/envelope.h"
#include "replication/event.h"

struct tdm_cluster;

struct tdm_cluster_node {
	tdm_node_id id;
	char name[TDM_NAME_MAX];
};

enum { TDM_POOLS_MAX = 8 };

struct tdm_cluster_member {
	tdm_member_id id;
	char name[TDM_NAME_MAX];
	tdm_node_id nodes[TDM_NODES_MAX]; /* in order of preference */
	size_t nodes_len;
	struct tdm_prefix
		pools[TDM_POOLS_MAX]; /* IPv4; network, broadcast, and reserved are left out */
	size_t pools_len;
	struct tdm_ip reserved; /* the gateway's own inner address, never leased; family 0 = none */
};

struct tdm_cluster_config {
	tdm_node_id self;
	tdm_boot_id boot;
	struct tdm_cluster_node nodes[TDM_NODES_MAX]; /* all configured nodes, self included */
	size_t nodes_len;
	struct tdm_cluster_member members[TDM_MEMBERS_MAX];
	size_t members_len;
	uint64_t config_fingerprint;
	uint64_t config_sections[TDM_CONFIG_SECTIONS]; /* of its parts, to name what differs */
	bool allow_config_difference;                  /* take over though it is not the owner's */
	struct tdm_numbers numbers;                    /* as last saved */
	uint64_t seed;                                 /* for hash tables */
	tdm_ms commit_timeout_ms;  /* a standby silent for longer is demoted (2000) */
	tdm_ms connect_timeout_ms; /* a session that never connects ends (120 000) */
	tdm_ms tombstone_keep_ms;  /* 7 days */
	bool two_node; /* no third vote: both halves of a cut pair are quorate and make sessions */
	size_t sessions_max;
	bool journaled; /* there is a journal: TDM_ACTION_JOURNAL is answered by JOURNALED */
	tdm_mac_fn *mac;
	void *mac_ctx;
};

/* Make a node. config is copied. TDM_ERR_NOMEM, TDM_ERR_INVAL. */
enum tdm_err tdm_cluster_new(
	const struct tdm_cluster_config *config, tdm_ms now, struct tdm_cluster **out) TDM_MUST_USE;
void tdm_cluster_free(struct tdm_cluster *cluster);

/* Put a session back that a journal had; before the first event. dropped_ms of one that had a
 * tunnel is since the journal was last written, as a guess. Nothing is sent or written because of
 * it. TDM_ERR_NOMEM; TDM_ERR_MALFORMED, TDM_ERR_EXISTS: this one cannot be used. */
enum tdm_err tdm_cluster_restore(struct tdm_cluster *cluster, const struct tdm_change *change,
	struct tdm_blob policy) TDM_MUST_USE;

/* A session as it belongs into the journal, borrowed until the next step. False: it is forgotten,
 * and the journal is to drop it. */
bool tdm_cluster_journal(const struct tdm_cluster *cluster, tdm_session_id id,
	struct tdm_change *change, struct tdm_blob *policy);

/* Feed one event; what is to be done is appended to actions. Never fails: what cannot be done is
 * an answer (a result with an error, a note). now never goes backwards. */
void tdm_cluster_step(struct tdm_cluster *cluster, const struct tdm_event *event, tdm_ms now,
	struct tdm_actions *actions);

/* --- for status displays: reading changes nothing --- */

/* This node has the whole table, and nothing happens that it does not hear of. */
bool tdm_cluster_synced(const struct tdm_cluster *cluster);

enum tdm_verify_result {
	TDM_VERIFY_NONE, /* there was no comparison yet */
	TDM_VERIFY_EQUAL,
	TDM_VERIFY_REPAIRED,  /* they differed, and are equal now */
	TDM_VERIFY_DIFFERENT, /* they differ after several repairs */
	TDM_VERIFY_NO_ANSWER, /* a node did not answer in time */
	TDM_VERIFY_ALONE,     /* no other node holds the whole table */
	TDM_VERIFY_RESULTS
};
const char *tdm_verify_result_name(enum tdm_verify_result result);

/* Comparisons that this node began. Each TDM_EVENT_VERIFY has a number, counted from 1. */
struct tdm_verify_status {
	uint64_t demand, done; /* asked for last; answered, with all before it */
	enum tdm_verify_result result;
	unsigned differed; /* parts of the table (of TDM_DIGEST_SHARDS) that did */
};

struct tdm_node_status {
	tdm_node_id id;
	char name[TDM_NAME_MAX];
	bool configured, present, synced, self;
	tdm_boot_id boot;
	bool config_differs;
	unsigned config_sections; /* that differ, one bit each */
	uint64_t records;         /* in its table, ended sessions included, as it last said */
	int64_t verified_ms; /* its table was found equal to ours so long ago (this node: all were);
			      * -1 = never */
	unsigned differ;     /* parts in which it differed at the last comparison */
};

struct tdm_member_status {
	tdm_member_id id;
	char name[TDM_NAME_MAX];
	enum tdm_role role; /* of this node */
	tdm_node_id owner;  /* 0 = nobody */
	struct tdm_epoch epoch;
	size_t sessions, active, inactive, pool_used, pool_size;
};

struct tdm_cluster_status {
	struct tdm_node_status nodes[TDM_NODES_MAX];
	size_t nodes_len;
	struct tdm_member_status members[TDM_MEMBERS_MAX];
	size_t members_len;
	struct tdm_ring ring;
	bool quorate, connected;
	size_t pending_commits, unprotected, tombstones;
	uint64_t commits_total, demotions_total, mac_failures_total, table_differences_total;
	struct tdm_verify_status verify;
};
void tdm_cluster_status(const struct tdm_cluster *cluster, struct tdm_cluster_status *out);

/* Visit every session, live and ended; record, policy and age (ms since this version was written,
 * by the writer's account) are borrowed for the call. Stops when visit returns false. */
typedef bool tdm_session_visit(void *ctx, const struct tdm_record *record,
	const struct tdm_policy *policy, tdm_ms age_ms, bool unprotected);
void tdm_cluster_sessions(
	const struct tdm_cluster *cluster, tdm_ms now, tdm_session_visit *visit, void *ctx);

/* The same in pieces, so that a long table does not stop everything else. What changes between two
 * pieces is in one, or is not. */
struct tdm_session_walk {
	size_t at;        /* where it goes on; 0 at first */
	uint32_t index;   /* only this session; 0 = any */
	const char *user; /* only this user's; NULL = any */
};

/* Visit at most max sessions, or fewer when visit returns false. True when that was the end. */
bool tdm_cluster_walk(const struct tdm_cluster *cluster, tdm_ms now, struct tdm_session_walk *walk,
	size_t max, tdm_session_visit *visit, void *ctx);

/* Visit the tunnels of a member's live sessions that went with an earlier owner and have not come
 * back: their clients may not know it yet. Stops when visit returns false. */
typedef bool tdm_orphan_visit(void *ctx, tdm_session_id id, const struct tdm_tunnel_desc *tunnel);
void tdm_cluster_orphans(const struct tdm_cluster *cluster, tdm_member_id member,
	tdm_orphan_visit *visit, void *ctx);

/* Find a live session by a client's inner address text; false when there is none. */
bool tdm_cluster_find_address(
	const struct tdm_cluster *cluster, const char *addr, tdm_session_id *id);
