/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The login as clients see it. User name and password come in one form, so nothing has to be
 * remembered between requests, on this connection or another.
 */
#include <string.h>

#include "node/data/internal.h"
#include "node/log.h"
#include "proto/bytes.h"

static const char content_type[] = "text/xml; charset=utf-8";

/* --- forms --- */

static void reply_body(struct tdm_conn *conn, const struct tdm_text *body, bool close)
{
	struct tdm_http_reply reply = { .status = 200,
		.content_type = content_type,
		.transcend = true,
		.close = close,
		.body = body->buf,
		.body_len = body->len };

	if (tdm_text_ok(body))
		tdm_request_reply(conn, &reply);
	else
		tdm_request_refuse(conn, 503, tdm_refusal_text(TDM_REFUSAL_INTERNAL));
}

static void reply_form(struct tdm_conn *conn, const char *error, bool close)
{
	const struct tdm_config *config = conn->worker->cfg.config;
	const char *selected = conn->prelude->selected_group;
	struct tdm_auth_group groups[TDM_CONFIG_GROUPS_MAX];
	struct tdm_auth_form form = { .dialect = conn->prelude->dialect,
		.error = error,
		.error_id = error ? TDM_AUTH_ERROR_LOGIN_FAILED : 0,
		.groups = groups,
		.group_count = config->tunnel_groups_len,
		.selected_group = selected[0] ? selected : NULL };
	struct tdm_text body;

	for (size_t i = 0; i < config->tunnel_groups_len; i++)
		groups[i] = (struct tdm_auth_group){ .name = config->tunnel_groups[i].name,
			.label = config->tunnel_groups[i].label };
	tdm_text_init(&body, conn->worker->body, sizeof(conn->worker->body));
	tdm_auth_write_form(&body, &form);
	reply_body(conn, &body, close);
}

static void select_group(struct tdm_prelude *prelude, const struct tdm_config_tunnel_group *group)
{
	tdm_text_copy_cut(prelude->selected_group, sizeof(prelude->selected_group), group->name,
		strlen(group->name));
}

/* The group that the request names, by the list or by the path of the URL. False when it names one
 * that does not exist; a path that is no group's is just a path. */
static bool choose_group(struct tdm_conn *conn, const struct tdm_auth_request *auth)
{
	const struct tdm_config *config = conn->worker->cfg.config;
	const struct tdm_config_tunnel_group *group = NULL;
	const char *path = auth->group_access;

	conn->prelude->selected_group[0] = '\0';
	if (auth->group_select[0]) {
		group = tdm_config_tunnel_group(config, auth->group_select);
		if (!group)
			return false;
	} else if (path[0] == '/' && path[1]) {
		group = tdm_config_tunnel_group(config, path + 1);
	}
	if (group)
		select_group(conn->prelude, group);
	return true;
}

static void set_dialect(struct tdm_conn *conn, const struct tdm_http_request *req)
{
	conn->prelude->dialect = tdm_auth_dialect(tdm_http_header(req, "User-Agent"));
}

void tdm_login_get(struct tdm_conn *conn, const struct tdm_http_request *req)
{
	struct tdm_auth_request auth = { 0 };

	set_dialect(conn, req);
	tdm_text_copy_cut(
		auth.group_access, sizeof(auth.group_access), req->path, strlen(req->path));
	(void)choose_group(conn, &auth);
	reply_form(conn, NULL, false);
}

/* --- logout --- */

static void end_session(struct tdm_conn *conn, const char *token, size_t len)
{
	uint8_t verifier[TDM_VERIFIER_LEN];
	tdm_session_id session;
	struct tdm_msg *msg;

	if (tdm_request_token(token, len, &session, verifier))
		return;
	msg = tdm_worker_msg(conn, TDM_MSG_LOGOUT);
	if (msg) {
		msg->logout.session = session;
		msg->logout.reason = TDM_REASON_LOGOUT;
		memcpy(msg->logout.verifier, verifier, sizeof(verifier));
	}
	tdm_worker_post(conn->worker, msg);
}

/* The same answer whether there was a session or not. */
static void reply_logged_out(struct tdm_conn *conn)
{
	static const struct tdm_http_header headers[] = {
		{ "Set-Cookie", "webvpn=; expires=Thu, 01 Jan 1970 00:00:00 GMT; path=/; Secure" },
		{ "Set-Cookie", "webvpnc=; expires=Thu, 01 Jan 1970 00:00:00 GMT; path=/; Secure" },
	};
	static const char body[] =
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<config-auth client=\"vpn\" type=\"complete\" aggregate-auth-version=\"2\">\n"
		"</config-auth>\n";
	struct tdm_http_reply reply = { .status = 200,
		.content_type = content_type,
		.transcend = true,
		.headers = headers,
		.header_count = sizeof(headers) / sizeof(headers[0]),
		.body = body,
		.body_len = sizeof(body) - 1 };

	tdm_request_reply(conn, &reply);
}

void tdm_login_logout(struct tdm_conn *conn, const struct tdm_http_request *req)
{
	const char *token;
	size_t len;

	if (tdm_http_cookie(req, "webvpn", &token, &len))
		end_session(conn, token, len);
	reply_logged_out(conn);
}

/* --- credentials --- */

static void copy_shown(char *out, size_t cap, const char *text)
{
	tdm_text_copy_cut(out, cap, text ? text : "", text ? strlen(text) : 0);
}

