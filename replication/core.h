/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of struct tdm_cluster, shared by the files that make it up and by nobody else.
 * Every event is handled in two halves: the handler takes in what happened, then tdm_core_settle()
 * derives what follows (roles, releases, what to send) from the state alone, so that the order in
 * which Corosync's callbacks come does not matter.
 */
#pragma once

#include "proto/arena.h"
#include "replication/actions.h"
#include "replication/cluster.h"
#include "replication/commit.h"
#include "replication/decide.h"
#include "replication/place.h"
#include "replication/pool.h"
#include "replication/table.h"
#include "replication/verify.h"

/* Updates up to seq are acknowledged when the journal is at number. */
enum { TDM_ACK_WAITS = 16 };
struct tdm_ack_wait {
	uint64_t seq, number;
};

/* What this node knows of another one, or of itself. Flags with a star are changed at ordered
 * points only, so that all nodes of a ring agree on them. */
struct tdm_peer {
	tdm_node_id id;
	char name[TDM_NAME_MAX];
	bool configured;

	bool present; /* * in the view */
	bool decided; /* * took part in a decision since it came */
	bool synced;  /* * has the whole table; its acknowledgements count */
	bool mute;    /* * did not say hello in time: not waited for */
	bool demoted; /* * demoted during the round: what its hello says about synced is over */
	bool owes;    /* * may have records that are only in its own table */
	uint32_t pid;
	tdm_boot_id boot;  /* 0 = not heard of since it came */
	uint64_t last_seq; /* of its last message, 0 = none since it came */
	uint64_t acked;    /* it has all our updates up to this one */
	uint64_t
		covers; /* once it has this update, it has all before it; 0 = nothing to wait for */
	uint64_t ack_due; /* its last update, to be acknowledged; 0 = nothing new */
	struct tdm_ack_wait waits[TDM_ACK_WAITS];
	size_t waits_len; /* updates after ack_due that hold ends which are not durable yet */
	bool demoting;    /* our demotion of it is on its way */
	bool hello_here;  /* its hello of this round came */
	struct tdm_hello hello;
	uint64_t stream, chunks; /* of its bulk transfer: last seen, chunks in a row; see bulk.c */
	bool stream_ok;

	uint64_t config;
	bool config_told;
	uint64_t sections[TDM_CONFIG_SECTIONS];
	bool config_any;
	uint32_t unprotected;
	uint64_t ignored_total;

	bool verify_due;        /* its sums are awaited */
	bool verified;          /* its table was found equal to ours, */
	tdm_ms verified_at;     /* then; for this node: all were equal to ours */
	unsigned verify_differ; /* shards that differed in the last round */
	uint64_t records;       /* size of its table, as it last said */
};

struct tdm_member {
	struct tdm_cluster_member config;
	bool ours;              /* this node is one of its nodes */
	tdm_node_id owner;      /* * staged or acting, 0 = nobody */
	struct tdm_epoch epoch; /* * of the last known ownership */
	tdm_ms gone_at;         /* when the owner before was gone */
	bool vacated;           /* it ended, and its node did not: no doubt that it is gone */
	bool mine;              /* we act, or did until the verdict on a new ring is out */
	enum tdm_role role;
	const char *why;         /* of the next change of role */
	tdm_node_id config_node; /* * whose configuration counts, 0 = not known */
	uint64_t config_wanted;  /* * its fingerprint */
	char config_why[192];
	struct tdm_pool pool;
	bool rivals;    /* two sessions with one address were seen while we could not act */
	bool surplus;   /* a user may have more sessions than allowed: some came from elsewhere */
	uint64_t fence; /* update that everybody has to acknowledge, 0 = none under way */
};

enum tdm_verdict { TDM_VERDICT_PENDING, TDM_VERDICT_NO, TDM_VERDICT_YES };
enum { TDM_VERDICTS_KEPT = 4, TDM_DOUBT_MS = 600 * 1000 };

enum tdm_round_state {
	TDM_ROUND_NONE,  /* all of the view is decided */
	TDM_ROUND_START, /* hello is to be sent as soon as the ring is known */
	TDM_ROUND_HELLO, /* sent; waiting for those of the others */
	TDM_ROUND_COLD,  /* nobody was synced: all exchange what they have */
};

struct tdm_cluster {
	struct tdm_cluster_config config;
	struct tdm_peer peers[TDM_NODES_MAX];
	size_t peers_len, self; /* position of this node */
	struct tdm_member members[TDM_MEMBERS_MAX];
	size_t members_len;
	struct tdm_table table;
	struct tdm_commits commits;

