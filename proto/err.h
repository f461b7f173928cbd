/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one list of errors. Every function that can fail returns enum tdm_err;
 * the scope of a code says what the failure ends, so that no call site has to
 * decide it again.
 */
#pragma once

#define TDM_MUST_USE          __attribute__((warn_unused_result))
#define TDM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum tdm_err_scope {
	TDM_SCOPE_NONE,    /* success */
	TDM_SCOPE_CALL,    /* the call failed, the caller may try again or go on */
	TDM_SCOPE_CONN,    /* close this transport; the session stays */
	TDM_SCOPE_SESSION, /* the session is at its end */
	TDM_SCOPE_NODE,    /* the node cannot go on in its role */
};

/* name, scope, text */
#define TDM_ERR_LIST(X)                                                                            \
	X(OK, NONE, "success")                                                                     \
	X(NOMEM, CALL, "out of memory")                                                            \
	X(AGAIN, CALL, "not now, try again")                                                       \
	X(INVAL, CALL, "invalid argument")                                                         \
	X(NOT_FOUND, CALL, "not found")                                                            \
	X(EXISTS, CALL, "exists already")                                                          \
	X(FULL, CALL, "no room left")                                                              \
	X(IO, CALL, "input or output failed")                                                      \
	X(PERM, CALL, "not permitted")                                                             \
	X(TIMEOUT, CALL, "took too long")                                                          \
	X(CONFIG, NODE, "invalid configuration")                                                   \
	X(SHORT, CONN, "message is truncated")                                                     \
	X(TOO_LONG, CONN, "message or field is too long")                                          \
	X(MALFORMED, CONN, "message is malformed")                                                 \
	X(UNSUPPORTED, CONN, "not supported")                                                      \
	X(MAGIC, CONN, "wrong magic number")                                                       \
	X(TLS, CONN, "TLS failure")                                                                \
	X(CLOSED, CONN, "connection is closed")                                                    \
	X(MAC, CALL, "message authentication failed")                                              \
	X(VERSION, CALL, "version is not understood")                                              \
	X(UNKNOWN_TOKEN, SESSION, "token is unknown")                                              \
	X(REVOKED, SESSION, "session was ended")                                                   \
	X(EXPIRED, SESSION, "session has expired")                                                 \
	X(NOT_OWNER, CALL, "this node does not own the member")                                    \
	X(NOT_SYNCED, CALL, "this node does not have the whole session table yet")                 \
	X(NOT_QUORATE, NODE, "this node is not part of a quorate cluster")                         \
	X(POOL_EMPTY, CALL, "no inner address is free")                                            \
	X(AUTH, CALL, "wrong user name or password")                                               \
	X(CLUSTER_LOST, NODE, "connection to the local corosync is lost")

enum tdm_err {
#define X(name, scope, text) TDM_ERR_##name,
	TDM_ERR_LIST(X)
#undef X
		TDM_ERR_COUNT
};

#define TDM_OK TDM_ERR_OK

/* The English text of a code; never NULL, static storage. */
const char *tdm_err_text(enum tdm_err err);

/* What a failure with this code ends. */
enum tdm_err_scope tdm_err_scope(enum tdm_err err);

/* A code with a sentence for people: set-up paths fill it, packet paths never do. */
struct tdm_diag {
	enum tdm_err code;
	char text[512];
};

/* Store code and formatted text in diag (NULL is allowed) and return code. */
enum tdm_err tdm_diag_set(struct tdm_diag *diag, enum tdm_err code, const char *fmt, ...)
	TDM_PRINTF(3, 4);
