/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Logins and resumes under way. Each waits in a slot until the password check, the cluster, or the
 * end of its connection settles it. "Not sure" is never told to a client as a refusal: such a
 * CONNECT is held.
 */
#include <stdio.h>
#include <string.h>

#include "node/clock.h"
#include "node/control/internal.h"
#include "proto/text.h"

enum { RETRIES_PER_TICK = 256, SHOWN_MAX = 4 * TDM_USER_MAX };

/* A user name as it may stand in a line of the log: what it says cannot be taken for something
 * else. */
struct shown {
	char text[SHOWN_MAX];
};

static struct shown shown(const char *user)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-@+\\";
	char safe[SHOWN_MAX - sizeof("\"\"")];
	struct shown out;

	if (user[strspn(user, plain)] == '\0')
		snprintf(out.text, sizeof(out.text), "%s", user);
	else
		snprintf(out.text, sizeof(out.text), "\"%s\"",
			tdm_text_safe(user, strlen(user), safe, sizeof(safe)));
	return out;
}

static struct tdm_request *slot_of(struct tdm_node *node, uint64_t id)
{
	struct tdm_request *r = &node->requests[id % TDM_REQUESTS_MAX];

	return id && r->id == id ? r : NULL;
}

/* A free slot that owns msg, or NULL when too many are under way. */
static struct tdm_request *add(struct tdm_node *node, struct tdm_msg *msg)
{
	for (size_t tries = 0; tries < TDM_REQUESTS_MAX; tries++) {
		uint64_t id = ++node->next_request;
		struct tdm_request *r = &node->requests[id % TDM_REQUESTS_MAX];

		if (r->id)
			continue;
		r->id = id;
		r->msg = msg;
		r->since = tdm_clock_ms();
		return r;
	}
	return NULL;
}

static void drop(struct tdm_request *r)
{
	tdm_msg_free(r->msg);
	explicit_bzero(r, sizeof(*r));
}

static struct tdm_msg *answer_to(const struct tdm_msg *question, enum tdm_msg_kind kind)
{
	struct tdm_msg *msg = tdm_msg_new(kind);

	if (msg) {
		msg->thread = question->thread;
		msg->conn = question->conn;
		msg->member = question->member;
	}
	return msg;
}

static void answer_auth(struct tdm_node *node, const struct tdm_msg *question,
	enum tdm_auth_verdict verdict, const char *why)
{
	struct tdm_msg *msg = answer_to(question, TDM_MSG_AUTH_RESULT);

	if (msg) {
		msg->auth_result.verdict = verdict;
		snprintf(msg->auth_result.why, sizeof(msg->auth_result.why), "%s", why);
	}
	tdm_node_to_worker(node, question->thread, msg);
}

/* --- login --- */

/* Who has a whole network of IPv6 has it as a /64. */
static bool is_same_source(const struct tdm_ip *a, const struct tdm_ip *b)
{
	struct tdm_prefix source = { .ip = *a, .len = a->family == 4 ? 32 : 64 };

	return tdm_prefix_contains(&source, b);
}

/* One source may fill half of the queue for password checks: guessing must not keep others out. */
static bool is_greedy(const struct tdm_node *node, const struct tdm_msg_auth *auth)
{
	size_t count = 0;

	for (size_t i = 0; i < TDM_REQUESTS_MAX; i++) {
		const struct tdm_request *r = &node->requests[i];

		count += r->id && r->msg->kind == TDM_MSG_AUTH &&
			 is_same_source(&auth->peer.ip, &r->msg->auth.peer.ip);
	}
	return count > node->config->auth.threads + node->config->auth.queue / 2;
}

void tdm_node_on_auth(struct tdm_node *node, struct tdm_msg *msg)
{
	struct tdm_auth_job job = { 0 };
	struct tdm_request *r;

	if (node->members[msg->member].role != TDM_ROLE_OWNER) {
		answer_auth(node, msg, TDM_AUTH_UNAVAILABLE, "this node does not serve now");
		tdm_msg_free(msg);
		return;
	}
	r = is_greedy(node, &msg->auth) ? NULL : add(node, msg);
	if (!r) {
		answer_auth(node, msg, TDM_AUTH_BUSY, "too many logins at once");
		tdm_msg_free(msg);
		return;
	}
	job.request = r->id;
	job.user = msg->auth.user;
	job.password = msg->auth.password;
	if (tdm_auth_submit(node->auth, &job)) {
		answer_auth(node, msg, TDM_AUTH_BUSY, "too many logins at once");
		drop(r);
	}
}

