/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/clock.h"
#include "node/data/internal.h"
#include "node/log.h"
#include "proto/bytes.h"

enum {
	OUTBOX_START = 64,
	RETRY_MS = 5,
	STOPPED_TRIES = 1000, /* of RETRY_MS each: the control thread may be busy, not gone */
};

/* --- to control --- */

struct tdm_msg *tdm_worker_msg(const struct tdm_conn *conn, enum tdm_msg_kind kind)
{
	struct tdm_msg *msg = tdm_msg_new(kind);

	if (msg) {
		msg->thread = conn->worker->cfg.number;
		msg->conn = conn->id;
		msg->member = conn->member;
	}
	return msg;
}

static void outbox_send(struct tdm_worker *worker)
{
	size_t sent = 0;

	while (sent < worker->outbox.len &&
		tdm_queue_push(worker->cfg.to_control, worker->outbox.items[sent]) == TDM_OK)
		sent++;
	worker->outbox.len -= sent;
	memmove(worker->outbox.items, worker->outbox.items + sent,
		worker->outbox.len * sizeof(*worker->outbox.items));
}

static void on_retry(uv_timer_t *timer)
{
	struct tdm_worker *worker = timer->data;

	outbox_send(worker);
	if (worker->outbox.len == 0)
		uv_timer_stop(timer);
}

static bool outbox_add(struct tdm_worker *worker, struct tdm_msg *msg)
{
	if (worker->outbox.len == worker->outbox.cap) {
		size_t cap = worker->outbox.cap ? 2 * worker->outbox.cap : OUTBOX_START;
		void *items = realloc(worker->outbox.items, cap * sizeof(*worker->outbox.items));

		if (!items)
			return false;
		worker->outbox.items = items;
		worker->outbox.cap = cap;
	}
	worker->outbox.items[worker->outbox.len++] = msg;
	uv_timer_start(&worker->retry, on_retry, RETRY_MS, RETRY_MS);
	return true;
}

void tdm_worker_post(struct tdm_worker *worker, struct tdm_msg *msg)
{
	if (!msg) {
		tdm_log_error("data thread %u: out of memory", worker->cfg.number);
		return;
	}
	if (worker->stopping) {
		tdm_msg_free(msg);
		return;
	}
	if (worker->outbox.len == 0 && tdm_queue_push(worker->cfg.to_control, msg) == TDM_OK)
		return;
	if (!outbox_add(worker, msg)) {
		tdm_log_error("data thread %u: out of memory", worker->cfg.number);
		tdm_msg_free(msg);
	}
}

const struct tdm_config_member *tdm_worker_member(
	const struct tdm_worker *worker, tdm_member_id member)
{
	const struct tdm_config *config = worker->cfg.config;

	for (size_t i = 0; i < config->members_len; i++)
		if (config->members[i].id == member)
			return &config->members[i];
	return NULL;
}

/* --- from control --- */

/* A node alone has nobody who serves its clients instead: they are told that it is over. */
static enum tdm_conn_end way_to_stop(const struct tdm_worker *worker)
{
	return worker->cfg.config->cluster.none ? TDM_END_CLOSE : TDM_END_SILENT;
}

static void on_serve(struct tdm_worker *worker, const struct tdm_msg_serve *serve)
{
	struct tdm_diag diag = { 0 };
	struct tdm_msg *answer;
	enum tdm_err err;

	if (!serve->on) {
		tdm_listeners_close(worker, serve->member);
		tdm_conns_end(worker, serve->member, way_to_stop(worker));
		return;
	}
	err = tdm_listeners_open(worker, serve->member, &diag);
	answer = tdm_msg_new(TDM_MSG_SERVING);
	if (answer) {
		answer->thread = worker->cfg.number;
		answer->member = serve->member;
		answer->serving.err = err;
		tdm_text_copy_cut(answer->serving.why, sizeof(answer->serving.why), diag.text,
			strlen(diag.text));
	}
	tdm_worker_post(worker, answer);
}

/* The client went away while control gave its session a tunnel here. */
static void return_tunnel(struct tdm_worker *worker, const struct tdm_msg *msg)
{
	struct tdm_msg *down;

	if (msg->connect_result.err)
		return;
	down = tdm_msg_new(TDM_MSG_TUNNEL_DOWN);
	if (down) {
		down->thread = worker->cfg.number;
		down->member = msg->member;
		down->tunnel_down.session = msg->connect_result.record.id;
		down->tunnel_down.generation = msg->connect_result.generation;
	}
	tdm_worker_post(worker, down);
}

