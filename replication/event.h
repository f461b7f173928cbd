/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes into the core (events) and what comes out (actions). The core does
 * no I/O and reads no clock: the shell feeds it and executes what it asks for,
 * in the order given.
 */
#pragma once

#include "proto/err.h"
#include "proto/ip.h"
#include "proto/record.h"
#include "proto/types.h"

enum tdm_left_reason {
	TDM_LEFT_LEAVE,    /* the process said goodbye */
	TDM_LEFT_PROCDOWN, /* the process died, its node did not: no new ring */
	TDM_LEFT_NODEDOWN, /* the node is gone: a new ring and a quorum verdict follow */
};

struct tdm_view_node {
	tdm_node_id node;
	uint32_t pid;
};

enum tdm_event_kind {
	TDM_EVENT_TICK,         /* time has passed; every TDM_TICK_MS */
	TDM_EVENT_VIEW,         /* members of the CPG group changed */
	TDM_EVENT_RING,         /* totem formed a ring */
	TDM_EVENT_QUORUM,       /* votequorum's verdict for a ring */
	TDM_EVENT_MESSAGE,      /* delivered in total order, own messages included */
	TDM_EVENT_BATCH_END,    /* the transport has nothing more for now: acknowledge */
	TDM_EVENT_DISCONNECTED, /* the local corosync is gone, frozen, or left on purpose */
	TDM_EVENT_LOGIN,        /* credentials were checked: make a session */
	TDM_EVENT_RESUME,       /* CONNECT with a token: give the session a tunnel */
	TDM_EVENT_TUNNEL_DOWN,  /* a tunnel ended, the session stays */
	TDM_EVENT_LOGOUT,       /* end a session */
	TDM_EVENT_JOURNALED,    /* the journal has come further */
	TDM_EVENT_VERIFY,       /* compare the tables of all nodes now */
};

enum { TDM_TICK_MS = 50 };

struct tdm_event_view {
	struct tdm_view_node members[TDM_NODES_MAX];
	size_t members_len;
	struct {
		struct tdm_view_node who;
		enum tdm_left_reason reason;
	} left[TDM_NODES_MAX];
	size_t left_len;
	struct {
		struct tdm_view_node who;
		bool nodeup; /* came with a new ring (NODEUP), else JOIN */
	} joined[TDM_NODES_MAX];
	size_t joined_len;
};

struct tdm_event_quorum {
	struct tdm_ring ring;
	bool quorate;
};

struct tdm_event_message {
	tdm_node_id node; /* sender as the transport knows it */
	uint32_t pid;
	const uint8_t *data; /* borrowed for the call */
	size_t len;
};

/* The token itself never enters the core: the shell draws it and passes its hash. */
struct tdm_event_login {
	uint64_t request; /* comes back in the result */
	tdm_member_id member;
	tdm_session_id id;
	uint8_t verifier[TDM_VERIFIER_LEN];
	const char *user, *tunnel_group, *auth_method, *auth_mode; /* NULL = "" */
	const char *agent, *device, *hostname;                     /* NULL = "" */
	enum tdm_entry_way entry;
	const struct tdm_policy *policy;
	struct tdm_ip peer;
};

struct tdm_event_resume {
	uint64_t request;
	tdm_member_id member; /* as the token says */
	tdm_session_id id;
	uint8_t verifier[TDM_VERIFIER_LEN];
	const char *hostname; /* "" = unknown */
	uint16_t mtu;         /* what this connection could carry; the record's own wins once set */
	bool dtls_offered;
	struct tdm_tunnel_desc tunnel;
};

struct tdm_event_tunnel {
	tdm_session_id id;
	uint32_t generation; /* from the resume result: a late report of an older tunnel is ignored
			      */
};

struct tdm_event_logout {
	uint64_t request; /* 0 = no result wanted */
	tdm_session_id id;
	const uint8_t *verifier; /* NULL: by id alone (administrator, or a tunnel that proved it) */
	uint32_t generation; /* of that tunnel: not when a newer one has taken its place; 0 = any */
	enum tdm_reason reason;
};

struct tdm_event_journaled {
	uint64_t number; /* everything up to this number is durable, or given up */
	bool incomplete; /* changes are missing in it: all sessions are wanted again */
};

struct tdm_event {
	enum tdm_event_kind kind;
	tdm_wall wall; /* wall clock now, for stamps that people read */
	union {
		struct tdm_event_view view;
		struct tdm_ring ring;
		struct tdm_event_quorum quorum;
		struct tdm_event_message message;
		struct tdm_event_login login;
		struct tdm_event_resume resume;
		struct tdm_event_tunnel tunnel;
		struct tdm_event_logout logout;
		struct tdm_event_journaled journaled;
	};
};

