/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP replies as a client sees them: total, bounded, without state between calls. The caller keeps
 * what was received in one buffer and asks again when there is more.
 */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

enum {
	TDM_LOAD_REPLY_MAX = 64 * 1024,      /* head and body as received */
	TDM_LOAD_REPLY_BODY_MAX = 64 * 1024, /* after removal of chunking */
	TDM_LOAD_REPLY_HEADERS_MAX = 128,
};

/* Not terminated, inside the caller's buffer. */
struct tdm_load_span {
	const char *at;
	size_t len;
};

struct tdm_load_header {
	struct tdm_load_span name;
	struct tdm_load_span value;
};

struct tdm_load_reply {
	unsigned status;
	bool version_1_1;
	bool keep_alive; /* the connection may carry another request */
	size_t header_count;
	struct tdm_load_header headers[TDM_LOAD_REPLY_HEADERS_MAX];
	size_t body_len; /* bytes in the caller's body buffer */
	size_t used;     /* bytes of the input that belong to this reply */
};

struct tdm_load_reply_input {
	const char *data;
	size_t len;
	bool eof;     /* nothing more will come */
	bool connect; /* the request was CONNECT: a 200 has no body */
	char *body;   /* receives the body */
	size_t body_cap;
};

/* TDM_OK: the whole reply is in. TDM_ERR_AGAIN: more is needed. TDM_ERR_SHORT: it ended too early.
 * TDM_ERR_MALFORMED, TDM_ERR_TOO_LONG: not usable. out borrows from the input. */
enum tdm_err tdm_load_reply_parse(
	const struct tdm_load_reply_input *in, struct tdm_load_reply *out) TDM_MUST_USE;

/* Next header of that name: start with *pos = 0. exact: in this very case, as clients compare the
 * names in a reply to CONNECT. False when there is none (left). */
bool tdm_load_reply_header(const struct tdm_load_reply *reply, const char *name, bool exact,
	size_t *pos, struct tdm_load_span *value);
