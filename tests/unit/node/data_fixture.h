/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A data thread with a control thread that answers from a short list, a socket pair in the place of
 * the TUN device, and a TLS client on loopback. Every test process has a loopback address of its
 * own.
 */
#pragma once

#include "node/data/msg.h"
#include "node/data/worker.h"

#define FIXTURE_USER     "alice"
#define FIXTURE_PASSWORD "correct horse"
#define FIXTURE_BUSY     "busy" /* this user name is told to come back later */
#define FIXTURE_GONE     "gone" /* this one is answered when the connection has gone */
#define FIXTURE_AGENT    "Open AnyConnect VPN Agent v9.01"

enum {
	FIXTURE_PORT = 4443,
	FIXTURE_SESSIONS = 4,
	FIXTURE_WAIT_MS = 5000,
	FIXTURE_REPLY_MAX = 64 * 1024,
};

struct fixture;

struct fixture_options {
	size_t tunnel_groups;     /* 1 or 2: "staff", "guests" */
	bool client_to_client[2]; /* of the sessions with an even and an odd number */
	uint32_t dpd_s;
	bool cluster;                               /* default: a node alone */
	uint32_t handshake_ms, request_ms, pending; /* limits, 0: the usual ones */
	int tun_fd;                                 /* 0: a socket pair */
	const char *address;                        /* NULL: a loopback address */
};

struct fixture *fixture_start(const struct fixture_options *options);
/* Stop the data thread if it still runs, and free everything. */
void fixture_end(struct fixture *f);
void fixture_stop(struct fixture *f);
void fixture_serve(struct fixture *f, bool on);
/* SERVING's error of the last SERVE on. */
enum tdm_err fixture_serving(struct fixture *f);
void fixture_close_tunnel(struct fixture *f, int session, bool goodbye);
/* Text of the token of session 0..FIXTURE_SESSIONS-1; its address is 10.9.0.(10 + n). Logins get
 * session 0. */
const char *fixture_token(struct fixture *f, int session);
const char *fixture_address(const struct fixture *f);
/* A CONNECT with this session is not answered until released. */
void fixture_hold(struct fixture *f, int session);
void fixture_release(struct fixture *f, int session);
/* The same for a question that was expected already. */
void fixture_release_late(struct fixture *f, int session);
/* The next message of that kind which the data thread has sent; fails the test when none comes. */
struct tdm_msg *fixture_expect(struct fixture *f, enum tdm_msg_kind kind);
/* Messages of that kind that came and were not expected yet. */
size_t fixture_count(struct fixture *f, enum tdm_msg_kind kind);
/* The far side of the TUN device. */
void fixture_tun_send(struct fixture *f, const void *packet, size_t len);
size_t fixture_tun_receive(struct fixture *f, void *packet, size_t cap);
bool fixture_tun_is_empty(struct fixture *f);

/* --- a client --- */

struct client;

struct client *client_open(struct fixture *f);
/* TCP only, no handshake. The caller closes it. */
int client_raw(struct fixture *f);
/* The same as client_open, but closes fd between the TCP connection and the handshake. */
struct client *client_open_after(struct fixture *f, int fd);
/* n at the same time; all say hello before any is answered. */
void client_open_all(struct fixture *f, struct client **out, size_t n);
void client_close(struct client *c);
void client_send(struct client *c, const void *data, size_t len);
/* True when the server has sent something within wait_ms. */
bool client_has_news(struct client *c, int wait_ms);
/* A request without a body, or with one. */
void client_get(struct client *c, const char *method, const char *path, const char *headers);
void client_post(struct client *c, const char *path, const char *type, const char *body);
/* Read one reply, head and body; returns the status. reply is terminated. */
unsigned client_reply(struct client *c, char reply[FIXTURE_REPLY_MAX]);
/* True when the server closes, with close_notify, a bare FIN, or a reset. */
bool client_sees_end(struct client *c);
/* CONNECT with a token; returns the status. */
unsigned client_connect(struct client *c, const char *token, char reply[FIXTURE_REPLY_MAX]);
/* One CSTP frame in one record. */
void client_frame(struct client *c, uint8_t type, const void *payload, size_t len);
/* Read one record that is one frame; returns the payload's length. Ends the test when it is
 * not, or when nothing comes. */
size_t client_read_frame(struct client *c, uint8_t *type, void *payload, size_t cap);

/* An IPv4 packet between two addresses in dotted form; returns its length. */
size_t make_packet(uint8_t *out, const char *src, const char *dst, const char *text);
