/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Incremental, strict and bounded parser for HTTP/1.x requests (over llhttp), and the writer for
 * replies. The parser holds one request at a time; heads and bodies may contain secrets, so all
 * its memory is wiped on reset and deinit.
 */
#pragma once

#include "proto/err.h"
#include "proto/text.h"
#include "proto/types.h"

enum {
	TDM_HTTP_HEAD_MAX = 16 * 1024, /* request line and headers as received */
	TDM_HTTP_BODY_MAX = 32 * 1024, /* after removal of chunking */
	TDM_HTTP_HEADERS_MAX = 64,
	TDM_HTTP_PATH_MAX = 1024, /* path and query each, with the NUL */
};

enum tdm_http_method {
	TDM_HTTP_OTHER, /* a method of HTTP that is not served: answer 405 */
	TDM_HTTP_GET,
	TDM_HTTP_HEAD,
	TDM_HTTP_POST,
	TDM_HTTP_CONNECT, /* the target is a path: "/CSCOSSLC/tunnel" */
};

/* Terminated strings; in a request they live inside the parser. */
struct tdm_http_header {
	const char *name;
	const char *value; /* without white space at the ends */
};

struct tdm_http_request {
	enum tdm_http_method method;
	const char *path;  /* up to '?', never NULL, not decoded */
	const char *query; /* after '?', "" if none */
	bool keep_alive;   /* connection may carry another request */
	size_t header_count;
	struct tdm_http_header headers[TDM_HTTP_HEADERS_MAX];
	const char *body; /* terminated for convenience, "" if none */
	size_t body_len;
};

struct tdm_http_parser_impl;

struct tdm_http_parser {
	bool head_complete;          /* request line and headers are in */
	bool complete;               /* the whole request is in: read it, answer, then reset */
	struct tdm_http_request req; /* valid while complete and until reset or deinit */
	unsigned error_status; /* after an error: what to answer, see tdm_http_parser_status() */
	struct tdm_http_parser_impl *impl;
};

/* Allocates about 17 KiB until deinit. TDM_ERR_NOMEM. */
enum tdm_err tdm_http_parser_init(struct tdm_http_parser *p) TDM_MUST_USE;
/* Wipe and free; allowed on a zeroed or already deinitialised parser. */
void tdm_http_parser_deinit(struct tdm_http_parser *p);
/* Wipe the request and start with the next one. */
void tdm_http_parser_reset(struct tdm_http_parser *p);
/* Feed bytes; *consumed says how many belong to this request. Stops right behind the request, so
 * that what follows a CONNECT head (CSTP) or a request (the next one) stays with the caller.
 * TDM_OK: look at p->complete. TDM_ERR_TOO_LONG, TDM_ERR_MALFORMED, TDM_ERR_UNSUPPORTED,
 * TDM_ERR_NOMEM: answer tdm_http_parser_status() and close. Feeding a complete parser consumes
 * nothing; feeding one that failed fails again. */
enum tdm_err tdm_http_parser_feed(
	struct tdm_http_parser *p, const void *data, size_t len, size_t *consumed) TDM_MUST_USE;
/* HTTP status for the error that feed returned: 400, 413, 414, 431, 500, 501 or 505. */
unsigned tdm_http_parser_status(const struct tdm_http_parser *p);

/* First header of that name (any case), or NULL. */
const char *tdm_http_header(const struct tdm_http_request *req, const char *name);
/* All headers of that name in order: start with *pos = 0, ends with NULL. */
const char *tdm_http_header_next(const struct tdm_http_request *req, const char *name, size_t *pos);
/* The first cookie of that name (exact case). False if there is none. The value is not terminated
 * and may be a secret. */
bool tdm_http_cookie(
	const struct tdm_http_request *req, const char *name, const char **value, size_t *len);
/* True when Content-Type is this media type, parameters aside ("application/xml"). */
bool tdm_http_has_type(const struct tdm_http_request *req, const char *media_type);

struct tdm_http_reply {
	unsigned status;
	const char *reason;       /* NULL: the usual one */
	const char *content_type; /* NULL: none */
	bool transcend;           /* add X-Transcend-Version: 1, which clients of the login want */
	bool close;               /* add Connection: close */
	bool head_only;           /* the request was HEAD: length but no body */
	const struct tdm_http_header *headers; /* more headers */
	size_t header_count;
	const char *body; /* may be NULL when body_len is 0 */
	size_t body_len;
};

/* Append a reply with Content-Length. Names and values are cleaned of control characters. Check
 * with tdm_text_ok(). */
void tdm_http_reply_write(struct tdm_text *out, const struct tdm_http_reply *reply);
/* The usual reason phrase, "Unknown" otherwise. */
const char *tdm_http_status_text(unsigned status);
