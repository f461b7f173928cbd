/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parts of a data thread know each other through this file only.
 *
 *   worker.c    the thread: start, messages from control, stop
 *   listener.c  sockets that accept
 *   conn.c      life of a connection: accept, deadlines, ways to end
 *   stream.c    TLS over the connection: ciphertext in and out
 *   turn.c      what newcomers may take of one turn of the loop
 *   output.c    buffers of ciphertext on its way to the kernel
 *   request.c   HTTP requests and which part answers them
 *   login.c     config-auth
 *   resume.c    CONNECT
 *   tunnel.c    CSTP
 *   packet.c    inner packets between tunnels and the TUN device
 *
 * Every structure belongs to one thread; there are no locks and no globals.
 */
#pragma once

#include <stdatomic.h>
#include <sys/queue.h>
#include <uv.h>

#include "node/data/msg.h"
#include "node/data/tls.h"
#include "node/data/worker.h"
#include "node/log.h"
#include "proto/authxml.h"
#include "proto/connect.h"
#include "proto/cstp.h"
#include "proto/http.h"
#include "proto/text.h"
#include "replication/map.h"

struct WOLFSSL;

enum {
	TDM_INBOX_CAPACITY = 64 * 1024,
	TDM_LISTEN_BACKLOG = 4096,
	TDM_CONNS_MAX = 64 * 1024,
	TDM_CONNS_PENDING_MAX = 4096, /* without a tunnel; more wait in the kernel's backlog */
	TDM_REQUESTS_PER_CONN_MAX = 64,
	TDM_WRONG_PASSWORDS_MAX = 3,

	TDM_HANDSHAKE_MS = 20000,
	TDM_REQUEST_MS = 30000,     /* for a request to begin, and then to be complete */
	TDM_HURRY_MS = 3000,        /* for both, while half of the room for newcomers is taken */
	TDM_DESCRIPTORS_KEPT = 256, /* of those the process may have, not for connections */
	TDM_DRAIN_MS = 2000,        /* for a client to take our last words */
	TDM_TCP_KEEPALIVE_S = 60,

	TDM_READ_MAX = 64 * 1024,
	/* What a connection may hold towards a client that does not read: one buffer in the
	 * kernel's hands, one being filled. Data packets are dropped above OUT_DATA_MAX, the rest
	 * is room for what must not be lost. */
	TDM_OUT_MAX = 64 * 1024,
	TDM_OUT_FLUSH = 32 * 1024,
	TDM_OUT_DATA_MAX = 44 * 1024,
	TDM_TUN_BATCH = 256, /* packets read from the TUN device per turn of the loop */

	TDM_BODY_MAX = 32 * 1024,
	TDM_REPLY_MAX = TDM_BODY_MAX + 4096,
};

/* --- output.c --- */

struct tdm_outbuf {
	struct tdm_outbuf *next;
	size_t len;
	uint8_t data[TDM_OUT_MAX];
};

struct tdm_outpool {
	struct tdm_outbuf *free;
	size_t free_len;
};

/* NULL when out of memory. */
struct tdm_outbuf *tdm_outpool_get(struct tdm_outpool *pool);
void tdm_outpool_put(struct tdm_outpool *pool, struct tdm_outbuf *buf);
void tdm_outpool_deinit(struct tdm_outpool *pool);

/* --- connections --- */

enum tdm_conn_state {
	TDM_CONN_HANDSHAKE,
	TDM_CONN_REQUEST,     /* waits for or reads an HTTP request */
	TDM_CONN_WAIT_AUTH,   /* control checks credentials */
	TDM_CONN_WAIT_RESUME, /* control looks for the session */
	TDM_CONN_TUNNEL,
	TDM_CONN_DRAIN,  /* our last words are on the way; whatever comes is thrown away */
	TDM_CONN_CLOSED, /* waits for libuv's callbacks */
};

