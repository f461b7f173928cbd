/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One client of the control socket: reads a request, writes the replies, then the next. */
#pragma once

#include "node/control/request.h"

enum {
	TDM_CONTROL_IDLE_MS = 60000,     /* a client may wait this long between requests */
	TDM_CONTROL_PATIENCE_MS = 10000, /* for a write, or the results of a logoff */
};

struct tdm_control_client {
	struct tdm_control_socket *socket;
	struct tdm_control_client *next;
	uv_pipe_t pipe;
	uv_timer_t timer;
	unsigned open_handles;
	bool closing;
	struct tdm_control_peer peer;
	uint8_t in[TDM_CONTROL_HEADER + TDM_CONTROL_REQUEST_MAX];
	size_t in_len;
	struct tdm_control_out out;
	struct tdm_control_chunk *writing;
	uv_write_t write;
	struct tdm_control_logoff logoff;
	struct tdm_control_listing listing;
};

struct tdm_control_socket {
	struct tdm_control_config config;
	struct tdm_control_identity identity;
	uv_pipe_t listener;
	bool closing;
	struct tdm_control_client *clients;
	size_t clients_len;
	uint64_t tickets; /* last one used */
	int64_t read_gid; /* group that may look; -1 = none */
};

/* Accept what waits at the listener; drop it at once when it may not, or is one too many. */
void tdm_control_client_accept(struct tdm_control_socket *socket);
/* Write what is in out, then read on. */
void tdm_control_client_flush(struct tdm_control_client *client);
/* Freed when its handles are closed; then it leaves the socket's list. */
void tdm_control_client_close(struct tdm_control_client *client);
/* Free the socket when it is closing and nothing of it is left. */
void tdm_control_socket_release(struct tdm_control_socket *socket);