/* The part a node plays for one member. */
enum tdm_role {
	TDM_ROLE_NONE,     /* not one of the member's nodes */
	TDM_ROLE_ISOLATED, /* no corosync, or not quorate: nothing may be answered */
	TDM_ROLE_SYNCING,  /* has not the whole table yet */
	TDM_ROLE_STANDBY,  /* synced, could take over */
	TDM_ROLE_PAUSED,   /* owner, waiting for the quorum verdict on a new ring */
	TDM_ROLE_OWNER,    /* serves */
	TDM_ROLE_COUNT
};
const char *tdm_role_name(enum tdm_role role);

enum tdm_action_kind {
	TDM_ACTION_MCAST, /* send to the group, in this order */
	TDM_ACTION_SAVE,  /* numbers that must be on disk before the next action */
	TDM_ACTION_ROLE,  /* the role for a member changed */
	TDM_ACTION_LOGIN_RESULT,
	TDM_ACTION_RESUME_RESULT,
	TDM_ACTION_LOGOUT_RESULT,
	TDM_ACTION_CLOSE_TUNNEL, /* a tunnel of this node has no session any more, or was replaced
				  */
	TDM_ACTION_JOURNAL,      /* write a session to the journal, as it is after this step */
	TDM_ACTION_JOURNAL_ALL,  /* with what went before, every session was written */
	TDM_ACTION_NOTE,         /* something a person may want to read in the log */
};

struct tdm_numbers {
	uint64_t epoch_counter; /* highest epoch counter ever used or seen */
	uint64_t index_counter; /* session indexes below this one may have been used */
};

struct tdm_action {
	enum tdm_action_kind kind;
	union {
		struct {
			const uint8_t *data; /* lives until the actions are reset */
			size_t len;
		} mcast;
		struct tdm_numbers save;
		struct {
			tdm_member_id member;
			enum tdm_role role, before;
			struct tdm_epoch epoch;
			const char *why; /* static text */
			bool vacated;    /* OWNER: the process that owned before has ended, so
					  * nobody can still hold the addresses */
		} role;
		/* On any error the token must not go out: the session does not exist, or was
		 * revoked. NOT_QUORATE, NOT_SYNCED, NOT_OWNER, CLUSTER_LOST: try elsewhere or
		 * again. REVOKED: displaced meanwhile. POOL_EMPTY, FULL, EXISTS, TOO_LONG. */
		struct {
			uint64_t request;
			enum tdm_err err;
			tdm_session_id id;
			uint32_t index;
			bool unprotected; /* no standby holds the session yet */
		} login;
		/* UNKNOWN_TOKEN, REVOKED, EXPIRED are for good (401). Everything else means that
		 * this node cannot tell now, or not any more: not an answer the client may take
		 * as the end (503, or hold the request and ask again): NOT_QUORATE, NOT_SYNCED,
		 * NOT_OWNER, AGAIN (the login is not answered yet). */
		struct {
			uint64_t request;
			enum tdm_err err;
			enum tdm_reason reason;
			uint32_t generation;
			const struct tdm_record *record; /* both live until the next step */
			const struct tdm_policy *policy;
		} resume;
		struct {
			uint64_t request;
			enum tdm_err err;
		} logout;
		struct {
			tdm_session_id id;
			uint32_t generation;    /* 0 = whatever tunnel it has */
			enum tdm_reason reason; /* NONE = replaced by a newer tunnel */
		} close;
		/* tdm_cluster_journal() has what is to be written. Numbers rise by one. */
		struct {
			tdm_session_id id;
			uint64_t number;
			bool urgent; /* somebody waits until it is durable */
		} journal;
		struct {
			bool warning;
			const char *text; /* lives until the actions are reset */
		} note;
	};
};

/* Grows as needed, reused for every step. */
struct tdm_actions {
	struct tdm_action *items;
	size_t len, cap;
	void *arena; /* bytes and texts the items point to */
	bool lost;   /* memory ran out and an action is missing: the process has to end (a restart
		      * is safe, going on is not) */
};
void tdm_actions_init(struct tdm_actions *actions);
/* Forget the items and what they point to; keeps the memory for the next step. */
void tdm_actions_reset(struct tdm_actions *actions);
void tdm_actions_deinit(struct tdm_actions *actions);