enum tdm_conn_end {
	TDM_END_DRAIN,  /* deliver what is queued, then close */
	TDM_END_CLOSE,  /* close now: the client is gone, or must know at once */
	TDM_END_SILENT, /* nothing may appear on the wire: another node serves this client */
};

/* What a connection needs before it has a tunnel. Heap, freed when the tunnel is up. */
struct tdm_prelude {
	struct tdm_http_parser parser;
	unsigned requests, wrong_passwords;
	bool begun;      /* the first byte of a request has come */
	bool keep_alive; /* of the request that is being answered */
	/* login */
	enum tdm_auth_dialect dialect;
	char selected_group[TDM_NAME_MAX]; /* "" = none yet */
	/* CONNECT */
	tdm_session_id session;
	char hostname[TDM_CLIENT_TEXT_MAX];
	bool full_ipv6;
	struct tdm_mtu mtu;
};

struct tdm_conn;

/* An inner address and the connection that carries it. */
struct tdm_route {
	struct tdm_map_link link;
	struct tdm_ip ip; /* family 0 = none */
	struct tdm_conn *conn;
};

struct tdm_tunnel {
	struct tdm_map_link link; /* by session */
	tdm_session_id session;
	uint32_t generation;
	struct tdm_route v4, v6;
	bool client_to_client;
	bool logout;         /* the client said goodbye for good */
	bool told_malformed; /* the log has it once */
	uint64_t dpd_ms;     /* 0 = off */
	uint64_t last_rx_ms;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes; /* inner packets */
	uint64_t dropped_spoofed, dropped_full, dropped_malformed;
};

struct tdm_conn {
	struct tdm_worker *worker;
	enum tdm_conn_state state;
	bool pending;                  /* counted as a connection without a tunnel */
	bool tls_failed;               /* nothing more can be encrypted */
	bool broken;                   /* output was lost */
	bool shut;                     /* FIN is queued */
	bool waits_for_turn, has_turn; /* of a handshake, see turn.c */
	bool answered;                 /* our part of the handshake is out: little is left to do */
	uint8_t handles;               /* not closed yet by libuv */
	tdm_member_id member;
	tdm_conn_id id;
	struct tdm_endpoint local, remote;
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_write_t write;
	uv_shutdown_t shutdown;
	struct WOLFSSL *ssl;
	const uint8_t *in; /* ciphertext at hand, only while it is being read */
	size_t in_len;
	struct tdm_outbuf *out;    /* being filled */
	struct tdm_outbuf *flight; /* given to libuv, not to be touched */
	struct tdm_conn *dirty_next,
		**dirty_prev;       /* connections with output; prev NULL: not in it */
	TAILQ_ENTRY(tdm_conn) turn; /* among the handshakes that wait for their turn */
	struct tdm_prelude *prelude;
	struct tdm_tunnel tunnel; /* only in TDM_CONN_TUNNEL */
};

struct tdm_listener {
	struct tdm_listener *next;
	struct tdm_worker *worker;
	tdm_member_id member;
	bool paused; /* libuv holds an accepted connection for us */
	uv_tcp_t tcp;
};

/* Slots by id. */
struct tdm_conns {
	struct tdm_conn **slots;
	size_t cap, used; /* used: slots below were taken at least once */
	size_t max;
	uint32_t *free; /* stack of free slots below used */
	size_t free_len;
	uint64_t generation;
	size_t open, pending;
};

/* Written by the data thread alone, readable from any other. */
struct tdm_worker_counters {
	_Atomic uint64_t accepted, handshakes, handshakes_failed, protocol_errors;
	_Atomic uint64_t tunnels_up;
	_Atomic uint64_t up_packets, up_bytes, down_packets, down_bytes, peer_packets;
	_Atomic uint64_t dropped_spoofed, dropped_malformed, dropped_policy, dropped_no_tunnel;
	_Atomic uint64_t dropped_full, dropped_tun;
};

static inline void tdm_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

