/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The XML parser of the login. A table says which element under which parent fills what. */
#include "proto/authxml.h"

#include <expat.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "proto/authfield.h"
#include "proto/bytes.h"

/* The elements that matter, by their place in the document; all else is ELEM_OTHER. */
enum elem {
	ELEM_NONE, /* above the root */
	ELEM_OTHER,
	ELEM_CONFIG_AUTH,
	ELEM_AUTH,
	ELEM_DEVICE_ID,
	ELEM_CAPABILITIES,
	ELEM_METHOD,
	ELEM_CERT_FAIL,
	ELEM_FIELD, /* text of a field, see struct rule */
};

struct rule {
	enum elem parent;
	const char *name;
	enum elem elem;
	enum tdm_auth_field field; /* where its text goes */
};

static const struct rule rules[] = {
	{ ELEM_NONE, "config-auth", ELEM_CONFIG_AUTH, TDM_AUTH_FIELD_NONE },
	{ ELEM_NONE, "auth", ELEM_AUTH, TDM_AUTH_FIELD_NONE },
	{ ELEM_CONFIG_AUTH, "auth", ELEM_AUTH, TDM_AUTH_FIELD_NONE },
	{ ELEM_CONFIG_AUTH, "version", ELEM_FIELD, TDM_AUTH_FIELD_VERSION },
	{ ELEM_CONFIG_AUTH, "device-id", ELEM_DEVICE_ID, TDM_AUTH_FIELD_DEVICE_ID },
	{ ELEM_CONFIG_AUTH, "group-access", ELEM_FIELD, TDM_AUTH_FIELD_GROUP_ACCESS },
	{ ELEM_CONFIG_AUTH, "group-select", ELEM_FIELD, TDM_AUTH_FIELD_GROUP_SELECT },
	{ ELEM_CONFIG_AUTH, "session-id", ELEM_FIELD, TDM_AUTH_FIELD_SESSION_ID },
	{ ELEM_CONFIG_AUTH, "session-token", ELEM_FIELD, TDM_AUTH_FIELD_SESSION_TOKEN },
	{ ELEM_CONFIG_AUTH, "client-cert-fail", ELEM_CERT_FAIL, TDM_AUTH_FIELD_NONE },
	{ ELEM_CONFIG_AUTH, "capabilities", ELEM_CAPABILITIES, TDM_AUTH_FIELD_NONE },
	{ ELEM_CAPABILITIES, "auth-method", ELEM_METHOD, TDM_AUTH_FIELD_NONE },
	{ ELEM_AUTH, "username", ELEM_FIELD, TDM_AUTH_FIELD_USERNAME },
	{ ELEM_AUTH, "password", ELEM_FIELD, TDM_AUTH_FIELD_PASSWORD },
	{ ELEM_AUTH, "secondary_password", ELEM_FIELD, TDM_AUTH_FIELD_SECONDARY_PASSWORD },
	{ ELEM_AUTH, "group-select", ELEM_FIELD, TDM_AUTH_FIELD_GROUP_SELECT },
	{ ELEM_AUTH, "client-cert-fail", ELEM_CERT_FAIL, TDM_AUTH_FIELD_NONE },
};

static const struct {
	const char *name;
	enum tdm_auth_kind kind;
} types[] = {
	{ "init", TDM_AUTH_INIT },
	{ "auth-reply", TDM_AUTH_REPLY },
	{ "logout", TDM_AUTH_LOGOUT },
};

static const struct {
	const char *name;
	enum tdm_auth_capability cap;
} capabilities[] = {
	{ "single-sign-on-v2", TDM_AUTH_CAP_SSO_V2 },
	{ "single-sign-on-external-browser", TDM_AUTH_CAP_SSO_EXTERNAL },
	{ "multiple-cert", TDM_AUTH_CAP_MULTIPLE_CERT },
};

