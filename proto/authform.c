/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plain form of the login (application/x-www-form-urlencoded), and the choice between both. */
#include <string.h>

#include "proto/authfield.h"
#include "proto/authxml.h"
#include "proto/bytes.h"

static const struct {
	const char *name;
	enum tdm_auth_field field;
} form_fields[] = {
	{ "username", TDM_AUTH_FIELD_USERNAME },
	{ "password", TDM_AUTH_FIELD_PASSWORD },
	{ "secondary_password", TDM_AUTH_FIELD_SECONDARY_PASSWORD },
	{ "group_list", TDM_AUTH_FIELD_GROUP_SELECT },
	{ "group-select", TDM_AUTH_FIELD_GROUP_SELECT },
};

static enum tdm_auth_field find_field(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(form_fields) / sizeof(form_fields[0]); i++)
		if (strlen(form_fields[i].name) == len &&
			memcmp(form_fields[i].name, name, len) == 0)
			return form_fields[i].field;
	return TDM_AUTH_FIELD_NONE;
}

/* Percent decoding into out; the longest field decides its size. */
static enum tdm_err decode(const char *s, size_t len, char *out, size_t cap, size_t *out_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)(s[i] == '+' ? ' ' : s[i]);

		if (s[i] == '%') {
			if (len - i < 3 || tdm_hex_decode(s + i + 1, 2, &byte, 1))
				return TDM_ERR_MALFORMED;
			i += 2;
		}
		if (n == cap)
			return TDM_ERR_TOO_LONG;
		out[n++] = (char)byte;
	}
	*out_len = n;
	return TDM_OK;
}

static enum tdm_err take_pair(struct tdm_auth_sink *sink, const char *pair, size_t len)
{
	const char *eq = memchr(pair, '=', len);
	size_t name_len = eq ? (size_t)(eq - pair) : len;
	enum tdm_auth_field field = find_field(pair, name_len);
	char value[TDM_AUTH_PASSWORD_MAX];
	size_t value_len;
	enum tdm_err err;

	if (!eq || field == TDM_AUTH_FIELD_NONE)
		return TDM_OK;
	err = decode(eq + 1, len - name_len - 1, value, sizeof(value), &value_len);
	if (!err)
		err = tdm_auth_sink_set(sink, field, value, value_len);
	tdm_bytes_wipe(value, sizeof(value));
	return err;
}

enum tdm_err tdm_auth_parse_form(const char *body, size_t len, struct tdm_auth_request *out)
{
	struct tdm_auth_sink sink = { .req = out };
	size_t count = 0, at = 0;
	enum tdm_err err = TDM_OK;

	*out = (struct tdm_auth_request){ .plain_form = true };
	if (len > TDM_HTTP_BODY_MAX)
		return TDM_ERR_TOO_LONG;
	while (!err && at < len) {
		const char *amp = memchr(body + at, '&', len - at);
		size_t n = amp ? (size_t)(amp - body) - at : len - at;

		if (++count > TDM_AUTH_FORM_FIELDS_MAX)
			return TDM_ERR_TOO_LONG;
		err = take_pair(&sink, body + at, n);
		at += n + 1;
	}
	out->kind = out->has_username || out->has_password ? TDM_AUTH_REPLY : TDM_AUTH_INIT;
	return err;
}

/* Content types cannot be trusted here: openconnect before 9 posted XML as a form. */
static bool looks_like_xml(const char *body, size_t len)
{
	static const char bom[] = "\xef\xbb\xbf";
	size_t at = 0;

	if (len >= strlen(bom) && memcmp(body, bom, strlen(bom)) == 0)
		at = strlen(bom);
	while (at < len && body[at] && strchr(" \t\r\n", body[at]))
		at++;
	return at < len && body[at] == '<';
}

enum tdm_err tdm_auth_parse(const struct tdm_http_request *req, struct tdm_auth_request *out)
{
	enum tdm_err err = TDM_OK;

	*out = (struct tdm_auth_request){ .kind = TDM_AUTH_INIT };
	if (req->method != TDM_HTTP_POST || req->body_len == 0)
		out->plain_form = req->method != TDM_HTTP_POST;
	else if (looks_like_xml(req->body, req->body_len))
		err = tdm_auth_parse_xml(req->body, req->body_len, out);
	else if (tdm_http_has_type(req, "application/x-www-form-urlencoded"))
		err = tdm_auth_parse_form(req->body, req->body_len, out);
	else
		err = TDM_ERR_UNSUPPORTED;
	if (!err && out->group_access[0] == '\0')
		err = tdm_text_copy(
			out->group_access, sizeof(out->group_access), req->path, strlen(req->path));
	return err;
}

enum tdm_auth_dialect tdm_auth_dialect(const char *user_agent)
{
	static const char old[] = "Open AnyConnect VPN Agent v";
	static const uint64_t bare_until = 3;
	size_t digits;
	uint64_t version;

	if (!user_agent || !tdm_text_prefix_nocase(user_agent, old))
		return TDM_AUTH_DIALECT_CONFIG;
	user_agent += strlen(old);
	digits = strspn(user_agent, "0123456789");
	if (tdm_text_parse_u64(user_agent, digits, UINT16_MAX, &version) || version > bare_until)
		return TDM_AUTH_DIALECT_CONFIG;
	return TDM_AUTH_DIALECT_BARE;
}
