/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/node/data_fixture.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "node/data/tls.h"
#include "proto/text.h"
#include "proto/token.h"
#include "tests/unit/node/data_fixture_internal.h"

enum { QUEUE_CAPACITY = 1024 };

/* --- the control thread --- */

static void answer_auth(struct fixture *f, const struct tdm_msg *ask)
{
	struct tdm_msg *msg = tdm_msg_new(TDM_MSG_AUTH_RESULT);
	struct tdm_msg_auth_result *result = &msg->auth_result;

	msg->conn = ask->conn;
	msg->member = ask->member;
	result->verdict = TDM_AUTH_WRONG;
	if (strcmp(ask->auth.user, FIXTURE_BUSY) == 0) {
		result->verdict = TDM_AUTH_BUSY;
		snprintf(result->why, sizeof(result->why), "come back later");
	} else if (strcmp(ask->auth.user, FIXTURE_GONE) == 0) {
		msg->conn++; /* a slot that nobody has, as after a close */
		result->verdict = TDM_AUTH_OK;
		snprintf(result->token, sizeof(result->token), "%s", f->sessions[0].token);
	} else if (strcmp(ask->auth.user, FIXTURE_USER) == 0 &&
		   strcmp(ask->auth.password, FIXTURE_PASSWORD) == 0) {
		result->verdict = TDM_AUTH_OK;
		snprintf(result->token, sizeof(result->token), "%s", f->sessions[0].token);
		snprintf(result->banner, sizeof(result->banner), "Welcome");
	}
	cr_assert_eq(tdm_worker_send(f->worker, msg), TDM_OK);
}

static void fill_session(const struct fixture *f, int n, struct tdm_msg_connect_result *result)
{
	struct tdm_record *record = &result->record;
	struct tdm_policy *policy = &result->policy;

	record->id = f->sessions[n].id;
	record->state = TDM_SESSION_ACTIVE;
	snprintf(record->addr4, sizeof(record->addr4), "10.9.0.%d", 10 + n);
	snprintf(record->mask4, sizeof(record->mask4), "255.255.255.0");
	record->mtu = 1400;
	record->session_left_ms = TDM_NEVER;
	policy->dpd_s = f->options.dpd_s;
	policy->client_to_client = f->options.client_to_client[n % 2];
	policy->routes_len = 1;
	snprintf(policy->routes[0], sizeof(policy->routes[0]), "10.20.0.0/16");
	policy->dns_len = 1;
	snprintf(policy->dns[0], sizeof(policy->dns[0]), "10.20.0.1");
	policy->domains_len = 2;
	snprintf(policy->domains[0], sizeof(policy->domains[0]), "a.example");
	snprintf(policy->domains[1], sizeof(policy->domains[1]), "b.example");
}

static void answer_connect(struct fixture *f, const struct tdm_msg *ask)
{
	struct tdm_msg *msg = tdm_msg_new(TDM_MSG_CONNECT_RESULT);
	struct tdm_msg_connect_result *result = &msg->connect_result;

	msg->conn = ask->conn;
	msg->member = ask->member;
	result->err = TDM_ERR_UNKNOWN_TOKEN;
	result->reason = TDM_REASON_UNKNOWN_TOKEN;
	result->sure = true;
	for (int n = 0; n < FIXTURE_SESSIONS; n++) {
		if (ask->connect.session != f->sessions[n].id ||
			memcmp(ask->connect.verifier, f->sessions[n].verifier, TDM_VERIFIER_LEN))
			continue;
		if (f->sessions[n].hold) {
			f->sessions[n].held.conn = ask->conn;
			f->sessions[n].held.member = ask->member;
			f->sessions[n].held.connect = ask->connect;
			tdm_msg_free(msg);
			return;
		}
		result->err = TDM_OK;
		result->generation = ++f->generation;
		fill_session(f, n, result);
	}
	cr_assert_eq(tdm_worker_send(f->worker, msg), TDM_OK);
}

static void keep(struct fixture *f, struct tdm_msg *msg)
{
	cr_assert_lt(f->seen_len, FIXTURE_SEEN_MAX);
	f->seen[f->seen_len++] = msg;
	pthread_cond_broadcast(&f->news);
}

static void on_wake(uv_async_t *wake)
{
	struct fixture *f = wake->data;
	struct tdm_msg *msg;

	pthread_mutex_lock(&f->lock);
	while ((msg = tdm_queue_pop(&f->queue))) {
		if (msg->kind == TDM_MSG_AUTH)
			answer_auth(f, msg);
		else if (msg->kind == TDM_MSG_CONNECT)
			answer_connect(f, msg);
		if (msg->kind == TDM_MSG_STOPPED)
			uv_close((uv_handle_t *)&f->wake, NULL);
		keep(f, msg);
	}
	pthread_mutex_unlock(&f->lock);
}