/* The client went away while control made its session: nobody holds the token. */
static void return_session(struct tdm_worker *worker, const struct tdm_msg *msg)
{
	const struct tdm_msg_auth_result *result = &msg->auth_result;
	uint8_t verifier[TDM_VERIFIER_LEN];
	tdm_session_id session;
	struct tdm_msg *logout;

	if (result->verdict != TDM_AUTH_OK ||
		tdm_request_token(result->token, strlen(result->token), &session, verifier))
		return;
	logout = tdm_msg_new(TDM_MSG_LOGOUT);
	if (logout) {
		logout->thread = worker->cfg.number;
		logout->member = msg->member;
		logout->logout.session = session;
		logout->logout.reason = TDM_REASON_CONNECT_TIMEOUT;
		memcpy(logout->logout.verifier, verifier, sizeof(verifier));
	}
	tdm_worker_post(worker, logout);
}

static void stop(struct tdm_worker *worker)
{
	worker->stopping = true;
	tdm_listeners_close(worker, 0);
	tdm_conns_end(worker, 0, way_to_stop(worker));
	if (worker->cfg.tun_fd >= 0)
		uv_close((uv_handle_t *)&worker->tun, NULL);
	uv_close((uv_handle_t *)&worker->flush, NULL);
	uv_close((uv_handle_t *)&worker->retry, NULL);
	uv_close((uv_handle_t *)&worker->wake, NULL);
}

static void dispatch(struct tdm_worker *worker, struct tdm_msg *msg)
{
	struct tdm_conn *conn = tdm_conn_find(worker, msg->conn);

	switch (msg->kind) {
	case TDM_MSG_AUTH_RESULT:
		if (conn && conn->state == TDM_CONN_WAIT_AUTH)
			tdm_login_result(conn, &msg->auth_result);
		else
			return_session(worker, msg);
		break;
	case TDM_MSG_CONNECT_RESULT:
		if (conn && conn->state == TDM_CONN_WAIT_RESUME)
			tdm_resume_result(conn, &msg->connect_result);
		else
			return_tunnel(worker, msg);
		break;
	case TDM_MSG_TUNNEL_CLOSE:
		tdm_tunnel_close(worker, &msg->tunnel_close);
		break;
	case TDM_MSG_SERVE:
		on_serve(worker, &msg->serve);
		break;
	case TDM_MSG_STOP:
		stop(worker);
		break;
	default:
		break;
	}
	tdm_msg_free(msg);
}

static void on_wake(uv_async_t *wake)
{
	struct tdm_worker *worker = wake->data;
	struct tdm_msg *msg;

	while (!worker->stopping && (msg = tdm_queue_pop(&worker->inbox)))
		dispatch(worker, msg);
}

enum tdm_err tdm_worker_send(struct tdm_worker *worker, struct tdm_msg *msg)
{
	return tdm_queue_push(&worker->inbox, msg);
}

/* --- the thread --- */

static void on_flush(uv_prepare_t *prepare)
{
	tdm_turn_begin(prepare->data);
	tdm_stream_flush_all(prepare->data);
}

static void on_tun(uv_poll_t *poll, int status, int events)
{
	struct tdm_worker *worker = poll->data;

	(void)events;
	if (status < 0) {
		tdm_log_error("TUN device: %s: no packets reach the clients", uv_strerror(status));
		uv_poll_stop(poll);
		return;
	}
	tdm_packet_down(worker);
}

static void report_stopped(struct tdm_worker *worker)
{
	struct tdm_msg *msg = tdm_msg_new(TDM_MSG_STOPPED);

	if (!msg)
		return;
	msg->thread = worker->cfg.number;
	for (int i = 0; i < STOPPED_TRIES; i++) {
		if (tdm_queue_push(worker->cfg.to_control, msg) == TDM_OK)
			return;
		uv_sleep(RETRY_MS);
	}
	tdm_msg_free(msg);
}

