/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The request parser: llhttp finds the structure, this file stores it within bounds. */
#include "proto/http.h"

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bytes.h"

enum {
	BODY_FIRST = 2048, /* a login fits */
	TARGET_MAX = 2 * TDM_HTTP_PATH_MAX,
	/* Chunked bodies carry framing and extensions beside the body; this bounds them. */
	MESSAGE_MAX = TDM_HTTP_HEAD_MAX + 2 * TDM_HTTP_BODY_MAX,
	STATUS_BAD_REQUEST = 400,
	STATUS_BODY_TOO_LARGE = 413,
	STATUS_URI_TOO_LONG = 414,
	STATUS_HEAD_TOO_LARGE = 431,
	STATUS_INTERNAL = 500,
	STATUS_NOT_IMPLEMENTED = 501,
	STATUS_VERSION = 505,
};

struct tdm_http_parser_impl {
	llhttp_t ll; /* ll.data is the struct tdm_http_parser during a feed */
	enum tdm_err err;
	size_t raw;                   /* bytes of this request so far */
	char *body;                   /* NULL until there is one */
	size_t body_cap;              /* with the NUL */
	size_t head_len;              /* of head */
	char head[TDM_HTTP_HEAD_MAX]; /* target, then names and values, each with a NUL */
};

static int fail(struct tdm_http_parser *p, enum tdm_err err, unsigned status)
{
	p->impl->err = err;
	p->error_status = status;
	return HPE_USER;
}

static int store(struct tdm_http_parser *p, const char *at, size_t len)
{
	struct tdm_http_parser_impl *impl = p->impl;

	if (len > sizeof(impl->head) - impl->head_len)
		return fail(p, TDM_ERR_TOO_LONG, STATUS_HEAD_TOO_LARGE);
	memcpy(impl->head + impl->head_len, at, len);
	impl->head_len += len;
	return 0;
}

static int store_end(struct tdm_http_parser *p)
{
	return store(p, "", 1);
}

static int on_url(llhttp_t *ll, const char *at, size_t len)
{
	struct tdm_http_parser *p = ll->data;

	if (p->impl->head_len + len > TARGET_MAX)
		return fail(p, TDM_ERR_TOO_LONG, STATUS_URI_TOO_LONG);
	return store(p, at, len);
}

/* The path of an absolute target ("https://host/path", RFC 9112 3.2.2), or the target itself. */
static const char *skip_origin(const char *target)
{
	const char *host = strstr(target, "://");
	const char *path;

	if (target[0] == '/' || !host)
		return target;
	path = strpbrk(host + strlen("://"), "/?");
	return path ? path : "/";
}

static int on_url_complete(llhttp_t *ll)
{
	struct tdm_http_parser *p = ll->data;
	char *target = p->impl->head;
	char *query;
	int err = store_end(p);

	if (err)
		return err;
	query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	p->req.path = skip_origin(target);
	p->req.query = query ? query : "";
	if (p->req.path[0] == '\0')
		p->req.path = "/"; /* "https://host?query" */
	if (strchr(p->req.path, '#') || strchr(p->req.query, '#'))
		return fail(p, TDM_ERR_MALFORMED, STATUS_BAD_REQUEST);
	if (p->req.path[0] != '/' && strcmp(p->req.path, "*") != 0)
		return fail(p, TDM_ERR_MALFORMED, STATUS_BAD_REQUEST);
	if (strlen(p->req.path) >= TDM_HTTP_PATH_MAX || strlen(p->req.query) >= TDM_HTTP_PATH_MAX)
		return fail(p, TDM_ERR_TOO_LONG, STATUS_URI_TOO_LONG);
	return 0;
}

static int on_header_field(llhttp_t *ll, const char *at, size_t len)
{
	struct tdm_http_parser *p = ll->data;
	struct tdm_http_header *slot;

	if (p->head_complete || len == 0) /* trailers of a chunked body are of no use here */
		return 0;
	if (p->req.header_count == TDM_HTTP_HEADERS_MAX)
		return fail(p, TDM_ERR_TOO_LONG, STATUS_HEAD_TOO_LARGE);
	slot = &p->req.headers[p->req.header_count];
	if (!slot->name)
		slot->name = p->impl->head + p->impl->head_len;
	return store(p, at, len);
}