	/* this step */
	tdm_ms now;
	tdm_wall wall;
	struct tdm_actions *actions;
	bool no_answers; /* nothing that waits can be answered now: it need not be looked at */

	/* ring and quorum */
	bool connected;    /* in a view */
	bool ring_pending; /* the view belongs to a ring that is not announced yet */
	bool ring_lost;    /* somebody may have been lost since the last verdict "quorate" */
	bool ring_missed;  /* we passed through a ring that we were not known to be quorate in */
	struct tdm_ring ring;
	uint64_t members_hash;
	struct tdm_event_quorum verdicts[TDM_VERDICTS_KEPT];
	bool refused[TDM_VERDICTS_KEPT]; /* the ring was not quorate at some time */

	/* synchronisation */
	enum tdm_round_state round;
	tdm_ms round_since; /* own hello delivered; TDM_NEVER = not yet */
	bool cold_sent;
	bool asked;              /* our bulk request is on its way, or served */
	tdm_node_id await;       /* whose bulk completes us, 0 = nobody's yet */
	uint64_t ask_seq;        /* of our own request */
	tdm_node_id latest_node; /* the latest request since ours, or ours */
	uint64_t latest_seq;
	bool await_done;
	bool synced_sent;
	bool deaf;          /* a message was missed: nothing may be acknowledged until demoted */
	tdm_ms blind_until; /* we stood still: news may wait behind the requests */
	tdm_ms doubt_until; /* unknown tokens may be known to somebody we have not met */

	/* journal.c */
	uint64_t journal_last, journal_durable; /* numbers given out, and reached */
	uint64_t journal_synced;                /* to be reached before we are synced */
	size_t unsaved;                         /* entries marked so */
	size_t journal_slot;
	bool journal_all; /* every entry is wanted again */

	/* our own bulk transfer */
	struct {
		bool active, ending;
		uint64_t stream, number, records;
		tdm_node_id request_node; /* who asked */
		uint64_t request_seq;
		size_t slot;
		unsigned in_flight;
		bool some; /* not all records, but those of these shards */
		struct tdm_shard_set shards;
	} bulk;

	struct tdm_verify verify;

	/* sending */
	uint64_t seq;
	struct tdm_arena arena, in_arena; /* of the message sent, of the one received */
	uint8_t *out;

	/* sessions */
	struct tdm_numbers numbers; /* as used, not as saved */
	uint64_t index_saved, epoch_saved;
	uint32_t generation_last;
	size_t scan_slot;
	struct tdm_record result; /* what RESUME_RESULT points to */

	size_t unprotected;
	uint64_t commits_total, demotions_total, mac_failures_total, malformed_total;
};

/* --- core.c: small helpers --- */
struct tdm_peer *tdm_core_self(struct tdm_cluster *c);
struct tdm_peer *tdm_core_peer(struct tdm_cluster *c, tdm_node_id id);
struct tdm_member *tdm_core_member(struct tdm_cluster *c, tdm_member_id id);
/* Derive everything that follows from the state; after each event. */
void tdm_core_settle(struct tdm_cluster *c);

/* --- view.c: group, ring, quorum --- */
void tdm_view_change(struct tdm_cluster *c, const struct tdm_event_view *view);
void tdm_view_ring(struct tdm_cluster *c, struct tdm_ring ring);
void tdm_view_quorum(struct tdm_cluster *c, const struct tdm_event_quorum *verdict);
void tdm_view_lost(struct tdm_cluster *c); /* the local corosync is gone */
/* The verdict for the ring of the latest view. */
enum tdm_verdict tdm_view_verdict(const struct tdm_cluster *c);

/* --- role.c: who owns --- */
/* Evaluate place(); only at ordered points. */
void tdm_role_stage(struct tdm_cluster *c);
/* Bring roles in line: let go, pause, go on, take. */
void tdm_role_settle(struct tdm_cluster *c);
/* An ownership that a message told of. */
void tdm_role_heard(struct tdm_cluster *c, tdm_node_id node, const struct tdm_message *msg);
/* Is somebody in the view whose place is not decided yet? */
bool tdm_role_undecided(const struct tdm_cluster *c);
/* May this node say that a token is unknown? */
bool tdm_role_sure(const struct tdm_cluster *c);
/* Somebody out of sight may know more tokens: no "unknown" for so long. */
void tdm_role_doubt(struct tdm_cluster *c, uint64_t ms);
/* An epoch that somebody used. */
void tdm_role_seen(struct tdm_cluster *c, struct tdm_epoch epoch);
/* Save the numbers before they are used. */
void tdm_role_save(struct tdm_cluster *c);