static const struct tdm_policy *policy_for(struct tdm_node *node, const struct tdm_msg_auth *auth,
	const char *group, const char **tunnel_group)
{
	const struct tdm_config_tunnel_group *tg =
		auth->tunnel_group[0] ? tdm_config_tunnel_group(node->config, auth->tunnel_group)
				      : &node->config->tunnel_groups[0];

	if (!tg || node->config->tunnel_groups_len == 0)
		return NULL;
	*tunnel_group = tg->name;
	return tdm_config_group(node->config, group && group[0] ? group : tg->group);
}

static void login(struct tdm_node *node, struct tdm_request *r, const char *group)
{
	const struct tdm_msg_auth *auth = &r->msg->auth;
	struct tdm_event event = { .kind = TDM_EVENT_LOGIN };
	struct tdm_token token = { .member = r->msg->member };
	uint8_t bytes[TDM_TOKEN_BYTES];
	const char *tunnel_group = "";
	const struct tdm_policy *policy = policy_for(node, auth, group, &tunnel_group);

	if (!policy) {
		tdm_log_warning("login of user=%s refused: there is no group \"%s\"",
			shown(auth->user).text, group);
		answer_auth(node, r->msg, TDM_AUTH_WRONG, "unknown group");
		drop(r);
		return;
	}
	do
		tdm_random(&token.session_id, sizeof(token.session_id));
	while (token.session_id == 0);
	tdm_random(token.random, sizeof(token.random));
	tdm_token_bytes(&token, bytes);
	tdm_sha256(bytes, sizeof(bytes), event.login.verifier);
	tdm_token_write(&token, r->token);
	snprintf(r->banner, sizeof(r->banner), "%s", policy->banner);

	event.login.request = r->id;
	event.login.member = r->msg->member;
	event.login.id = token.session_id;
	event.login.user = auth->user;
	event.login.tunnel_group = tunnel_group;
	event.login.auth_method = node->auth_method;
	event.login.auth_mode = "userPassword";
	event.login.entry = TDM_ENTRY_CLIENT;
	event.login.agent = auth->agent;
	event.login.device = auth->device;
	event.login.hostname = auth->hostname;
	event.login.policy = policy;
	event.login.peer = auth->peer.ip;
	tdm_token_wipe(&token);
	explicit_bzero(bytes, sizeof(bytes));
	tdm_node_feed(node, &event);
}

void tdm_node_auth_done(void *ctx, uint64_t request, enum tdm_err err, const char *group)
{
	struct tdm_node *node = ctx;
	struct tdm_request *r = slot_of(node, request);
	char peer[TDM_ADDR_TEXT_MAX + 8];

	if (!r)
		return; /* the connection has gone */
	explicit_bzero(r->msg->auth.password, sizeof(r->msg->auth.password));
	tdm_endpoint_text(&r->msg->auth.peer, peer);
	if (err) {
		bool wrong = err == TDM_ERR_AUTH;

		if (tdm_log_may(&node->login_lines, "failed logins", tdm_clock_ms()))
			tdm_log_info("auth failed user=%s peer=%s: %s",
				shown(r->msg->auth.user).text, peer, tdm_err_text(err));
		answer_auth(node, r->msg, wrong ? TDM_AUTH_WRONG : TDM_AUTH_UNAVAILABLE,
			tdm_err_text(err));
		drop(r);
		return;
	}
	tdm_log_info("auth ok user=%s peer=%s", shown(r->msg->auth.user).text, peer);
	login(node, r, group);
}

void tdm_node_login_result(struct tdm_node *node, const struct tdm_action *a)
{
	struct tdm_request *r = slot_of(node, a->login.request);
	struct tdm_msg *msg;

	if (!r) {
		if (!a->login.err && node->orphans_len < TDM_ORPHANS_MAX)
			node->orphans[node->orphans_len++] = a->login.id;
		return;
	}
	if (a->login.err) {
		answer_auth(node, r->msg, TDM_AUTH_UNAVAILABLE, tdm_err_text(a->login.err));
		drop(r);
		return;
	}
	tdm_log_info("session %u: login user=%s%s", a->login.index, shown(r->msg->auth.user).text,
		a->login.unprotected && !node->config->cluster.none
			? ", unprotected: no standby holds it"
			: "");
	msg = answer_to(r->msg, TDM_MSG_AUTH_RESULT);
	if (msg) {
		msg->auth_result.verdict = TDM_AUTH_OK;
		memcpy(msg->auth_result.token, r->token, sizeof(r->token));
		memcpy(msg->auth_result.banner, r->banner, sizeof(r->banner));
	}
	tdm_node_to_worker(node, r->msg->thread, msg);
	drop(r);
}