struct tdm_worker {
	struct tdm_worker_config cfg;
	uv_thread_t thread;
	uv_loop_t loop;
	uv_async_t wake;
	uv_prepare_t flush;
	uv_timer_t retry; /* of the outbox */
	uv_poll_t tun;
	struct tdm_queue inbox;
	struct {
		struct tdm_msg **items;
		size_t len, cap;
	} outbox; /* messages that found the control thread's queue full */
	bool stopping;
	struct tdm_listener *listeners;
	struct tdm_conns conns;
	struct tdm_conn *dirty;
	struct {
		uint64_t handshakes_ns; /* time that handshakes have taken */
		unsigned accepts;
		TAILQ_HEAD(, tdm_conn) waiting; /* handshakes with unread input */
	} turn;                                 /* of the loop */
	struct tdm_outpool outpool;
	struct tdm_map sessions, routes;
	struct tdm_worker_counters counters;
	struct tdm_log_limit complaints;
	/* scratch of one callback */
	uint8_t cipher[TDM_READ_MAX];
	uint8_t plain[TDM_CSTP_RECORD_MAX];
	uint8_t packet[TDM_CSTP_RECORD_MAX];
	char body[TDM_BODY_MAX], reply[TDM_REPLY_MAX];
};

/* --- worker.c --- */

/* Send to the control thread; takes the message. NULL is fine: out of memory, logged. */
void tdm_worker_post(struct tdm_worker *worker, struct tdm_msg *msg);
/* A message about this connection. NULL when out of memory. */
struct tdm_msg *tdm_worker_msg(const struct tdm_conn *conn, enum tdm_msg_kind kind);
const struct tdm_config_member *tdm_worker_member(
	const struct tdm_worker *worker, tdm_member_id member);

/* --- listener.c --- */

/* Open the listeners of a member, all of them or none. Open already is fine. */
enum tdm_err tdm_listeners_open(
	struct tdm_worker *worker, tdm_member_id member, struct tdm_diag *diag) TDM_MUST_USE;
/* member 0: all. */
void tdm_listeners_close(struct tdm_worker *worker, tdm_member_id member);
/* There may be room for connections that were kept waiting. */
void tdm_listeners_resume(struct tdm_worker *worker);

/* --- conn.c --- */

/* max: connections at a time, at most TDM_CONNS_MAX. */
enum tdm_err tdm_conns_init(struct tdm_conns *conns, size_t max) TDM_MUST_USE;
void tdm_conns_deinit(struct tdm_conns *conns);
/* NULL when it has gone. */
struct tdm_conn *tdm_conn_find(const struct tdm_worker *worker, tdm_conn_id id);
/* Take what the listener has accepted. TDM_ERR_FULL: no room now, try again later. */
enum tdm_err tdm_conn_accept(struct tdm_listener *listener) TDM_MUST_USE;
/* End the connection and whatever it carries, and tell control. The structure stays valid until
 * the loop's next turn. why goes to the log when it is not NULL. */
void tdm_conn_end(struct tdm_conn *conn, enum tdm_conn_end how, const char *why);
/* All of a member; member 0: all. */
void tdm_conns_end(struct tdm_worker *worker, tdm_member_id member, enum tdm_conn_end how);
void tdm_conn_deadline(struct tdm_conn *conn, uint64_t after_ms);
/* The state REQUEST, with a new deadline. */
void tdm_conn_await_request(struct tdm_conn *conn);
/* The connection has a tunnel now: it no longer counts as pending and needs no prelude. */
void tdm_conn_settled(struct tdm_conn *conn);
bool tdm_conn_is_over(const struct tdm_conn *conn);
/* Log a breach of protocol, with the peer. */
void tdm_conn_complain(struct tdm_conn *conn, const char *what);

/* --- stream.c --- */

enum tdm_err tdm_stream_init(struct tdm_conn *conn) TDM_MUST_USE;
void tdm_stream_deinit(struct tdm_conn *conn);
void tdm_stream_read_start(struct tdm_conn *conn);
/* Encrypt and queue; one TLS record when len is at most TDM_CSTP_RECORD_MAX. A failure ends the
 * connection at its next event, TDM_ERR_CLOSED. */