static const struct {
	const char *name;
	enum tdm_auth_field field;
} device_attrs[] = {
	{ "platform-version", TDM_AUTH_FIELD_PLATFORM_VERSION },
	{ "device-type", TDM_AUTH_FIELD_DEVICE_TYPE },
	{ "unique-id", TDM_AUTH_FIELD_UNIQUE_ID },
	{ "computer-name", TDM_AUTH_FIELD_COMPUTER_NAME },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct state {
	XML_Parser xml;
	enum tdm_err err;
	size_t depth;
	size_t nodes;
	enum elem stack[TDM_AUTH_XML_DEPTH_MAX + 1]; /* [0] is ELEM_NONE */
	struct tdm_auth_sink sink;
	char method[64]; /* text of one auth-method, cut */
	size_t method_len;
};

static void stop(struct state *st, enum tdm_err err)
{
	if (!st->err)
		st->err = err;
	XML_StopParser(st->xml, XML_FALSE);
}

static const struct rule *find_rule(enum elem parent, const char *name)
{
	for (size_t i = 0; i < COUNT(rules); i++)
		if (rules[i].parent == parent && strcmp(rules[i].name, name) == 0)
			return &rules[i];
	return NULL;
}

static const char *find_attr(const XML_Char **attrs, const char *name)
{
	for (size_t i = 0; attrs[i]; i += 2)
		if (strcmp(attrs[i], name) == 0)
			return attrs[i + 1];
	return NULL;
}

static enum tdm_auth_kind find_kind(const char *type)
{
	for (size_t i = 0; type && i < COUNT(types); i++)
		if (strcmp(types[i].name, type) == 0)
			return types[i].kind;
	return TDM_AUTH_NONE;
}

static void take_device_attrs(struct state *st, const XML_Char **attrs)
{
	for (size_t i = 0; i < COUNT(device_attrs) && !st->err; i++) {
		const char *value = find_attr(attrs, device_attrs[i].name);
		enum tdm_err err;

		if (!value)
			continue;
		err = tdm_auth_sink_set(&st->sink, device_attrs[i].field, value, strlen(value));
		if (err)
			stop(st, err);
	}
}

static void enter(struct state *st, const struct rule *rule, const XML_Char **attrs)
{
	enum tdm_err err;

	switch (rule->elem) {
	case ELEM_CONFIG_AUTH:
		st->sink.req->kind = find_kind(find_attr(attrs, "type"));
		if (st->sink.req->kind == TDM_AUTH_NONE)
			stop(st, TDM_ERR_UNSUPPORTED);
		break;
	case ELEM_DEVICE_ID:
		take_device_attrs(st, attrs);
		break;
	case ELEM_METHOD:
		st->method_len = 0;
		break;
	case ELEM_CERT_FAIL:
		st->sink.req->client_cert_fail = true;
		break;
	default:
		break;
	}
	if (rule->field != TDM_AUTH_FIELD_NONE && !st->err) {
		err = tdm_auth_sink_open(&st->sink, rule->field);
		if (err)
			stop(st, err);
	}
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attrs)
{
	struct state *st = arg;
	const struct rule *rule;
	size_t count = 0;

	if (st->err)
		return;
	while (attrs[2 * count]) /* name, value, name, value… */
		count++;
	if (st->depth == TDM_AUTH_XML_DEPTH_MAX || ++st->nodes > TDM_AUTH_XML_NODES_MAX ||
		count > TDM_AUTH_XML_ATTRS_MAX) {
		stop(st, TDM_ERR_TOO_LONG);
		return;
	}
	rule = find_rule(st->stack[st->depth], name);
	if (!rule && st->depth == 0) {
		stop(st, TDM_ERR_UNSUPPORTED);
		return;
	}
	/* text of a field has no elements inside: refuse what could be read in two ways */
	if (tdm_auth_sink_is_open(&st->sink)) {
		stop(st, TDM_ERR_MALFORMED);
		return;
	}
	st->stack[++st->depth] = rule ? rule->elem : ELEM_OTHER;
	if (rule)
		enter(st, rule, attrs);
}

static void end_method(struct state *st)
{
	for (size_t i = 0; i < COUNT(capabilities); i++)
		if (strlen(capabilities[i].name) == st->method_len &&
			memcmp(capabilities[i].name, st->method, st->method_len) == 0)
			st->sink.req->capabilities |= capabilities[i].cap;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct state *st = arg;
	enum tdm_err err;

	(void)name;
	if (st->err)
		return;
	if (st->stack[st->depth] == ELEM_METHOD)
		end_method(st);
	err = tdm_auth_sink_close(&st->sink);
	if (err)
		stop(st, err);
	st->depth--;
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int len)
{
	struct state *st = arg;
	size_t n = (size_t)len;
	enum tdm_err err;

	if (st->err)
		return;
	if (st->stack[st->depth] == ELEM_METHOD) {
		/* one byte more than fits marks a name that is none of ours */
		n = n < sizeof(st->method) - st->method_len ? n
							    : sizeof(st->method) - st->method_len;
		memcpy(st->method + st->method_len, text, n);
		st->method_len += n;
		return;
	}
	err = tdm_auth_sink_add(&st->sink, text, n);
	if (err)
		stop(st, err);
}

static void XMLCALL on_doctype(
	void *arg, const XML_Char *name, const XML_Char *sysid, const XML_Char *pubid, int internal)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)internal;
	stop(arg, TDM_ERR_UNSUPPORTED);
}