/* --- resume --- */

static void ask_core(struct tdm_node *node, struct tdm_request *r)
{
	const struct tdm_msg_connect *connect = &r->msg->connect;
	struct tdm_event event = { .kind = TDM_EVENT_RESUME };

	event.resume.request = r->id;
	event.resume.member = r->msg->member;
	event.resume.id = connect->session;
	memcpy(event.resume.verifier, connect->verifier, sizeof(event.resume.verifier));
	event.resume.hostname = connect->hostname;
	event.resume.mtu = connect->mtu;
	event.resume.dtls_offered = connect->dtls_offered;
	event.resume.tunnel = connect->tunnel;
	tdm_node_feed(node, &event);
}

static void answer_connect(
	struct tdm_node *node, struct tdm_request *r, enum tdm_err err, const struct tdm_action *a)
{
	struct tdm_msg *msg = answer_to(r->msg, TDM_MSG_CONNECT_RESULT);

	if (msg) {
		struct tdm_msg_connect_result *result = &msg->connect_result;

		result->err = err;
		result->sure = tdm_err_scope(err) == TDM_SCOPE_SESSION;
		if (a)
			result->reason = a->resume.reason;
		if (a && !err) {
			result->generation = a->resume.generation;
			result->record = *a->resume.record;
			result->policy = *a->resume.policy;
		}
	}
	tdm_node_to_worker(node, r->msg->thread, msg);
	drop(r);
}

void tdm_node_on_connect(struct tdm_node *node, struct tdm_msg *msg)
{
	struct tdm_request *r = add(node, msg);

	if (r) {
		ask_core(node, r);
		return;
	}
	answer_connect(node, &(struct tdm_request){ .msg = msg }, TDM_ERR_FULL, NULL);
}

static bool is_unsure(enum tdm_err err)
{
	return err == TDM_ERR_NOT_OWNER || err == TDM_ERR_NOT_SYNCED ||
	       err == TDM_ERR_NOT_QUORATE || err == TDM_ERR_CLUSTER_LOST || err == TDM_ERR_AGAIN;
}

/* A stranger with invented tokens must not take the places of those who have a session. */
static tdm_ms patience(const struct tdm_action *a)
{
	return a->resume.reason == TDM_REASON_UNKNOWN_TOKEN ? TDM_UNKNOWN_HOLD_MS
							    : TDM_REQUEST_HOLD_MS;
}

void tdm_node_resume_result(struct tdm_node *node, const struct tdm_action *a)
{
	struct tdm_request *r = slot_of(node, a->resume.request);
	char peer[TDM_ADDR_TEXT_MAX + 8];

	if (!r)
		return;
	r->held = is_unsure(a->resume.err) && tdm_clock_ms() - r->since < patience(a);
	if (r->held)
		return;
	tdm_endpoint_text(&r->msg->connect.tunnel.remote, peer);
	if (a->resume.err && tdm_log_may(&node->resume_lines, "refused resumes", tdm_clock_ms()))
		tdm_log_info("resume refused peer=%s: %s (%s)", peer, tdm_err_text(a->resume.err),
			tdm_reason_name(a->resume.reason));
	if (!a->resume.err) {
		tdm_log_info("session %u: tunnel user=%s address=%s peer=%s",
			a->resume.record->index, shown(a->resume.record->user).text,
			a->resume.record->addr4, peer);
		tdm_wake_came_back(node, a->resume.record);
	}
	answer_connect(node, r, a->resume.err, a);
}

void tdm_node_retry_held(struct tdm_node *node)
{
	size_t asked = 0;

	for (size_t i = 0; i < TDM_REQUESTS_MAX && asked < RETRIES_PER_TICK; i++) {
		struct tdm_request *r = &node->requests[node->next_held++ % TDM_REQUESTS_MAX];

		if (!r->id || !r->held)
			continue;
		ask_core(node, r);
		asked++;
	}
}

/* --- connections that go away --- */

void tdm_node_on_conn_closed(struct tdm_node *node, const struct tdm_msg *msg)
{
	for (size_t i = 0; i < TDM_REQUESTS_MAX; i++) {
		struct tdm_request *r = &node->requests[i];

		if (r->id && r->msg->thread == msg->thread && r->msg->conn == msg->conn)
			drop(r);
	}
}

void tdm_node_forget_requests(struct tdm_node *node, tdm_member_id member)
{
	for (size_t i = 0; i < TDM_REQUESTS_MAX; i++) {
		struct tdm_request *r = &node->requests[i];

		if (r->id && r->msg->member == member)
			drop(r);
	}
}