static int on_header_field_complete(llhttp_t *ll)
{
	struct tdm_http_parser *p = ll->data;
	struct tdm_http_header *slot;
	int err;

	if (p->head_complete)
		return 0;
	if (p->req.header_count == TDM_HTTP_HEADERS_MAX)
		return fail(p, TDM_ERR_TOO_LONG, STATUS_HEAD_TOO_LARGE);
	slot = &p->req.headers[p->req.header_count];
	if (!slot->name) /* llhttp lets ": value" pass */
		return fail(p, TDM_ERR_MALFORMED, STATUS_BAD_REQUEST);
	err = store_end(p);
	slot->value = p->impl->head + p->impl->head_len;
	return err;
}

static int on_header_value(llhttp_t *ll, const char *at, size_t len)
{
	struct tdm_http_parser *p = ll->data;

	return p->head_complete ? 0 : store(p, at, len);
}

static int on_header_value_complete(llhttp_t *ll)
{
	struct tdm_http_parser *p = ll->data;
	struct tdm_http_parser_impl *impl = p->impl;
	size_t start;

	if (p->head_complete)
		return 0;
	start = (size_t)(p->req.headers[p->req.header_count].value - impl->head);
	while (impl->head_len > start && strchr(" \t", impl->head[impl->head_len - 1]))
		impl->head_len--;
	p->req.header_count++;
	return store_end(p);
}

static enum tdm_http_method method_of(const llhttp_t *ll)
{
	switch (ll->method) {
	case HTTP_GET:
		return TDM_HTTP_GET;
	case HTTP_HEAD:
		return TDM_HTTP_HEAD;
	case HTTP_POST:
		return TDM_HTTP_POST;
	case HTTP_CONNECT:
		return TDM_HTTP_CONNECT;
	default:
		return TDM_HTTP_OTHER;
	}
}

static int on_headers_complete(llhttp_t *ll)
{
	struct tdm_http_parser *p = ll->data;

	if (ll->http_major != 1)
		return fail(p, TDM_ERR_UNSUPPORTED, STATUS_VERSION);
	p->req.method = method_of(ll);
	p->req.keep_alive = llhttp_should_keep_alive(ll) != 0;
	if (p->req.method != TDM_HTTP_CONNECT) {
		ll->upgrade = 0; /* offers of other protocols are ignored (RFC 9110, 7.8) */
		if (ll->content_length > TDM_HTTP_BODY_MAX)
			return fail(p, TDM_ERR_TOO_LONG, STATUS_BODY_TOO_LARGE);
	}
	p->head_complete = true;
	return 0;
}

/* Room for len more bytes and a NUL. Not realloc(): it would leave copies of passwords behind. */
static bool body_reserve(struct tdm_http_parser_impl *impl, size_t used, size_t len)
{
	size_t cap = impl->body_cap ? impl->body_cap : BODY_FIRST;
	char *body;

	while (cap < used + len + 1)
		cap *= 2;
	if (cap > TDM_HTTP_BODY_MAX + 1)
		cap = TDM_HTTP_BODY_MAX + 1;
	if (cap == impl->body_cap)
		return true;
	body = malloc(cap);
	if (!body)
		return false;
	if (used)
		memcpy(body, impl->body, used);
	tdm_bytes_wipe(impl->body, impl->body_cap);
	free(impl->body);
	impl->body = body;
	impl->body_cap = cap;
	return true;
}

static int on_body(llhttp_t *ll, const char *at, size_t len)
{
	struct tdm_http_parser *p = ll->data;

	if (len > TDM_HTTP_BODY_MAX - p->req.body_len)
		return fail(p, TDM_ERR_TOO_LONG, STATUS_BODY_TOO_LARGE);
	if (!body_reserve(p->impl, p->req.body_len, len))
		return fail(p, TDM_ERR_NOMEM, STATUS_INTERNAL);
	memcpy(p->impl->body + p->req.body_len, at, len);
	p->req.body_len += len;
	p->impl->body[p->req.body_len] = '\0';
	p->req.body = p->impl->body;
	return 0;
}

