/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The login: fill in forms until the server says success. */
#include <stdio.h>
#include <string.h>

#include "proto/bytes.h"
#include "tools/load/engine.h"

enum {
	ROUNDS_MAX = 8,
	STATUS_OK = 200,
	STATUS_UNAUTHORIZED = 401,
	STATUS_FORBIDDEN = 403,
	STATUS_UNAVAILABLE = 503
};

static struct tdm_load_request request_of(
	const struct tdm_load_engine *e, const struct tdm_load_session *s)
{
	return (struct tdm_load_request){ .host = e->host, .cookies = s->exchange->jar.text };
}

static void user_name(
	const struct tdm_load_engine *e, const struct tdm_load_session *s, char *out, size_t cap)
{
	if (e->opt->users > 0)
		(void)snprintf(
			out, cap, "%s%u", e->opt->user, (unsigned)(s->ordinal % e->opt->users));
	else
		(void)snprintf(out, cap, "%s", e->opt->user);
}

void tdm_load_auth_start(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	struct tdm_load_request req = request_of(e, s);
	struct tdm_text text;

	tdm_text_init(&text, e->request, sizeof(e->request));
	tdm_load_write_init(&text, &req, "/", NULL);
	tdm_load_session_request(e, s, &text, false, false);
}

static void collect_cookies(struct tdm_load_exchange *x, const struct tdm_load_reply *reply)
{
	struct tdm_load_span value;
	size_t pos = 0;

	/* What does not fit or cannot be read is not sent back, as a browser would do. */
	while (tdm_load_reply_header(reply, "Set-Cookie", false, &pos, &value))
		(void)!tdm_load_jar_set(&x->jar, &value);
}

/* The token is the cookie "webvpn", set by header or by session-token. */
static bool find_token(struct tdm_load_session *s, const struct tdm_load_form *form)
{
	struct tdm_load_span value = { form->token, strlen(form->token) };

	if (value.len == 0 && !tdm_load_jar_get(&s->exchange->jar, "webvpn", &value))
		return false;
	return value.len > 0 && tdm_load_cookie_value_ok(value.at, value.len) &&
	       !tdm_text_copy(s->token, sizeof(s->token), value.at, value.len);
}

static void logged_in(struct tdm_load_engine *e, struct tdm_load_session *s, bool reuse)
{
	e->stats.logged_in++;
	tdm_load_samples_add(&e->stats.login, e->now_us - s->begin_us);
	if (e->tokens_fd >= 0 && tdm_load_tokens_append(e->tokens_fd, s->token)) {
		(void)fprintf(stderr, "tandem-load: %s: cannot write\n", e->opt->tokens);
		e->broken = e->stop = true;
	}
	if (e->opt->mode == TDM_LOAD_LOGIN && !e->opt->logout)
		tdm_load_session_done(e, s);
	else
		tdm_load_tunnel_start(e, s, reuse);
}

/* Choose a group if the form offers some. False: what was wished for is not offered. */
static bool choose_group(
	struct tdm_load_engine *e, struct tdm_load_exchange *x, const struct tdm_load_form *form)
{
	const struct tdm_load_group *group = tdm_load_form_group(form, e->opt->group);

	if (form->group_count == 0)
		return true;
	return group &&
	       !tdm_text_copy(x->group, sizeof(x->group), group->value, strlen(group->value));
}

static void answer(struct tdm_load_engine *e, struct tdm_load_session *s,
	const struct tdm_load_form *form, const char *xml, bool reuse)
{
	struct tdm_load_exchange *x = s->exchange;
	struct tdm_load_request req = request_of(e, s);
	char user[TDM_USER_MAX];
	struct tdm_text text;
	/* A choice among several groups is sent first, and a new form comes for it. */
	bool choose = form->group_count > 1 && !x->grouped;

	user_name(e, s, user, sizeof(user));
	tdm_text_init(&text, e->request, sizeof(e->request));
	if (choose) {
		tdm_load_write_init(&text, &req, form->action, x->group);
		x->grouped = true;
	} else {
		tdm_load_write_answer(&text, &req,
			&(struct tdm_load_answer){ .form = form,
				.xml = xml,
				.user = user,
				.password = e->password,
				.group = x->group[0] ? x->group : NULL });
		x->asked |= tdm_load_form_wants_password(form);
	}
	tdm_load_session_request(e, s, &text, false, reuse);
}

static void take_form(struct tdm_load_engine *e, struct tdm_load_session *s,
	const struct tdm_load_form *form, const char *xml, bool reuse)
{
	struct tdm_load_exchange *x = s->exchange;
	struct tdm_load_span error = { form->error, strlen(form->error) };
	struct tdm_load_span no_group = { "no such group in the login form", 31 };

	if (form->success && find_token(s, form))
		logged_in(e, s, reuse);
	else if (form->has_error && (x->asked || !form->has_form))
		tdm_load_session_failed(e, s, TDM_LOAD_WHY_login_refused, &error);
	else if (form->success || !form->has_form || ++x->rounds > ROUNDS_MAX)
		tdm_load_session_failed(e, s, TDM_LOAD_WHY_bad_reply, NULL);
	else if (!choose_group(e, x, form))
		tdm_load_session_failed(e, s, TDM_LOAD_WHY_login_refused, &no_group);
	else
		answer(e, s, form, xml, reuse);
}

void tdm_load_auth_reply(struct tdm_load_engine *e, struct tdm_load_session *s,
	const struct tdm_load_reply *reply, const char *body)
{
	struct tdm_load_form form;

	collect_cookies(s->exchange, reply);
	switch (reply->status) {
	case STATUS_OK:
		if (tdm_load_form_parse(body, reply->body_len, &form))
			tdm_load_session_failed(e, s, TDM_LOAD_WHY_bad_reply, NULL);
		else
			take_form(e, s, &form, body, reply->keep_alive);
		tdm_bytes_wipe(form.token, sizeof(form.token));
		break;
	case STATUS_UNAUTHORIZED:
	case STATUS_FORBIDDEN:
		tdm_load_session_failed(e, s, TDM_LOAD_WHY_login_refused, NULL);
		break;
	case STATUS_UNAVAILABLE:
		tdm_load_session_failed(e, s, TDM_LOAD_WHY_status_503, NULL);
		break;
	default:
		tdm_load_session_failed(e, s, TDM_LOAD_WHY_status_other, NULL);
	}
}
