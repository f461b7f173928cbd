/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/cluster_thread.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/clock.h"
#include "node/log.h"
#include "node/thread.h"

enum {
	SEND_BACKLOG = 16384, /* messages */
	CONNECT_PAUSE_MS = 50,
	RETRY_MS = 1, /* flow control, or the control thread is behind */
	/* An acknowledgement is a message like any. While messages come one by one, quickly, so
	 * many ends of batches are told at once, the next one after a pause. */
	BATCHES_AT_ONCE = 2,
	BATCH_PAUSE_MS = 1,
	EXISTS_PATIENCE_MS = 2000, /* until a predecessor's membership is gone */
	STOP_PATIENCE_MS = 1000,
	/* Once in many restarts of corosync a connection made meanwhile was left without an answer
	 * for minutes while others got theirs: one such must not fence the node. */
	PROBES = 2,
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
};

struct outgoing {
	uint32_t connection;
	size_t len;
	uint8_t data[];
};

struct tdm_cluster_thread {
	struct tdm_cluster_thread_config config;
	char *cluster_name;
	struct tdm_thread group, probes[PROBES];
	atomic_bool stopping, rejoin;

	/* the group thread's own from here on, but for the writer's end of outbox */
	uv_loop_t loop;
	uv_async_t wake;
	uv_timer_t connect_timer, retry_timer, batch_timer;
	unsigned batches; /* ends told since batch_timer was started */
	bool batch_held;
	struct tdm_queue outbox;
	struct outgoing *unsent;                        /* refused by flow control */
	struct tdm_cluster_msg *held_first, *held_last; /* the control thread is behind */
	struct tdm_cpg *cpg;
	uv_poll_t *polls[2];
	bool polling;
	uint32_t connection;
	tdm_ms trying_since;
};

/* --- to the control thread --- */

static void retry_later(struct tdm_cluster_thread *t);

static struct tdm_cluster_msg *new_msg(
	struct tdm_cluster_thread *t, enum tdm_cluster_msg_kind kind, size_t data_len)
{
	struct tdm_cluster_msg *msg = malloc(sizeof(*msg) + data_len);

	/* A hole in the order of events would be worse than a crash, which the peer can handle. */
	if (!msg) {
		tdm_log_error("cluster: %s", tdm_err_text(TDM_ERR_NOMEM));
		abort();
	}
	msg->kind = kind;
	msg->connection = t->connection;
	msg->next = NULL;
	return msg;
}

static void hand_over(struct tdm_cluster_thread *t, struct tdm_cluster_msg *msg)
{
	if (!t->held_first && tdm_queue_push(t->config.to_control, msg) == TDM_OK)
		return;
	if (t->held_first)
		t->held_last->next = msg;
	else
		t->held_first = msg;
	t->held_last = msg;
	retry_later(t);
}

static void hand_over_held(struct tdm_cluster_thread *t)
{
	while (t->held_first) {
		struct tdm_cluster_msg *msg = t->held_first;
		struct tdm_cluster_msg *next = msg->next;

		if (tdm_queue_push(t->config.to_control, msg) != TDM_OK)
			return;
		t->held_first = next;
	}
}

static void hand_over_event(struct tdm_cluster_thread *t, const struct tdm_event *event)
{
	size_t len = event->kind == TDM_EVENT_MESSAGE ? event->message.len : 0;
	struct tdm_cluster_msg *msg = new_msg(t, TDM_CLUSTER_EVENT, len);

	msg->event = *event;
	if (event->kind == TDM_EVENT_MESSAGE) {
		if (len > 0)
			memcpy(msg->data, event->message.data, len);
		msg->event.message.data = msg->data;
	}
	hand_over(t, msg);
}

