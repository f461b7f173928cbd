/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages between the control thread and a data thread. Each is one heap block that belongs to
 * whoever holds it; the receiver frees it with tdm_msg_free, which wipes secrets.
 *
 *   data -> control   AUTH, CONNECT, TUNNEL_DOWN, LOGOUT, CONN_CLOSED, SERVING, STOPPED
 *   control -> data   AUTH_RESULT, CONNECT_RESULT, TUNNEL_CLOSE, SERVE, STOP
 */
#pragma once

#include "proto/err.h"
#include "proto/record.h"
#include "proto/token.h"
#include "proto/types.h"

enum tdm_msg_kind {
	TDM_MSG_AUTH,        /* check these credentials and make a session */
	TDM_MSG_CONNECT,     /* a client showed a token and wants a tunnel */
	TDM_MSG_TUNNEL_DOWN, /* a tunnel ended, also by SERVE off; not after STOP */
	TDM_MSG_LOGOUT,      /* a client ended its session by HTTP, or never got its token */
	TDM_MSG_CONN_CLOSED, /* forget what this connection asked for */
	TDM_MSG_SERVING,     /* listeners of a member are open, or why not (answer to SERVE on) */
	TDM_MSG_STOPPED,     /* the data thread has closed everything (answer to STOP) */
	TDM_MSG_AUTH_RESULT,
	TDM_MSG_CONNECT_RESULT,
	TDM_MSG_TUNNEL_CLOSE,
	TDM_MSG_SERVE, /* open or close the listeners of a member */
	TDM_MSG_STOP,
};

enum { TDM_PASSWORD_MAX = 256 };

/* A connection of one data thread: slot and generation, never reused within a run. */
typedef uint64_t tdm_conn_id;

struct tdm_msg_auth {
	char user[TDM_USER_MAX];
	char password[TDM_PASSWORD_MAX]; /* secret */
	char tunnel_group[TDM_NAME_MAX]; /* "" = the default one */
	char agent[TDM_CLIENT_TEXT_MAX], device[TDM_NAME_MAX], hostname[TDM_CLIENT_TEXT_MAX];
	struct tdm_endpoint peer;
};

enum tdm_auth_verdict {
	TDM_AUTH_OK,
	TDM_AUTH_WRONG,       /* ask again */
	TDM_AUTH_BUSY,        /* too many checks are waiting: 503 */
	TDM_AUTH_UNAVAILABLE, /* not the owner, no address, …: 503 with the reason */
};

struct tdm_msg_auth_result {
	enum tdm_auth_verdict verdict;
	char token[TDM_TOKEN_TEXT_MAX]; /* secret */
	char banner[TDM_POLICY_BANNER_MAX];
	char why[TDM_CLIENT_TEXT_MAX]; /* for X-Reason */
};

struct tdm_msg_connect {
	tdm_session_id session;
	uint8_t verifier[TDM_VERIFIER_LEN];
	char hostname[TDM_CLIENT_TEXT_MAX];
	uint16_t mtu;
	bool dtls_offered;
	struct tdm_tunnel_desc tunnel;
};

struct tdm_msg_connect_result {
	enum tdm_err err;       /* TDM_OK: record and policy are filled in */
	enum tdm_reason reason; /* of a refusal, for X-Reason */
	bool sure;              /* a refusal that may say 401 */
	uint32_t generation;
	struct tdm_record record;
	struct tdm_policy policy;
};

struct tdm_msg_tunnel_down {
	tdm_session_id session;
	uint32_t generation;
	bool logout; /* the client said goodbye for good (BYE with 0xb0) */
	uint64_t rx_bytes, tx_bytes;
};

struct tdm_msg_logout {
	tdm_session_id session;
	uint8_t verifier[TDM_VERIFIER_LEN];
	enum tdm_reason reason;
};

struct tdm_msg_tunnel_close {
	tdm_session_id session;
	uint32_t generation; /* 0 = any */
	bool goodbye; /* the session is over: tell the client (type 5); else close silently */
};

struct tdm_msg_serve {
	tdm_member_id member;
	bool on; /* off also closes every connection and tunnel of the member, without a word on the
		    wire */
};

/* Listeners are opened before a node owns the addresses (they are bound all the same), so that a
 * takeover has nothing to wait for and a port in use is known at start. */
struct tdm_msg_serving {
	enum tdm_err err;
	char why[TDM_CLIENT_TEXT_MAX];
};

struct tdm_msg {
	enum tdm_msg_kind kind;
	uint32_t thread;  /* data thread the connection lives on */
	tdm_conn_id conn; /* 0 = none */
	tdm_member_id member;
	union {
		struct tdm_msg_auth auth;
		struct tdm_msg_auth_result auth_result;
		struct tdm_msg_connect connect;
		struct tdm_msg_connect_result connect_result;
		struct tdm_msg_tunnel_down tunnel_down;
		struct tdm_msg_logout logout;
		struct tdm_msg_tunnel_close tunnel_close;
		struct tdm_msg_serve serve;
		struct tdm_msg_serving serving; /* member is in msg.member */
	};
};

/* Zeroed, with the size that kind needs; NULL when out of memory. */
struct tdm_msg *tdm_msg_new(enum tdm_msg_kind kind);
/* Wipes what was secret. NULL is fine. */
void tdm_msg_free(struct tdm_msg *msg);
