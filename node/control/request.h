/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers one request of a client: no sockets here. */
#pragma once

#include "node/control/reply.h"
#include "node/control/socket.h"

struct tdm_control_peer {
	uint32_t uid;
	int32_t pid;
	bool admin; /* may change things */
};

/* Sessions that a client asked to end and whose results are awaited. */
struct tdm_control_logoff {
	uint64_t ticket; /* 0 = none under way */
	uint32_t waiting, ended, failed;
	char what[TDM_USER_MAX + 32]; /* for the log */
};

/* A list of sessions under way: made piece by piece, so that a long one stops nothing else. */
struct tdm_control_listing {
	Tandem__Control__Request *request; /* owned; NULL = none under way */
	struct tdm_session_walk walk;
};

struct tdm_control_request {
	const struct tdm_control_config *config;
	struct tdm_control_identity identity;
	struct tdm_control_peer peer;
	uint64_t ticket; /* for a logoff, never used before */
	tdm_wall now;
	struct tdm_control_logoff *logoff;
	struct tdm_control_listing *listing;
	struct tdm_control_out *out;
};

/* Answer the message; the reply is in out, or comes with the last result of logoff. Of a list, the
 * first piece may be in out. */
void tdm_control_request(struct tdm_control_request *request, const uint8_t *data, size_t len);
/* Add the next piece of the list under way; there may be nothing in it. */
void tdm_control_request_list(struct tdm_control_request *request);
void tdm_control_listing_end(struct tdm_control_listing *listing);
/* One result has come. When it was the last, the reply is in out. */
void tdm_control_request_logoff_done(struct tdm_control_logoff *logoff,
	const struct tdm_control_peer *peer, enum tdm_err err, struct tdm_control_out *out);
