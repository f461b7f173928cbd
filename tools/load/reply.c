/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/reply.h"

#include <string.h>

#include <llhttp.h>

enum {
	STATUS_OK = 200,
	LL_WITH_BODY = 0, /* results of on_headers_complete */
	LL_UPGRADE = 2,
};

struct parse {
	llhttp_t ll;
	const struct tdm_load_reply_input *in;
	struct tdm_load_reply *out;
	enum tdm_err err;
	bool complete;
};

static int fail(struct parse *p, enum tdm_err err)
{
	p->err = err;
	return HPE_USER;
}

/* The input is fed in one piece, so a name or a value comes in one piece as well, unless a value is
 * folded over lines: nobody sends that, and it is refused. */
static int on_name(llhttp_t *ll, const char *at, size_t len)
{
	struct parse *p = ll->data;
	struct tdm_load_reply *out = p->out;

	if (out->header_count == TDM_LOAD_REPLY_HEADERS_MAX)
		return fail(p, TDM_ERR_TOO_LONG);
	out->headers[out->header_count++] = (struct tdm_load_header){ .name = { at, len } };
	return 0;
}

static int on_value(llhttp_t *ll, const char *at, size_t len)
{
	struct parse *p = ll->data;
	struct tdm_load_span *value = &p->out->headers[p->out->header_count - 1].value;

	if (value->at)
		return fail(p, TDM_ERR_MALFORMED);
	while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	*value = (struct tdm_load_span){ at, len };
	return 0;
}

static int on_head(llhttp_t *ll)
{
	struct parse *p = ll->data;

	p->out->status = ll->status_code;
	p->out->version_1_1 = ll->http_major == 1 && ll->http_minor == 1;
	p->out->keep_alive = llhttp_should_keep_alive(ll) != 0;
	return p->in->connect && ll->status_code == STATUS_OK ? LL_UPGRADE : LL_WITH_BODY;
}

static int on_body(llhttp_t *ll, const char *at, size_t len)
{
	struct parse *p = ll->data;

	if (len > p->in->body_cap - p->out->body_len)
		return fail(p, TDM_ERR_TOO_LONG);
	memcpy(p->in->body + p->out->body_len, at, len);
	p->out->body_len += len;
	return 0;
}

static int on_complete(llhttp_t *ll)
{
	struct parse *p = ll->data;

	p->complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_headers_complete = on_head,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

static enum tdm_err unfinished(struct parse *p)
{
	if (!p->in->eof)
		return p->in->len >= TDM_LOAD_REPLY_MAX ? TDM_ERR_TOO_LONG : TDM_ERR_AGAIN;
	/* A body without a length ends with the connection. */
	if (p->in->len > 0 && llhttp_finish(&p->ll) != HPE_OK && !p->complete)
		return TDM_ERR_SHORT;
	return p->complete ? TDM_OK : TDM_ERR_SHORT;
}

enum tdm_err tdm_load_reply_parse(const struct tdm_load_reply_input *in, struct tdm_load_reply *out)
{
	struct parse p = { .in = in, .out = out };
	llhttp_errno_t code;

	out->status = 0;
	out->version_1_1 = out->keep_alive = false;
	out->header_count = out->body_len = out->used = 0;
	if (in->len > TDM_LOAD_REPLY_MAX)
		return TDM_ERR_TOO_LONG;
	llhttp_init(&p.ll, HTTP_RESPONSE, &settings);
	p.ll.data = &p;
	code = in->len > 0 ? llhttp_execute(&p.ll, in->data, in->len) : HPE_OK;
	if (p.err)
		return p.err;
	if (p.complete) {
		const char *end = llhttp_get_error_pos(&p.ll);

		out->used = end ? (size_t)(end - in->data) : in->len;
		return TDM_OK;
	}
	if (code != HPE_OK)
		return TDM_ERR_MALFORMED;
	out->used = in->len;
	return unfinished(&p);
}

static bool same_name(const struct tdm_load_span *span, const char *name, bool exact)
{
	if (span->len != strlen(name))
		return false;
	if (exact)
		return !memcmp(span->at, name, span->len);
	for (size_t i = 0; i < span->len; i++) {
		unsigned char a = (unsigned char)span->at[i];
		unsigned char b = (unsigned char)name[i];

		a = a >= 'A' && a <= 'Z' ? (unsigned char)(a | 0x20) : a;
		b = b >= 'A' && b <= 'Z' ? (unsigned char)(b | 0x20) : b;
		if (a != b)
			return false;
	}
	return true;
}

bool tdm_load_reply_header(const struct tdm_load_reply *reply, const char *name, bool exact,
	size_t *pos, struct tdm_load_span *value)
{
	while (*pos < reply->header_count) {
		const struct tdm_load_header *h = &reply->headers[(*pos)++];

		if (!same_name(&h->name, name, exact))
			continue;
		*value = h->value.at ? h->value : (struct tdm_load_span){ "", 0 };
		return true;
	}
	return false;
}