static void on_batch_timer(uv_timer_t *timer)
{
	struct tdm_cluster_thread *t = timer->data;

	t->batches = 0;
	if (!t->batch_held)
		return;
	t->batch_held = false;
	t->batches = 1;
	hand_over_event(t, &(struct tdm_event){ .kind = TDM_EVENT_BATCH_END });
	uv_timer_start(timer, on_batch_timer, BATCH_PAUSE_MS, 0);
}

static void on_event(void *ctx, const struct tdm_event *event)
{
	struct tdm_cluster_thread *t = ctx;

	if (event->kind == TDM_EVENT_BATCH_END) {
		t->batch_held = t->batches == BATCHES_AT_ONCE;
		if (t->batch_held)
			return;
		if (!t->batches++)
			uv_timer_start(&t->batch_timer, on_batch_timer, BATCH_PAUSE_MS, 0);
	}
	hand_over_event(t, event);
}

/* --- connection --- */

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void disconnect(struct tdm_cluster_thread *t)
{
	struct tdm_cluster_msg *msg;

	/* The library closes the descriptors: stop polling them first. */
	for (size_t i = 0; i < sizeof(t->polls) / sizeof(t->polls[0]); i++) {
		if (t->polls[i])
			uv_close((uv_handle_t *)t->polls[i], free_handle);
		t->polls[i] = NULL;
	}
	t->polling = false;
	t->batch_held = false;
	if (!t->cpg)
		return;
	/* Closing may take as long as corosync likes: tell first. */
	if (!atomic_load(&t->stopping)) {
		msg = new_msg(t, TDM_CLUSTER_DISCONNECTED, 0);
		msg->event = (struct tdm_event){ .kind = TDM_EVENT_DISCONNECTED };
		hand_over(t, msg);
	}
	tdm_cpg_close(t->cpg);
	t->cpg = NULL;
}

static void on_connect_timer(uv_timer_t *timer);

static void reconnect(struct tdm_cluster_thread *t)
{
	disconnect(t);
	t->trying_since = tdm_clock_ms();
	uv_timer_start(&t->connect_timer, on_connect_timer, CONNECT_PAUSE_MS, CONNECT_PAUSE_MS);
}

static void send_all(struct tdm_cluster_thread *t);

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct tdm_cluster_thread *t = poll->data;

	(void)events;
	if (status < 0 || tdm_cpg_dispatch(t->cpg) != TDM_OK)
		reconnect(t);
	else if (t->unsent)
		send_all(t); /* what was delivered made room */
}

static void set_polling(struct tdm_cluster_thread *t, bool on)
{
	if (t->polling == on || !t->cpg)
		return;
	t->polling = on;
	for (size_t i = 0; i < sizeof(t->polls) / sizeof(t->polls[0]); i++) {
		if (on)
			uv_poll_start(t->polls[i], UV_READABLE | UV_DISCONNECT, on_readable);
		else
			uv_poll_stop(t->polls[i]);
	}
}

static enum tdm_err watch(struct tdm_cluster_thread *t)
{
	int fds[2];

	tdm_cpg_fds(t->cpg, &fds[0], &fds[1]);
	for (size_t i = 0; i < sizeof(t->polls) / sizeof(t->polls[0]); i++) {
		uv_poll_t *poll = malloc(sizeof(*poll));

		if (!poll)
			return TDM_ERR_NOMEM;
		if (uv_poll_init(&t->loop, poll, fds[i]) != 0) {
			free(poll);
			return TDM_ERR_IO;
		}
		poll->data = t;
		t->polls[i] = poll;
	}
	set_polling(t, true);
	return TDM_OK;
}

/* Whether trying again can help. */
static bool is_final(const struct tdm_cluster_thread *t, enum tdm_err err)
{
	tdm_ms tried_ms = tdm_clock_ms() - t->trying_since;

	switch (err) {
	case TDM_ERR_CLUSTER_LOST:
		return t->connection == 0 && tried_ms >= t->config.first_connect_ms;
	case TDM_ERR_EXISTS:
		return tried_ms >= EXISTS_PATIENCE_MS;
	default:
		return true;
	}
}