static void *run_control(void *arg)
{
	struct fixture *f = arg;

	uv_run(&f->loop, UV_RUN_DEFAULT);
	return NULL;
}

static void send_msg(struct fixture *f, struct tdm_msg *msg)
{
	/* the queue has one writer at a time: this lock */
	pthread_mutex_lock(&f->lock);
	cr_assert_eq(tdm_worker_send(f->worker, msg), TDM_OK);
	pthread_mutex_unlock(&f->lock);
}

/* --- what tests tell it --- */

void fixture_serve(struct fixture *f, bool on)
{
	struct tdm_msg *msg = tdm_msg_new(TDM_MSG_SERVE);

	msg->member = 1;
	msg->serve.member = 1;
	msg->serve.on = on;
	send_msg(f, msg);
}

enum tdm_err fixture_serving(struct fixture *f)
{
	struct tdm_msg *msg = fixture_expect(f, TDM_MSG_SERVING);
	enum tdm_err err = msg->serving.err;

	tdm_msg_free(msg);
	return err;
}

void fixture_close_tunnel(struct fixture *f, int session, bool goodbye)
{
	struct tdm_msg *msg = tdm_msg_new(TDM_MSG_TUNNEL_CLOSE);

	msg->tunnel_close.session = f->sessions[session].id;
	msg->tunnel_close.goodbye = goodbye;
	send_msg(f, msg);
}

const char *fixture_token(struct fixture *f, int session)
{
	return f->sessions[session].token;
}

const char *fixture_address(const struct fixture *f)
{
	return f->address;
}

void fixture_hold(struct fixture *f, int session)
{
	f->sessions[session].hold = true;
}

void fixture_release_late(struct fixture *f, int session)
{
	pthread_mutex_lock(&f->lock);
	f->sessions[session].hold = false;
	answer_connect(f, &f->sessions[session].held);
	pthread_mutex_unlock(&f->lock);
}

void fixture_release(struct fixture *f, int session)
{
	tdm_msg_free(fixture_expect(f, TDM_MSG_CONNECT));
	fixture_release_late(f, session);
}

static struct tdm_msg *take(struct fixture *f, enum tdm_msg_kind kind)
{
	for (size_t i = 0; i < f->seen_len; i++) {
		struct tdm_msg *msg = f->seen[i];

		if (msg->kind != kind)
			continue;
		memmove(&f->seen[i], &f->seen[i + 1], (--f->seen_len - i) * sizeof(f->seen[0]));
		return msg;
	}
	return NULL;
}

struct tdm_msg *fixture_expect(struct fixture *f, enum tdm_msg_kind kind)
{
	struct tdm_msg *msg;
	struct timespec until;
	int error = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FIXTURE_WAIT_MS / 1000;
	pthread_mutex_lock(&f->lock);
	while (!(msg = take(f, kind)) && !error)
		error = pthread_cond_timedwait(&f->news, &f->lock, &until);
	pthread_mutex_unlock(&f->lock);
	cr_assert_not_null(msg, "no message of kind %d came", kind);
	return msg;
}

size_t fixture_count(struct fixture *f, enum tdm_msg_kind kind)
{
	size_t n = 0;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->seen_len; i++)
		n += f->seen[i]->kind == kind;
	pthread_mutex_unlock(&f->lock);
	return n;
}

/* --- TUN --- */

void fixture_tun_send(struct fixture *f, const void *packet, size_t len)
{
	cr_assert_eq(send(f->tun, packet, len, 0), (ssize_t)len);
}

size_t fixture_tun_receive(struct fixture *f, void *packet, size_t cap)
{
	ssize_t n = recv(f->tun, packet, cap, 0);

	cr_assert_gt(n, 0, "nothing came to the TUN device");
	return (size_t)n;
}

