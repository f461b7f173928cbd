/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking into a parsed request, and writing replies. */
#include "proto/http.h"

#include <string.h>

const char *tdm_http_header_next(const struct tdm_http_request *req, const char *name, size_t *pos)
{
	while (*pos < req->header_count) {
		const struct tdm_http_header *h = &req->headers[(*pos)++];

		if (tdm_text_equal_nocase(h->name, name))
			return h->value;
	}
	return NULL;
}

const char *tdm_http_header(const struct tdm_http_request *req, const char *name)
{
	size_t pos = 0;

	return tdm_http_header_next(req, name, &pos);
}

/* Look for name=value in one Cookie header (RFC 6265, 4.2.1). */
static bool find_cookie(const char *list, const char *name, const char **value, size_t *len)
{
	size_t name_len = strlen(name);

	while (*list) {
		size_t item;

		list += strspn(list, " \t;");
		item = strcspn(list, ";");
		if (item > name_len && memcmp(list, name, name_len) == 0 && list[name_len] == '=') {
			*value = list + name_len + 1;
			*len = item - name_len - 1;
			while (*len && strchr(" \t", (*value)[*len - 1]))
				(*len)--;
			return true;
		}
		list += item;
	}
	return false;
}

bool tdm_http_cookie(
	const struct tdm_http_request *req, const char *name, const char **value, size_t *len)
{
	const char *list;
	size_t pos = 0;

	*value = NULL;
	*len = 0;
	while ((list = tdm_http_header_next(req, "Cookie", &pos)))
		if (find_cookie(list, name, value, len))
			return true;
	return false;
}

bool tdm_http_has_type(const struct tdm_http_request *req, const char *media_type)
{
	const char *type = tdm_http_header(req, "Content-Type");
	size_t len = strlen(media_type);

	if (!type || !tdm_text_prefix_nocase(type, media_type))
		return false;
	type += len;
	return *type == '\0' || strchr("; \t", *type);
}

static const struct {
	unsigned status;
	const char *text;
} reasons[] = {
	{ 200, "OK" },
	{ 204, "No Content" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 307, "Temporary Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 421, "Misdirected Request" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

const char *tdm_http_status_text(unsigned status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Unknown";
}

/* All header text goes through here, so that none can add a line. */
static void add_header(struct tdm_text *out, const char *name, const char *value)
{
	tdm_text_header(out, name);
	tdm_text_add(out, ": ");
	tdm_text_header(out, value);
	tdm_text_add(out, "\r\n");
}

void tdm_http_reply_write(struct tdm_text *out, const struct tdm_http_reply *reply)
{
	const char *reason = reply->reason ? reply->reason : tdm_http_status_text(reply->status);

	tdm_text_addf(out, "HTTP/1.1 %u ", reply->status);
	tdm_text_header(out, reason);
	tdm_text_add(out, "\r\n");
	if (reply->content_type)
		add_header(out, "Content-Type", reply->content_type);
	tdm_text_addf(out, "Content-Length: %zu\r\n", reply->body_len);
	if (reply->transcend)
		add_header(out, "X-Transcend-Version", "1");
	if (reply->close)
		add_header(out, "Connection", "close");
	for (size_t i = 0; i < reply->header_count; i++)
		add_header(out, reply->headers[i].name, reply->headers[i].value);
	tdm_text_add(out, "\r\n");
	if (!reply->head_only)
		tdm_text_add_len(out, reply->body, reply->body_len);
}