static void on_connect_timer(uv_timer_t *timer)
{
	struct tdm_cluster_thread *t = timer->data;
	struct tdm_cluster_msg *msg;
	struct tdm_diag diag = { 0 };
	enum tdm_err err;

	if (atomic_load(&t->stopping))
		return;
	err = tdm_cpg_open(&t->config.cpg, on_event, t, &t->cpg, &diag);
	if (err && !is_final(t, err))
		return;
	uv_timer_stop(timer);
	if (err) {
		msg = new_msg(t, TDM_CLUSTER_FAILED, 0);
		msg->diag = diag;
		hand_over(t, msg);
		return;
	}
	t->connection++;
	atomic_store(&t->rejoin, false);
	msg = new_msg(t, TDM_CLUSTER_CONNECTED, 0);
	msg->info = *tdm_cpg_info(t->cpg);
	hand_over(t, msg);
	if (watch(t) != TDM_OK)
		reconnect(t);
}

/* --- from the control thread --- */

/* False: flow control, or the connection is gone. */
static bool send_one(struct tdm_cluster_thread *t, struct outgoing *out)
{
	enum tdm_err err = TDM_OK;

	if (t->cpg && out->connection == t->connection)
		err = tdm_cpg_mcast(t->cpg, out->data, out->len);
	if (err == TDM_ERR_AGAIN) {
		t->unsent = out;
		retry_later(t);
		return false;
	}
	if (err == TDM_ERR_TOO_LONG)
		tdm_log_error("cluster: a message of %zu bytes was not sent: %s", out->len,
			tdm_err_text(err));
	free(out);
	if (err != TDM_ERR_CLUSTER_LOST)
		return true;
	reconnect(t);
	return false;
}

static void send_all(struct tdm_cluster_thread *t)
{
	struct outgoing *out = t->unsent;

	t->unsent = NULL;
	if (out && !send_one(t, out))
		return;
	while ((out = tdm_queue_pop(&t->outbox)))
		if (!send_one(t, out))
			return;
}

static void on_retry(uv_timer_t *timer)
{
	struct tdm_cluster_thread *t = timer->data;

	hand_over_held(t);
	send_all(t);
	set_polling(t, !t->held_first);
	if (t->held_first || t->unsent)
		retry_later(t);
}

static void retry_later(struct tdm_cluster_thread *t)
{
	if (t->held_first)
		set_polling(t, false);
	if (!uv_is_active((uv_handle_t *)&t->retry_timer))
		uv_timer_start(&t->retry_timer, on_retry, RETRY_MS, 0);
}

static void on_wake(uv_async_t *wake)
{
	struct tdm_cluster_thread *t = wake->data;

	if (atomic_load(&t->stopping)) {
		disconnect(t);
		uv_close((uv_handle_t *)&t->wake, NULL);
		uv_close((uv_handle_t *)&t->connect_timer, NULL);
		uv_close((uv_handle_t *)&t->retry_timer, NULL);
		uv_close((uv_handle_t *)&t->batch_timer, NULL);
		return;
	}
	if (atomic_exchange(&t->rejoin, false) && t->cpg)
		reconnect(t);
	if (!t->unsent)
		send_all(t);
}

static void group_main(void *arg)
{
	struct tdm_cluster_thread *t = arg;

	t->trying_since = tdm_clock_ms();
	uv_timer_start(&t->connect_timer, on_connect_timer, 0, CONNECT_PAUSE_MS);
	uv_run(&t->loop, UV_RUN_DEFAULT);
}

/* --- liveness --- */