/* --- settings.c: configurations that differ --- */
enum { TDM_SETTINGS_TEXT = 48 };
const char *tdm_settings_sections(unsigned mask, char out[TDM_SETTINGS_TEXT]);
unsigned tdm_settings_differ(const struct tdm_cluster *c, const struct tdm_peer *p);
void tdm_settings_hello(struct tdm_cluster *c, struct tdm_peer *p, const struct tdm_hello *hello);
/* Whose configuration counts for a member; at ordered points. */
void tdm_settings_stage(struct tdm_cluster *c, struct tdm_member *m);
bool tdm_settings_fit(const struct tdm_member *m, const struct tdm_peer *p);
const char *tdm_settings_why(struct tdm_cluster *c, struct tdm_member *m);

/* --- sync.c: rounds of hellos, who is synced --- */
/* The view as messages name it. One that was sent in an earlier view and found its place in a later
 * one (its sender was cut off, or stood still) speaks of what is over. */
struct tdm_round_tag tdm_sync_tag(const struct tdm_cluster *c);
bool tdm_sync_is_current(const struct tdm_cluster *c, struct tdm_round_tag tag);
void tdm_sync_start(struct tdm_cluster *c);
/* Nothing to decide, but a transfer may have lost its sender: ask again. */
void tdm_sync_again(struct tdm_cluster *c);
void tdm_sync_settle(struct tdm_cluster *c);
void tdm_sync_tick(struct tdm_cluster *c);
void tdm_sync_hello(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_hello *hello);
void tdm_sync_synced(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg);
void tdm_sync_demote(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg);
/* Ask for a demotion: of a silent node, or of ourselves when we missed something. */
void tdm_sync_ask_demote(struct tdm_cluster *c, struct tdm_peer *who);

/* --- bulk.c: whole tables --- */
void tdm_bulk_start(struct tdm_cluster *c, tdm_node_id request_node, uint64_t request_seq);
void tdm_bulk_cancel(struct tdm_cluster *c);
/* Who sends its table to those who are not synced: an owner, else the lowest id; NULL = nobody. */
struct tdm_peer *tdm_bulk_senior(struct tdm_cluster *c);
void tdm_bulk_settle(struct tdm_cluster *c);
void tdm_bulk_request(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg);
void tdm_bulk_chunk(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg);
void tdm_bulk_end(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg);

/* --- verify.c: are all tables the same? --- */
/* A change of ours added so much to its shard's sum, and is about to be sent; was sent with that
 * number; is delivered with all before it. */
void tdm_verify_changed(struct tdm_cluster *c, tdm_session_id id, uint64_t by);
void tdm_verify_sent(struct tdm_cluster *c, tdm_session_id id, uint64_t seq);
void tdm_verify_delivered(struct tdm_cluster *c, uint64_t seq);
void tdm_verify_message(
	struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg);
void tdm_verify_bulk_end(struct tdm_cluster *c, const struct tdm_message *msg);
/* A node with the whole table asks this before it says so; true = go on. */
bool tdm_verify_joined(struct tdm_cluster *c);
/* The view or our place in it changed: comparisons under way are over. */
void tdm_verify_reset(struct tdm_cluster *c);
void tdm_verify_settle(struct tdm_cluster *c);
void tdm_verify_tick(struct tdm_cluster *c);

/* --- message.c: in and out --- */
void tdm_message_receive(struct tdm_cluster *c, const struct tdm_event_message *event);
/* Send; fills in the header. Returns the sequence number, 0 when it could not be sent. */
uint64_t tdm_message_cast(struct tdm_cluster *c, struct tdm_message *msg);
/* One session's record; NULL = an empty update, which is acknowledged like any. */
uint64_t tdm_message_update(struct tdm_cluster *c, const struct tdm_entry *entry);
/* A session as part of a batch. */
struct tdm_change tdm_message_change(const struct tdm_cluster *c, const struct tdm_entry *entry);
void tdm_message_acks(struct tdm_cluster *c);

/* A peer's update is in the table; it may be acknowledged when the journal is at number. */
void tdm_message_ack_later(
	struct tdm_cluster *c, struct tdm_peer *from, uint64_t seq, uint64_t number);