static uint64_t count_of(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void log_counters(const struct tdm_worker *worker)
{
	const struct tdm_worker_counters *c = &worker->counters;

	tdm_log_info("data thread %u: connections=%" PRIu64 " handshakes=%" PRIu64 "/%" PRIu64
		     " failed, tunnels=%" PRIu64 ", protocol errors=%" PRIu64,
		worker->cfg.number, count_of(&c->accepted), count_of(&c->handshakes),
		count_of(&c->handshakes_failed), count_of(&c->tunnels_up),
		count_of(&c->protocol_errors));
	tdm_log_info("data thread %u: packets up=%" PRIu64 " down=%" PRIu64
		     " between clients=%" PRIu64 ", dropped: spoofed=%" PRIu64 " malformed=%" PRIu64
		     " policy=%" PRIu64 " no tunnel=%" PRIu64 " slow client=%" PRIu64
		     " device=%" PRIu64,
		worker->cfg.number, count_of(&c->up_packets), count_of(&c->down_packets),
		count_of(&c->peer_packets), count_of(&c->dropped_spoofed),
		count_of(&c->dropped_malformed), count_of(&c->dropped_policy),
		count_of(&c->dropped_no_tunnel), count_of(&c->dropped_full),
		count_of(&c->dropped_tun));
}

static void run(void *arg)
{
	struct tdm_worker *worker = arg;
	sigset_t all;

	/* signals are for the control thread; a broken pipe is an error code */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	uv_run(&worker->loop, UV_RUN_DEFAULT);
	log_counters(worker);
	report_stopped(worker);
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void destroy(struct tdm_worker *worker)
{
	struct tdm_msg *msg;

	uv_loop_close(&worker->loop);
	while ((msg = tdm_queue_pop(&worker->inbox)))
		tdm_msg_free(msg);
	tdm_queue_deinit(&worker->inbox);
	for (size_t i = 0; i < worker->outbox.len; i++)
		tdm_msg_free(worker->outbox.items[i]);
	free(worker->outbox.items);
	tdm_conns_deinit(&worker->conns);
	tdm_map_deinit(&worker->sessions);
	tdm_map_deinit(&worker->routes);
	tdm_outpool_deinit(&worker->outpool);
	tdm_bytes_wipe(worker, sizeof(*worker));
	free(worker);
}

static int start_handles(struct tdm_worker *worker)
{
	int error = uv_async_init(&worker->loop, &worker->wake, on_wake);

	if (error < 0)
		return error;
	uv_prepare_init(&worker->loop, &worker->flush);
	uv_timer_init(&worker->loop, &worker->retry);
	worker->wake.data = worker->flush.data = worker->retry.data = worker->tun.data = worker;
	uv_prepare_start(&worker->flush, on_flush);
	if (worker->cfg.tun_fd < 0)
		return 0;
	error = uv_poll_init(&worker->loop, &worker->tun, worker->cfg.tun_fd);
	return error < 0 ? error : uv_poll_start(&worker->tun, UV_READABLE, on_tun);
}

/* The usual soft limit of 1024 descriptors would be the limit of clients. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* When descriptors run out, so do files and the other threads' sockets: leave them some. */
static size_t conns_max(const struct tdm_worker *worker)
{
	const rlim_t kept = TDM_DESCRIPTORS_KEPT;
	size_t max = TDM_CONNS_MAX;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return max;
	limit.rlim_cur -= limit.rlim_cur > 2 * kept ? kept : limit.rlim_cur / 2;
	limit.rlim_cur /= worker->cfg.config->data_threads;
	return limit.rlim_cur < max ? limit.rlim_cur : max;
}

static void set_limits(struct tdm_worker *worker, size_t conns)
{
	struct tdm_worker_config *cfg = &worker->cfg;

	if (cfg->limits.handshake_ms == 0)
		cfg->limits.handshake_ms = TDM_HANDSHAKE_MS;
	if (cfg->limits.request_ms == 0)
		cfg->limits.request_ms = TDM_REQUEST_MS;
	if (cfg->limits.pending == 0)
		cfg->limits.pending = TDM_CONNS_PENDING_MAX;
	if (cfg->limits.pending > conns / 2)
		cfg->limits.pending = (uint32_t)(conns / 2);
}

enum tdm_err tdm_worker_start(
	const struct tdm_worker_config *config, struct tdm_worker **out, struct tdm_diag *diag)
{
	struct tdm_worker *worker = calloc(1, sizeof(*worker));
	uint64_t seed;
	size_t conns;
	int error;

	if (!worker)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "out of memory");
	tdm_random(&seed, sizeof(seed));
	worker->cfg = *config;
	tdm_turn_init(worker);
	raise_descriptor_limit();
	conns = conns_max(worker);
	set_limits(worker, conns);
	error = uv_loop_init(&worker->loop);
	if (error < 0) {
		free(worker);
		return tdm_diag_set(diag, TDM_ERR_IO, "cannot start data thread %u: %s",
			config->number, uv_strerror(error));
	}
	if (tdm_queue_init(&worker->inbox, TDM_INBOX_CAPACITY, &worker->wake) ||
		tdm_conns_init(&worker->conns, conns) || tdm_map_init(&worker->sessions, seed) ||
		tdm_map_init(&worker->routes, seed))
		error = UV_ENOMEM;
	if (!error)
		error = start_handles(worker);
	if (!error)
		error = uv_thread_create(&worker->thread, run, worker);
	if (error < 0) {
		uv_walk(&worker->loop, close_handle, NULL);
		uv_run(&worker->loop, UV_RUN_DEFAULT);
		destroy(worker);
		return tdm_diag_set(diag, TDM_ERR_IO, "cannot start data thread %u: %s",
			config->number, uv_strerror(error));
	}
	*out = worker;
	return TDM_OK;
}

void tdm_worker_join(struct tdm_worker *worker)
{
	uv_thread_join(&worker->thread);
	if (worker->cfg.tun_fd >= 0)
		close(worker->cfg.tun_fd);
	destroy(worker);
}