static void probe_main(void *arg)
{
	const struct timespec pause = { .tv_nsec = (long)TDM_PROBE_MS * NS_PER_MS };
	struct tdm_cluster_thread *t = arg;
	struct tdm_cpg_probe *probe = NULL;

	while (!atomic_load(&t->stopping)) {
		if (!probe && tdm_cpg_probe_open(&probe) != TDM_OK)
			probe = NULL;
		if (probe && tdm_cpg_probe_ask(probe) == TDM_OK) {
			t->config.alive(t->config.ctx);
		} else {
			tdm_cpg_probe_close(probe);
			probe = NULL;
		}
		nanosleep(&pause, NULL);
	}
	tdm_cpg_probe_close(probe);
}

/* --- start and stop --- */

static void free_thread(struct tdm_cluster_thread *t)
{
	struct outgoing *out;

	while (t->held_first) {
		struct tdm_cluster_msg *next = t->held_first->next;

		free(t->held_first);
		t->held_first = next;
	}
	free(t->unsent);
	while ((out = tdm_queue_pop(&t->outbox)))
		free(out);
	tdm_queue_deinit(&t->outbox);
	uv_loop_close(&t->loop);
	free(t->cluster_name);
	free(t);
}

static enum tdm_err prepare(
	struct tdm_cluster_thread *t, const struct tdm_cluster_thread_config *config)
{
	t->config = *config;
	t->cluster_name = strdup(config->cpg.cluster_name);
	t->config.cpg.cluster_name = t->cluster_name;
	if (!t->cluster_name || uv_loop_init(&t->loop) != 0)
		return TDM_ERR_NOMEM;
	if (uv_async_init(&t->loop, &t->wake, on_wake) != 0 ||
		tdm_queue_init(&t->outbox, SEND_BACKLOG, &t->wake) != TDM_OK)
		return TDM_ERR_NOMEM;
	uv_timer_init(&t->loop, &t->connect_timer);
	uv_timer_init(&t->loop, &t->retry_timer);
	uv_timer_init(&t->loop, &t->batch_timer);
	t->wake.data = t->connect_timer.data = t->retry_timer.data = t;
	t->batch_timer.data = t;
	return TDM_OK;
}

enum tdm_err tdm_cluster_thread_start(
	const struct tdm_cluster_thread_config *config, struct tdm_cluster_thread **out)
{
	struct tdm_cluster_thread *t = calloc(1, sizeof(*t));
	enum tdm_err err;

	if (!t)
		return TDM_ERR_NOMEM;
	/* A failure here ends the program before it began: nothing is taken apart again. */
	err = prepare(t, config);
	if (!err)
		err = tdm_thread_start(&t->group, TDM_CPG_STACK, group_main, t);
	for (size_t i = 0; !err && i < PROBES; i++)
		err = tdm_thread_start(&t->probes[i], TDM_CPG_STACK, probe_main, t);
	if (!err)
		*out = t;
	return err;
}

enum tdm_err tdm_cluster_thread_send(
	struct tdm_cluster_thread *t, uint32_t connection, const uint8_t *data, size_t len)
{
	struct outgoing *out = malloc(sizeof(*out) + len);
	enum tdm_err err;

	if (!out)
		return TDM_ERR_NOMEM;
	out->connection = connection;
	out->len = len;
	memcpy(out->data, data, len);
	err = tdm_queue_push(&t->outbox, out);
	if (err)
		free(out);
	return err;
}

void tdm_cluster_thread_rejoin(struct tdm_cluster_thread *t)
{
	atomic_store(&t->rejoin, true);
	uv_async_send(&t->wake);
}

void tdm_cluster_thread_stop(struct tdm_cluster_thread *t)
{
	struct timespec until;
	bool all;

	if (!t)
		return;
	atomic_store(&t->stopping, true);
	uv_async_send(&t->wake);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_PATIENCE_MS / MS_PER_S;
	all = tdm_thread_join(&t->group, &until);
	for (size_t i = 0; i < PROBES; i++)
		all = tdm_thread_join(&t->probes[i], &until) && all;
	if (all)
		free_thread(t);
	else
		tdm_log_warning("cluster: corosync does not answer, its threads are left behind");
}