/* --- journal.c: what is to survive a restart --- */
/* A session changed. */
void tdm_journal_changed(struct tdm_cluster *c, struct tdm_entry *entry);
/* Only its stamps did: that has time. */
void tdm_journal_aged(struct tdm_cluster *c, struct tdm_entry *entry);
/* It is about to be forgotten. */
void tdm_journal_forgotten(struct tdm_cluster *c, const struct tdm_entry *entry);
void tdm_journal_durable(struct tdm_cluster *c, const struct tdm_event_journaled *journaled);
void tdm_journal_tick(struct tdm_cluster *c);

/* --- change.c: the one way to change a session --- */
/* Merge a record that came with a message. Returns the number in the journal that has to be durable
 * before it may be acknowledged; 0 = none. */
uint64_t tdm_change_merge(
	struct tdm_cluster *c, const struct tdm_change *change, struct tdm_blob policy);
/* Write a new version of a live session as its owner (rec was read from entry and changed), and
 * send it. Returns the sequence number of the update, 0 when nothing was sent. */
uint64_t tdm_change_write(struct tdm_cluster *c, struct tdm_entry *entry, struct tdm_record *rec);
/* End a session for good, on any node. Returns like tdm_change_write. */
uint64_t tdm_change_revoke(struct tdm_cluster *c, struct tdm_entry *entry, enum tdm_reason reason);
/* A session index that is in use. */
void tdm_change_see_index(struct tdm_cluster *c, uint32_t index);
/* A new session; entry is NULL on failure. */
enum tdm_err tdm_change_create(struct tdm_cluster *c, const struct tdm_record *rec,
	const struct tdm_policy *policy, struct tdm_entry **entry) TDM_MUST_USE;
/* Sessions with a tunnel on an owner that is no more: their tunnel counts as dropped. */
void tdm_change_drop_tunnels(struct tdm_cluster *c, const struct tdm_member *m, tdm_ms when);
/* Tunnels of this node for a member it has to let go. */
void tdm_change_let_go(struct tdm_cluster *c, const struct tdm_member *m);
/* Which addresses are taken, and which sessions are in each other's way; for a new owner. */
void tdm_change_claim(struct tdm_cluster *c, struct tdm_member *m);
/* End the losers of addresses that two live sessions hold. */
void tdm_change_settle_rivals(struct tdm_cluster *c, struct tdm_member *m);
/* Count a session as held by this node alone, or not any more. */
void tdm_change_unprotected(struct tdm_cluster *c, struct tdm_entry *entry, bool unprotected);

/* --- session.c, login.c: requests --- */
/* TDM_OK when this node serves the member, else why it does not. */
enum tdm_err tdm_session_served(const struct tdm_cluster *c, const struct tdm_member *m);
void tdm_session_login(struct tdm_cluster *c, const struct tdm_event_login *login);
void tdm_session_delivered(struct tdm_cluster *c, struct tdm_entry *entry);
/* The limit of simultaneous logins for sessions that came from elsewhere: the oldest go. */
void tdm_session_settle_limits(struct tdm_cluster *c, struct tdm_member *m);
void tdm_session_resume(struct tdm_cluster *c, const struct tdm_event_resume *resume);
void tdm_session_tunnel_down(struct tdm_cluster *c, const struct tdm_event_tunnel *tunnel);
void tdm_session_logout(struct tdm_cluster *c, const struct tdm_event_logout *logout);

/* --- expire.c --- */
void tdm_expire_tick(struct tdm_cluster *c);
/* The record's clocks as they stand now, for a new version. */
void tdm_expire_clocks(
	const struct tdm_cluster *c, const struct tdm_entry *entry, struct tdm_record *rec);

/* --- wait.c: commits of this node --- */
/* Our update has its place. True when somebody's acknowledgement is waited for. */
bool tdm_wait_delivered(struct tdm_cluster *c, uint64_t seq);
void tdm_wait_settle(struct tdm_cluster *c);
void tdm_wait_tick(struct tdm_cluster *c);
/* Our messages before seq were lost on the way: send again what somebody waits for. */
void tdm_wait_again(struct tdm_cluster *c, uint64_t seq);
/* A node has become synced: what is not answered yet waits for it as well. */
void tdm_wait_joined(struct tdm_cluster *c, struct tdm_peer *p);
/* A node has acknowledged up to p->acked. */
void tdm_wait_acked(struct tdm_cluster *c, struct tdm_peer *p);
/* Addresses of ended sessions: send or take in the fence that frees them. */
void tdm_wait_fences(struct tdm_cluster *c);