static int on_message_complete(llhttp_t *ll)
{
	struct tdm_http_parser *p = ll->data;

	p->complete = true;
	return HPE_PAUSED; /* what follows stays with the caller */
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_url_complete = on_url_complete,
	.on_header_field = on_header_field,
	.on_header_field_complete = on_header_field_complete,
	.on_header_value = on_header_value,
	.on_header_value_complete = on_header_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

static void start(struct tdm_http_parser *p)
{
	struct tdm_http_parser_impl *impl = p->impl;

	*p = (struct tdm_http_parser){ .impl = impl };
	p->req.path = p->req.query = p->req.body = "";
	llhttp_init(&impl->ll, HTTP_REQUEST, &settings);
	impl->err = TDM_OK;
	impl->raw = 0;
	impl->head_len = 0;
}

enum tdm_err tdm_http_parser_init(struct tdm_http_parser *p)
{
	*p = (struct tdm_http_parser){ .impl = calloc(1, sizeof(*p->impl)) };
	if (!p->impl)
		return TDM_ERR_NOMEM;
	start(p);
	return TDM_OK;
}

static void wipe(struct tdm_http_parser_impl *impl)
{
	tdm_bytes_wipe(impl->head, sizeof(impl->head));
	tdm_bytes_wipe(impl->body, impl->body_cap);
	free(impl->body);
	impl->body = NULL;
	impl->body_cap = 0;
}

void tdm_http_parser_deinit(struct tdm_http_parser *p)
{
	if (p->impl) {
		wipe(p->impl);
		free(p->impl);
	}
	*p = (struct tdm_http_parser){ 0 };
}

void tdm_http_parser_reset(struct tdm_http_parser *p)
{
	wipe(p->impl);
	start(p);
}

static enum tdm_err refuse(struct tdm_http_parser *p, llhttp_errno_t code)
{
	if (p->impl->err)
		return p->impl->err; /* a callback has said it better */
	switch (code) {
	case HPE_INVALID_METHOD:
	case HPE_INVALID_TRANSFER_ENCODING:
		fail(p, TDM_ERR_UNSUPPORTED, STATUS_NOT_IMPLEMENTED);
		break;
	case HPE_INVALID_VERSION:
	case HPE_PAUSED_H2_UPGRADE:
		fail(p, TDM_ERR_UNSUPPORTED, STATUS_VERSION);
		break;
	default:
		fail(p, TDM_ERR_MALFORMED, STATUS_BAD_REQUEST);
	}
	return p->impl->err;
}

static enum tdm_err feed_some(struct tdm_http_parser *p, const char *data, size_t len, size_t *used)
{
	struct tdm_http_parser_impl *impl = p->impl;
	size_t limit = p->head_complete ? MESSAGE_MAX : TDM_HTTP_HEAD_MAX;
	llhttp_errno_t code;

	*used = 0;
	if (impl->raw >= limit) {
		fail(p, TDM_ERR_TOO_LONG,
			p->head_complete ? STATUS_BODY_TOO_LARGE : STATUS_HEAD_TOO_LARGE);
		return impl->err;
	}
	if (len > limit - impl->raw)
		len = limit - impl->raw;
	impl->ll.data = p;
	code = llhttp_execute(&impl->ll, data, len);
	if (p->complete && !impl->err)
		len = (size_t)(llhttp_get_error_pos(&impl->ll) - data);
	else if (code != HPE_OK)
		return refuse(p, code);
	impl->raw += len;
	*used = len;
	return TDM_OK;
}

enum tdm_err tdm_http_parser_feed(
	struct tdm_http_parser *p, const void *data, size_t len, size_t *consumed)
{
	const char *at = data;
	enum tdm_err err = p->impl->err;

	*consumed = 0;
	while (!err && !p->complete && *consumed < len) {
		size_t used;

		err = feed_some(p, at + *consumed, len - *consumed, &used);
		*consumed += used;
	}
	return err;
}

unsigned tdm_http_parser_status(const struct tdm_http_parser *p)
{
	return p->error_status ? p->error_status : STATUS_BAD_REQUEST;
}