bool fixture_tun_is_empty(struct fixture *f)
{
	char byte;

	return recv(f->tun, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

/* --- start and end --- */

static void make_session(struct fixture *f, int n)
{
	struct tdm_token token = { .member = 1, .session_id = 1000 + (tdm_session_id)n };
	uint8_t bytes[TDM_TOKEN_BYTES];

	memset(token.random, 0x40 + n, sizeof(token.random));
	tdm_token_write(&token, f->sessions[n].token);
	tdm_token_bytes(&token, bytes);
	tdm_sha256(bytes, sizeof(bytes), f->sessions[n].verifier);
	f->sessions[n].id = token.session_id;
}

static void make_config(struct fixture *f)
{
	struct tdm_config *config = &f->config;
	struct tdm_config_member *member = &config->members[0];
	static const char *const names[] = { "staff", "guests" };

	config->cluster.none = !f->options.cluster;
	config->data_threads = 1;
	config->members_len = 1;
	snprintf(member->name, sizeof(member->name), "vpn");
	member->id = 1;
	member->port = FIXTURE_PORT;
	member->outside_len = 1;
	cr_assert_eq(tdm_prefix_parse(f->address, &member->outside[0]), TDM_OK);
	member->pools_len = 1;
	cr_assert_eq(tdm_prefix_parse("10.9.0.0/24", &member->pools[0]), TDM_OK);
	cr_assert_eq(tdm_prefix_parse("10.9.0.1/24", &member->inside), TDM_OK);
	config->tunnel_groups_len = f->options.tunnel_groups ? f->options.tunnel_groups : 1;
	for (size_t i = 0; i < config->tunnel_groups_len; i++) {
		snprintf(config->tunnel_groups[i].name, TDM_NAME_MAX, "%s", names[i]);
		snprintf(config->tunnel_groups[i].label, TDM_NAME_MAX, "The %s", names[i]);
	}
}

static void make_tun(struct fixture *f, int *theirs)
{
	struct timeval timeout = { .tv_sec = FIXTURE_WAIT_MS / 1000 };
	int fds[2];

	if (f->options.tun_fd > 0) {
		*theirs = f->options.tun_fd;
		f->tun = -1;
		return;
	}
	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	*theirs = fds[0];
	f->tun = fds[1];
	cr_assert_geq(fcntl(*theirs, F_SETFL, O_NONBLOCK), 0);
	setsockopt(f->tun, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

struct fixture *fixture_start(const struct fixture_options *options)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tdm_worker_config wc = { 0 };
	struct tdm_diag diag = { 0 };
	unsigned pid = (unsigned)getpid();

	cr_assert_not_null(f);
	if (options)
		f->options = *options;
	snprintf(f->address, sizeof(f->address), "127.%u.%u.%u", 1 + ((pid >> 16) & 63),
		(pid >> 8) & 255, pid & 255);
	if (f->options.address)
		snprintf(f->address, sizeof(f->address), "%s", f->options.address);
	for (int n = 0; n < FIXTURE_SESSIONS; n++)
		make_session(f, n);
	make_config(f);
	make_tun(f, &wc.tun_fd);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->news, NULL);
	uv_loop_init(&f->loop);
	uv_async_init(&f->loop, &f->wake, on_wake);
	f->wake.data = f;
	cr_assert_eq(tdm_queue_init(&f->queue, QUEUE_CAPACITY, &f->wake), TDM_OK);
	cr_assert_eq(tdm_tls_new("tests/unit/node/certs/server.crt",
			     "tests/unit/node/certs/server.key", &f->tls, &diag),
		TDM_OK, "%s", diag.text);
	wc.config = &f->config;
	wc.tls = f->tls;
	wc.limits.handshake_ms = f->options.handshake_ms;
	wc.limits.request_ms = f->options.request_ms;
	wc.limits.pending = f->options.pending;
	wc.to_control = &f->queue;
	cr_assert_eq(tdm_worker_start(&wc, &f->worker, &diag), TDM_OK, "%s", diag.text);
	pthread_create(&f->thread, NULL, run_control, f);
	fixture_serve(f, true);
	if (!f->options.address)
		cr_assert_eq(fixture_serving(f), TDM_OK);
	return f;
}

void fixture_stop(struct fixture *f)
{
	if (f->stopped)
		return;
	f->stopped = true;
	send_msg(f, tdm_msg_new(TDM_MSG_STOP));
	tdm_msg_free(fixture_expect(f, TDM_MSG_STOPPED));
	tdm_worker_join(f->worker);
	pthread_join(f->thread, NULL);
}

void fixture_end(struct fixture *f)
{
	fixture_stop(f);
	for (size_t i = 0; i < f->seen_len; i++)
		tdm_msg_free(f->seen[i]);
	tdm_queue_deinit(&f->queue);
	uv_loop_close(&f->loop);
	tdm_tls_free(f->tls);
	if (f->tun >= 0)
		close(f->tun);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->news);
	free(f);
}
