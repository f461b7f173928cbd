/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One TLS connection to the server: socket, TLS object, and the bytes the socket has not taken yet.
 * Never blocks. Writes always succeed or fail for good, because what does not fit waits here.
 */
#pragma once

#include "proto/err.h"
#include "tools/load/stats.h"

struct WOLFSSL;
struct WOLFSSL_CTX;

struct tdm_load_link {
	int fd; /* -1: closed */
	int epoll_fd;
	void *tag; /* comes back in epoll events */
	struct WOLFSSL *ssl;
	uint8_t *out;
	size_t out_len;
	size_t out_cap;
	bool want_out; /* waits for the socket to take more */
	bool eof;
	int sys_err; /* errno of the first failure */
};

struct tdm_load_net {
	struct tdm_endpoint server;
	struct WOLFSSL_CTX *tls;
	int epoll_fd;
};

/* A closed link. */
void tdm_load_link_init(struct tdm_load_link *link, int epoll_fd, void *tag);
/* Begin a TCP connection. On failure the link is closed; ask tdm_load_link_why(). */
enum tdm_err tdm_load_link_open(
	struct tdm_load_link *link, const struct tdm_load_net *net) TDM_MUST_USE;
/* The socket became ready: did TCP connect? Starts TLS. TDM_ERR_AGAIN: not yet. */
enum tdm_err tdm_load_link_connected(
	struct tdm_load_link *link, const struct tdm_load_net *net) TDM_MUST_USE;
/* TDM_OK: done. TDM_ERR_AGAIN: go on when the socket is ready. */
enum tdm_err tdm_load_link_handshake(struct tdm_load_link *link) TDM_MUST_USE;
/* One TLS record at most. TDM_ERR_AGAIN: nothing there. TDM_ERR_CLOSED: the server closed. */
enum tdm_err tdm_load_link_read(
	struct tdm_load_link *link, void *buf, size_t cap, size_t *len) TDM_MUST_USE;
/* One TLS record (len up to 16384). */
enum tdm_err tdm_load_link_write(
	struct tdm_load_link *link, const void *data, size_t len) TDM_MUST_USE;
/* Send what waits. */
enum tdm_err tdm_load_link_flush(struct tdm_load_link *link) TDM_MUST_USE;
/* Let the kernel probe an idle connection, for states in which only the server can speak. */
void tdm_load_link_probe(struct tdm_load_link *link, bool on);
/* Nothing more will be written: close_notify and FIN, reading goes on. Who closes first keeps the
 * port busy for a minute, and that should be the client, not the gateway. */
void tdm_load_link_finish(struct tdm_load_link *link);
/* Close; with goodbye a TLS close_notify is tried first. Allowed on a closed link. */
void tdm_load_link_close(struct tdm_load_link *link, bool goodbye);
/* Why the last call failed. */
enum tdm_load_why tdm_load_link_why(const struct tdm_load_link *link);

/* wolfSSL's transport. */
int tdm_load_link_recv(struct WOLFSSL *ssl, char *buf, int size, void *ctx);
int tdm_load_link_send(struct WOLFSSL *ssl, char *buf, int size, void *ctx);