enum tdm_err tdm_stream_write(struct tdm_conn *conn, const void *data, size_t len) TDM_MUST_USE;
/* Queue close_notify if the stream still works; nothing can be written or read after it. */
void tdm_stream_goodbye(struct tdm_conn *conn);
/* True when a data packet may be queued. */
bool tdm_stream_has_room(const struct tdm_conn *conn);
/* Hand queued ciphertext to the kernel. */
void tdm_stream_flush(struct tdm_conn *conn);
void tdm_stream_flush_all(struct tdm_worker *worker);
bool tdm_stream_is_idle(const struct tdm_conn *conn);
const char *tdm_stream_suite(const struct tdm_conn *conn);

/* --- turn.c --- */

void tdm_turn_init(struct tdm_worker *worker);
/* Let those continue that wait. */
void tdm_turn_begin(struct tdm_worker *worker);
/* True when one more connection may be accepted in this turn. */
bool tdm_turn_accept(struct tdm_worker *worker);
/* True for a handshake that may not continue in this turn. */
bool tdm_turn_is_over(const struct tdm_conn *conn);
/* Read on in another turn. */
void tdm_turn_wait(struct tdm_conn *conn);
void tdm_turn_forget(struct tdm_conn *conn);

/* --- request.c --- */

/* Plaintext of the HTTP part. Returns what it took; less than len when the state changed. */
size_t tdm_request_input(struct tdm_conn *conn, const uint8_t *data, size_t len);
/* Write a reply; the connection stays only if both sides want it. Wipes the scratch. */
void tdm_request_reply(struct tdm_conn *conn, struct tdm_http_reply *reply);
/* Write a refusal with X-Reason and close. */
void tdm_request_refuse(struct tdm_conn *conn, unsigned status, const char *reason);
/* A token from a cookie or a form becomes session and verifier. Errors as of tdm_token_parse(). */
enum tdm_err tdm_request_token(const char *text, size_t len, tdm_session_id *session,
	uint8_t verifier[TDM_VERIFIER_LEN]) TDM_MUST_USE;

/* Fixed answers for what browsers and other clients fetch; NULL when path is none of them. */
struct tdm_page {
	const char *path; /* a '*' at the end matches any rest */
	const char *content_type;
	const char *body;
};
const struct tdm_page *tdm_page_find(const char *path);
const struct tdm_page *tdm_page_welcome(void);

/* --- login.c --- */

void tdm_login_post(struct tdm_conn *conn, const struct tdm_http_request *req);
/* The first form of clients that begin with GET. */
void tdm_login_get(struct tdm_conn *conn, const struct tdm_http_request *req);
void tdm_login_logout(struct tdm_conn *conn, const struct tdm_http_request *req);
void tdm_login_result(struct tdm_conn *conn, const struct tdm_msg_auth_result *result);

/* --- resume.c --- */

void tdm_resume_request(struct tdm_conn *conn, const struct tdm_http_request *req);
void tdm_resume_result(struct tdm_conn *conn, const struct tdm_msg_connect_result *result);

/* --- tunnel.c --- */

void tdm_tunnel_start(struct tdm_conn *conn, const struct tdm_msg_connect_result *result);
/* Forget the tunnel and tell control. */
void tdm_tunnel_stop(struct tdm_conn *conn, const char *why);
/* One decrypted TLS record. */
void tdm_tunnel_record(struct tdm_conn *conn, uint8_t *record, size_t len);
void tdm_tunnel_tick(struct tdm_conn *conn);
void tdm_tunnel_close(struct tdm_worker *worker, const struct tdm_msg_tunnel_close *close);

/* --- packet.c --- */

/* A packet from a client, inside its frame: record holds header and packet. */
void tdm_packet_up(struct tdm_conn *conn, const uint8_t *record, size_t len);
/* The TUN device has packets. */
void tdm_packet_down(struct tdm_worker *worker);