static void submit(struct tdm_conn *conn, const struct tdm_http_request *req,
	const struct tdm_auth_request *auth)
{
	struct tdm_msg *msg = tdm_worker_msg(conn, TDM_MSG_AUTH);
	struct tdm_msg_auth *ask;

	if (!msg) {
		tdm_request_refuse(conn, 503, tdm_refusal_text(TDM_REFUSAL_BUSY));
		return;
	}
	ask = &msg->auth;
	if (tdm_text_copy(ask->user, sizeof(ask->user), auth->username, strlen(auth->username)) ||
		tdm_text_copy(ask->password, sizeof(ask->password), auth->password,
			strlen(auth->password))) {
		tdm_msg_free(msg); /* longer than any that exists */
		tdm_login_result(conn, &(struct tdm_msg_auth_result){ .verdict = TDM_AUTH_WRONG });
		return;
	}
	copy_shown(ask->tunnel_group, sizeof(ask->tunnel_group), conn->prelude->selected_group);
	copy_shown(ask->agent, sizeof(ask->agent), tdm_http_header(req, "User-Agent"));
	copy_shown(ask->device, sizeof(ask->device), auth->device_id);
	copy_shown(ask->hostname, sizeof(ask->hostname), auth->computer_name);
	ask->peer = conn->remote;
	conn->state = TDM_CONN_WAIT_AUTH;
	tdm_worker_post(conn->worker, msg);
}

static void on_auth(struct tdm_conn *conn, const struct tdm_http_request *req,
	const struct tdm_auth_request *auth)
{
	if (auth->kind == TDM_AUTH_LOGOUT) {
		end_session(conn, auth->session_token, strlen(auth->session_token));
		reply_logged_out(conn);
	} else if (!choose_group(conn, auth)) {
		reply_form(conn, "There is no such group.", false);
	} else if (auth->kind == TDM_AUTH_REPLY && auth->has_username && auth->has_password &&
		   auth->username[0]) {
		submit(conn, req, auth);
	} else {
		reply_form(conn, NULL, false);
	}
}

void tdm_login_post(struct tdm_conn *conn, const struct tdm_http_request *req)
{
	struct tdm_auth_request auth;
	enum tdm_err err = tdm_auth_parse(req, &auth);

	set_dialect(conn, req);
	if (err) {
		tdm_conn_complain(conn, tdm_err_text(err));
		tdm_request_refuse(conn, 400, "the login request cannot be understood");
	} else {
		on_auth(conn, req, &auth);
	}
	tdm_auth_request_deinit(&auth);
}

/* --- results --- */

static void reply_complete(struct tdm_conn *conn, const struct tdm_msg_auth_result *result)
{
	const char *fingerprint = tdm_tls_fingerprint(conn->worker->cfg.tls);
	struct tdm_auth_complete complete = { .dialect = conn->prelude->dialect,
		.session_token = result->token,
		.banner = result->banner[0] ? result->banner : NULL,
		.cert_sha1 = fingerprint };
	char token[TDM_TOKEN_TEXT_MAX + 64], config[128];
	const struct tdm_http_header headers[] = { { "Set-Cookie", token },
		{ "Set-Cookie", config } };
	struct tdm_http_reply reply = { .status = 200,
		.content_type = content_type,
		.transcend = true,
		.headers = headers,
		.header_count = sizeof(headers) / sizeof(headers[0]) };
	struct tdm_text body, text;

	tdm_text_init(&text, token, sizeof(token));
	tdm_text_addf(&text, "webvpn=%s; path=/; Secure; HttpOnly", result->token);
	tdm_text_init(&text, config, sizeof(config));
	tdm_text_addf(&text, "webvpnc=bu:/&p:t&iu:1/&sh:%s; path=/; Secure; HttpOnly", fingerprint);
	tdm_text_init(&body, conn->worker->body, sizeof(conn->worker->body));
	tdm_auth_write_complete(&body, &complete);
	reply.body = body.buf;
	reply.body_len = body.len;
	if (tdm_text_ok(&body))
		tdm_request_reply(conn, &reply);
	else
		tdm_request_refuse(conn, 503, tdm_refusal_text(TDM_REFUSAL_INTERNAL));
	tdm_bytes_wipe(token, sizeof(token));
	tdm_bytes_wipe(body.buf, body.len);
}

void tdm_login_result(struct tdm_conn *conn, const struct tdm_msg_auth_result *result)
{
	conn->state = TDM_CONN_REQUEST; /* control has answered: it need not be told of the end */
	switch (result->verdict) {
	case TDM_AUTH_OK:
		reply_complete(conn, result);
		break;
	case TDM_AUTH_WRONG:
		conn->prelude->wrong_passwords++;
		reply_form(conn, "Login failed.",
			conn->prelude->wrong_passwords >= TDM_WRONG_PASSWORDS_MAX);
		break;
	case TDM_AUTH_BUSY:
		tdm_request_refuse(conn, 503,
			result->why[0] ? result->why : tdm_refusal_text(TDM_REFUSAL_BUSY));
		break;
	case TDM_AUTH_UNAVAILABLE:
		tdm_request_refuse(conn, 503,
			result->why[0] ? result->why : tdm_refusal_text(TDM_REFUSAL_NOT_OWNER));
		break;
	}
}
