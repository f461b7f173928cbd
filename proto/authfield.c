/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/authfield.h"

#include <string.h>

#include "proto/bytes.h"

enum rule {
	CUT,    /* only shown: too long is cut, a repetition ignored */
	NAME,   /* identifies something: must fit, no control characters */
	SECRET, /* must fit, any character */
};

#define FIELD(member, how)                                                                         \
	{                                                                                          \
		offsetof(struct tdm_auth_request, member),                                         \
			sizeof(((struct tdm_auth_request *)0)->member), how                        \
	}

static const struct {
	size_t offset;
	size_t cap;
	enum rule rule;
} fields[TDM_AUTH_FIELD_COUNT] = {
	[TDM_AUTH_FIELD_USERNAME] = FIELD(username, NAME),
	[TDM_AUTH_FIELD_PASSWORD] = FIELD(password, SECRET),
	[TDM_AUTH_FIELD_SECONDARY_PASSWORD] = FIELD(secondary_password, SECRET),
	[TDM_AUTH_FIELD_GROUP_SELECT] = FIELD(group_select, NAME),
	[TDM_AUTH_FIELD_GROUP_ACCESS] = FIELD(group_access, NAME),
	[TDM_AUTH_FIELD_SESSION_ID] = FIELD(session_id, NAME),
	[TDM_AUTH_FIELD_SESSION_TOKEN] = FIELD(session_token, NAME),
	[TDM_AUTH_FIELD_VERSION] = FIELD(version, CUT),
	[TDM_AUTH_FIELD_DEVICE_ID] = FIELD(device_id, CUT),
	[TDM_AUTH_FIELD_PLATFORM_VERSION] = FIELD(platform_version, CUT),
	[TDM_AUTH_FIELD_DEVICE_TYPE] = FIELD(device_type, CUT),
	[TDM_AUTH_FIELD_UNIQUE_ID] = FIELD(unique_id, CUT),
	[TDM_AUTH_FIELD_COMPUTER_NAME] = FIELD(computer_name, CUT),
};

static char *text_of(const struct tdm_auth_sink *sink)
{
	return (char *)sink->req + fields[sink->open].offset;
}

enum tdm_err tdm_auth_sink_open(struct tdm_auth_sink *sink, enum tdm_auth_field field)
{
	uint32_t bit = UINT32_C(1) << field;

	if (sink->seen & bit)
		return fields[field].rule == CUT ? TDM_OK : TDM_ERR_MALFORMED;
	sink->seen |= bit;
	sink->open = field;
	sink->len = 0;
	return TDM_OK;
}

bool tdm_auth_sink_is_open(const struct tdm_auth_sink *sink)
{
	return sink->open != TDM_AUTH_FIELD_NONE;
}

enum tdm_err tdm_auth_sink_add(struct tdm_auth_sink *sink, const char *text, size_t len)
{
	size_t cap = fields[sink->open].cap;
	char *out;

	if (sink->open == TDM_AUTH_FIELD_NONE || len == 0)
		return TDM_OK;
	if (memchr(text, '\0', len))
		return TDM_ERR_MALFORMED;
	out = text_of(sink);
	if (len >= cap - sink->len) {
		if (fields[sink->open].rule != CUT)
			return TDM_ERR_TOO_LONG;
		tdm_text_copy_cut(out + sink->len, cap - sink->len, text, len);
		sink->open = TDM_AUTH_FIELD_NONE; /* the rest is ignored */
		return TDM_OK;
	}
	memcpy(out + sink->len, text, len);
	sink->len += len;
	out[sink->len] = '\0';
	return TDM_OK;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == '\x7f')
			return true;
	return false;
}

/* From "https://host:port/path?query" keep "/path"; anything that has no path becomes "". */
static void keep_path(char *url)
{
	const char *host = strstr(url, "://");
	const char *path = url;
	size_t len;

	if (url[0] != '/') {
		path = host ? strchr(host + strlen("://"), '/') : NULL;
		if (!path)
			path = "";
	}
	len = strcspn(path, "?#");
	memmove(url, path, len);
	url[len] = '\0';
}

enum tdm_err tdm_auth_sink_close(struct tdm_auth_sink *sink)
{
	enum tdm_auth_field field = sink->open;

	if (field == TDM_AUTH_FIELD_NONE)
		return TDM_OK;
	if (fields[field].rule == NAME && has_control(text_of(sink)))
		return TDM_ERR_MALFORMED;
	if (field == TDM_AUTH_FIELD_USERNAME)
		sink->req->has_username = true;
	if (field == TDM_AUTH_FIELD_PASSWORD)
		sink->req->has_password = true;
	if (field == TDM_AUTH_FIELD_GROUP_ACCESS)
		keep_path(text_of(sink));
	sink->open = TDM_AUTH_FIELD_NONE;
	return TDM_OK;
}

enum tdm_err tdm_auth_sink_set(
	struct tdm_auth_sink *sink, enum tdm_auth_field field, const char *text, size_t len)
{
	enum tdm_err err = tdm_auth_sink_open(sink, field);

	if (!err)
		err = tdm_auth_sink_add(sink, text, len);
	if (!err)
		err = tdm_auth_sink_close(sink);
	return err;
}

void tdm_auth_request_deinit(struct tdm_auth_request *req)
{
	tdm_bytes_wipe(req, sizeof(*req));
}
