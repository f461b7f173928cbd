/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "node/data/internal.h"
#include "node/log.h"
#include "proto/bytes.h"
#include "proto/token.h"

enum tdm_err tdm_request_token(
	const char *text, size_t len, tdm_session_id *session, uint8_t verifier[TDM_VERIFIER_LEN])
{
	uint8_t bytes[TDM_TOKEN_BYTES];
	struct tdm_token token;
	enum tdm_err err = tdm_token_parse(text, len, &token);

	if (err)
		return err;
	*session = token.session_id;
	tdm_token_bytes(&token, bytes);
	tdm_sha256(bytes, sizeof(bytes), verifier);
	tdm_token_wipe(&token);
	tdm_bytes_wipe(bytes, sizeof(bytes));
	return TDM_OK;
}

/* --- replies --- */

void tdm_request_reply(struct tdm_conn *conn, struct tdm_http_reply *reply)
{
	struct tdm_worker *worker = conn->worker;
	struct tdm_prelude *prelude = conn->prelude;
	struct tdm_text out;
	enum tdm_err err;

	if (!prelude->keep_alive || prelude->requests >= TDM_REQUESTS_PER_CONN_MAX)
		reply->close = true;
	tdm_text_init(&out, worker->reply, sizeof(worker->reply));
	tdm_http_reply_write(&out, reply);
	err = tdm_text_result(&out);
	if (!err)
		err = tdm_stream_write(conn, out.buf, out.len);
	tdm_bytes_wipe(worker->reply, out.len);
	if (err || reply->close)
		tdm_conn_end(conn, TDM_END_DRAIN, err ? tdm_err_text(err) : NULL);
	else
		tdm_conn_await_request(conn);
}

void tdm_request_refuse(struct tdm_conn *conn, unsigned status, const char *reason)
{
	struct tdm_worker *worker = conn->worker;
	struct tdm_text out;

	tdm_text_init(&out, worker->reply, sizeof(worker->reply));
	tdm_connect_refuse_status(&out, status, reason);
	if (tdm_text_ok(&out) && tdm_stream_write(conn, out.buf, out.len))
		tdm_log_debug("a refusal could not be sent");
	tdm_conn_end(conn, TDM_END_DRAIN, NULL);
}

static void reply_page(struct tdm_conn *conn, const struct tdm_page *page)
{
	struct tdm_http_reply reply = { .status = 200,
		.content_type = page->content_type,
		.transcend = true,
		.body = page->body,
		.body_len = strlen(page->body) };

	tdm_request_reply(conn, &reply);
}

static void reply_status(struct tdm_conn *conn, unsigned status)
{
	static const struct tdm_http_header allow = { "Allow", "GET, POST, CONNECT" };
	const char *body = tdm_http_status_text(status);
	struct tdm_http_reply reply = { .status = status,
		.content_type = "text/plain; charset=utf-8",
		.transcend = true,
		.headers = &allow,
		.header_count = status == 405,
		.body = body,
		.body_len = strlen(body) };

	tdm_request_reply(conn, &reply);
}

/* --- requests --- */

static bool is_one_of(const char *path, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(path, *list) == 0)
			return true;
	return false;
}

static bool is_logout(const char *path)
{
	static const char *const paths[] = { "/logout", "/+webvpn+/webvpn_logout.html", NULL };

	return is_one_of(path, paths);
}

/* Where a login may begin with GET. The path of a tunnel group is one too. */
static bool is_login(const struct tdm_conn *conn, const char *path)
{
	static const char *const paths[] = { "/", "/auth", "/VPN", "/+webvpn+/index.html",
		"/+CSCOE+/logon.html", NULL };

	return is_one_of(path, paths) ||
	       (path[0] == '/' && tdm_config_tunnel_group(conn->worker->cfg.config, path + 1));
}

static bool is_browser(const struct tdm_http_request *req)
{
	const char *accept = tdm_http_header(req, "Accept");

	return accept && strstr(accept, "text/html");
}

static void on_get(struct tdm_conn *conn, const struct tdm_http_request *req)
{
	const struct tdm_page *page = tdm_page_find(req->path);

	if (page)
		reply_page(conn, page);
	else if (is_logout(req->path))
		tdm_login_logout(conn, req);
	else if (!is_login(conn, req->path))
		reply_status(conn, 404);
	else if (is_browser(req))
		reply_page(conn, tdm_page_welcome());
	else
		tdm_login_get(conn, req);
}

static void on_request(struct tdm_conn *conn, const struct tdm_http_request *req)
{
	struct tdm_prelude *prelude = conn->prelude;

	prelude->requests++;
	prelude->keep_alive = req->keep_alive;
	switch (req->method) {
	case TDM_HTTP_GET:
		on_get(conn, req);
		break;
	case TDM_HTTP_POST:
		if (is_logout(req->path))
			tdm_login_logout(conn, req);
		else
			tdm_login_post(conn, req);
		break;
	case TDM_HTTP_CONNECT:
		tdm_resume_request(conn, req);
		break;
	case TDM_HTTP_HEAD:
	case TDM_HTTP_OTHER:
		prelude->keep_alive = false;
		reply_status(conn, 405);
		break;
	}
}

static void on_bad_request(struct tdm_conn *conn, enum tdm_err err)
{
	conn->prelude->keep_alive = false;
	tdm_conn_complain(conn, tdm_err_text(err));
	reply_status(conn, tdm_http_parser_status(&conn->prelude->parser));
}

size_t tdm_request_input(struct tdm_conn *conn, const uint8_t *data, size_t len)
{
	struct tdm_prelude *prelude = conn->prelude;
	size_t took = 0;
	enum tdm_err err;

	if (conn->flight) { /* more than the kernel takes: it would pile up here */
		tdm_conn_complain(conn, "asks on without reading the answers");
		tdm_conn_end(conn, TDM_END_CLOSE, NULL);
		return len;
	}
	if (!prelude->begun) {
		tdm_conn_await_request(conn);
		prelude->begun = true;
	}
	err = tdm_http_parser_feed(&prelude->parser, data, len, &took);
	if (err) {
		on_bad_request(conn, err);
		return len;
	}
	if (prelude->parser.complete) {
		on_request(conn, &prelude->parser.req);
		if (conn->prelude)
			tdm_http_parser_reset(&conn->prelude->parser);
	}
	return took;
}