/* expat may hold copies of passwords: its memory is wiped when it gives it back. */
struct block {
	size_t size;
	alignas(max_align_t) char data[];
};

static void *xml_malloc(size_t size)
{
	struct block *b = size < SIZE_MAX - sizeof(*b) ? malloc(sizeof(*b) + size) : NULL;

	if (!b)
		return NULL;
	b->size = size;
	return b->data;
}

static void xml_free(void *ptr)
{
	struct block *b;

	if (!ptr)
		return;
	b = (struct block *)(void *)((char *)ptr - offsetof(struct block, data));
	tdm_bytes_wipe(b->data, b->size);
	free(b);
}

static void *xml_realloc(void *ptr, size_t size)
{
	struct block *b;
	void *fresh = xml_malloc(size);

	if (!fresh || !ptr)
		return fresh;
	b = (struct block *)(void *)((char *)ptr - offsetof(struct block, data));
	memcpy(fresh, ptr, b->size < size ? b->size : size);
	xml_free(ptr);
	return fresh;
}

static const XML_Memory_Handling_Suite xml_memory = { xml_malloc, xml_realloc, xml_free };

static enum tdm_err run(struct state *st, const char *body, size_t len)
{
	XML_SetUserData(st->xml, st);
	XML_SetElementHandler(st->xml, on_start, on_end);
	XML_SetCharacterDataHandler(st->xml, on_text);
	XML_SetStartDoctypeDeclHandler(st->xml, on_doctype);
	if (XML_Parse(st->xml, body, (int)len, XML_TRUE) == XML_STATUS_OK)
		return st->err;
	if (st->err)
		return st->err;
	return XML_GetErrorCode(st->xml) == XML_ERROR_NO_MEMORY ? TDM_ERR_NOMEM : TDM_ERR_MALFORMED;
}

enum tdm_err tdm_auth_parse_xml(const char *body, size_t len, struct tdm_auth_request *out)
{
	struct state st = { .sink = { .req = out } };
	enum tdm_err err;

	*out = (struct tdm_auth_request){ 0 };
	if (len > TDM_HTTP_BODY_MAX)
		return TDM_ERR_TOO_LONG;
	st.xml = XML_ParserCreate_MM(NULL, &xml_memory, NULL);
	if (!st.xml)
		return TDM_ERR_NOMEM;
	err = run(&st, body, len);
	XML_ParserFree(st.xml);
	/* the bare form of old clients has no type */
	if (!err && out->kind == TDM_AUTH_NONE)
		out->kind = out->has_username || out->has_password ? TDM_AUTH_REPLY : TDM_AUTH_INIT;
	return err;
}
