/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starts the parts in the order in which they need each other, and ends them in reverse. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/address/nudge.h"
#include "node/clock.h"
#include "node/control/internal.h"
#include "node/control/node.h"

enum { STOP_TIMEOUT_MS = 3000, STOP_POLL_MS = 5 };

/* --- the loop's own events --- */

static void stop_workers(struct tdm_node *node)
{
	for (uint32_t i = 0; i < node->workers_len; i++)
		tdm_node_to_worker(node, i, tdm_msg_new(TDM_MSG_STOP));
	node->stop_sent = true;
}

static void begin_stop(struct tdm_node *node)
{
	struct tdm_event event = { .kind = TDM_EVENT_DISCONNECTED };

	if (node->stopping)
		return;
	node->stopping = true;
	node->stop_deadline = tdm_clock_ms() + STOP_TIMEOUT_MS;
	tdm_log_info("stopping");
	tdm_node_feed(node, &event); /* lets go of addresses */
	tdm_node_cluster_stop(node); /* the standby takes over from here */
	stop_workers(node);
}

static void read_users(uv_work_t *work)
{
	struct tdm_node *node = work->data;

	node->reload.err = tdm_auth_file_reload(node->users, &node->reload.diag);
}

static void read_users_again(struct tdm_node *node);

static void on_users_read(uv_work_t *work, int status)
{
	struct tdm_node *node = work->data;

	(void)status;
	node->reload.busy = false;
	if (node->reload.err)
		tdm_log_error("users stay as they were: %s", node->reload.diag.text);
	else
		tdm_log_info("users read again");
	if (node->reload.again && !node->stopping)
		read_users_again(node);
}

/* On another thread: a long file, or a slow disk, would cost us the addresses. */
static void read_users_again(struct tdm_node *node)
{
	node->reload.again = node->reload.busy;
	if (node->reload.busy)
		return;
	node->reload.work.data = node;
	node->reload.busy =
		uv_queue_work(&node->loop, &node->reload.work, read_users, on_users_read) == 0;
}

/* The log file and the users; the rest of the configuration stays as it was read. */
static void reload(struct tdm_node *node)
{
	tdm_log_reopen();
	read_users_again(node);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct tdm_node *node = handle->data;

	if (signum == SIGHUP)
		reload(node);
	else
		begin_stop(node);
}

static void on_tick(uv_timer_t *timer)
{
	struct tdm_node *node = timer->data;
	struct tdm_event event = { .kind = TDM_EVENT_TICK };

	if (node->stopping && tdm_clock_ms() > node->stop_deadline) {
		tdm_node_fail(node, TDM_ERR_TIMEOUT, "a data thread does not end");
		return;
	}
	tdm_address_alive_control(node->address);
	if (node->must_rejoin)
		tdm_node_rejoin(node, "messages to the cluster pile up");
	else if (!node->config->cluster.none && tdm_address_is_fenced(node->address))
		tdm_node_rejoin(node, "the local corosync does not answer");
	node->must_rejoin = false;
	tdm_node_feed(node, &event);
	tdm_node_retry_held(node);
	tdm_wake_tick(node);
}

static enum tdm_err loop_start(struct tdm_node *node)
{
	static const int signums[] = { SIGTERM, SIGINT, SIGHUP };

	if (uv_loop_init(&node->loop))
		return TDM_ERR_NOMEM;
	uv_async_init(&node->loop, &node->worker_wake, tdm_node_on_workers);
	uv_async_init(&node->loop, &node->cluster_wake, tdm_node_on_cluster);
	uv_timer_init(&node->loop, &node->tick);
	node->worker_wake.data = node->cluster_wake.data = node->tick.data = node;
	for (size_t i = 0; i < sizeof(signums) / sizeof(signums[0]); i++) {
		uv_signal_init(&node->loop, &node->signals[i]);
		node->signals[i].data = node;
		uv_signal_start(&node->signals[i], on_signal, signums[i]);
	}
	return TDM_OK;
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void loop_end(struct tdm_node *node)
{
	uv_walk(&node->loop, close_handle, NULL);
	uv_run(&node->loop, UV_RUN_DEFAULT);
	uv_loop_close(&node->loop);
}

/* --- the parts --- */

static enum tdm_err start_workers(struct tdm_node *node, struct tdm_diag *diag)
{
	int fds[TDM_WORKERS_MAX];
	size_t n = node->config->data_threads;
	enum tdm_err err = tdm_tun_open(TDM_TUN_NAME, n, fds, diag);

	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		struct tdm_worker_config wc = { .number = (uint32_t)i,
			.config = node->config,
			.tls = node->tls,
			.tun_fd = fds[i],
			.to_control = &node->from_worker[i] };

		err = tdm_queue_init(&node->from_worker[i], TDM_WORKER_QUEUE, &node->worker_wake);
		if (!err)
			err = tdm_worker_start(&wc, &node->workers[i], diag);
		if (err) {
			for (size_t rest = i; rest < n; rest++)
				close(fds[rest]);
			return err;
		}
		node->workers_len++;
	}
	return TDM_OK;
}

static void open_listeners(struct tdm_node *node)
{
	for (size_t i = 0; i < node->config->members_len; i++) {
		tdm_member_id id = node->config->members[i].id;
		struct tdm_msg msg = { .kind = TDM_MSG_SERVE, .member = id };

		msg.serve = (struct tdm_msg_serve){ .member = id, .on = true };
		tdm_node_to_all_workers(node, &msg);
	}
}

static enum tdm_err start_auth(struct tdm_node *node, struct tdm_diag *diag)
{
	struct tdm_auth_pool_config pc = { .loop = &node->loop,
		.threads = node->config->auth.threads,
		.queue = node->config->auth.queue,
		.done = tdm_node_auth_done,
		.ctx = node };
	enum tdm_err err = tdm_auth_file_new(node->config->auth.file, &node->users, diag);

	if (err)
		return err;
	pc.backend = tdm_auth_file_backend(node->users);
	node->auth_method = pc.backend.method;
	return tdm_auth_pool_new(&pc, &node->auth, diag);
}

static enum tdm_err start_socket(struct tdm_node *node, struct tdm_diag *diag)
{
	struct tdm_control_config cc = { .loop = &node->loop,
		.config = node->config,
		.version = TANDEM_VERSION,
		.ops = tdm_node_control_ops(),
		.ctx = node };

	return tdm_control_socket_new(&cc, &node->socket, diag);
}

static enum tdm_err start(struct tdm_node *node, struct tdm_diag *diag)
{
	const struct tdm_config *config = node->config;
	enum tdm_err err;

	err = tdm_node_journal_open(node, diag);
	if (!err)
		err = tdm_tls_new(config->tls.certificate, config->tls.key, &node->tls, diag);
	if (!err)
		err = start_auth(node, diag);
	if (!err)
		err = start_socket(node, diag);
	if (!err)
		err = tdm_address_new(config, &node->address, diag);
	if (!err)
		err = tdm_nudge_open(&node->nudge_fd, diag);
	if (!err)
		err = tdm_take_init(node, diag);
	if (!err)
		err = start_workers(node, diag);
	if (!err)
		err = tdm_node_cluster_start(node, diag);
	return err;
}

/* Take what the data threads still say; true when each has said that it is through. */
static bool workers_stopped(struct tdm_node *node)
{
	for (size_t i = 0; i < node->workers_len; i++) {
		struct tdm_msg *msg;

		while ((msg = tdm_queue_pop(&node->from_worker[i]))) {
			node->workers_stopped += msg->kind == TDM_MSG_STOPPED;
			tdm_msg_free(msg);
		}
	}
	return node->workers_stopped >= node->workers_len;
}

/* A thread that hangs cannot be ended, and waiting for it would keep the daemon from being started
 * anew. The addresses are gone by now. */
static void wait_for_workers(struct tdm_node *node)
{
	while (!workers_stopped(node)) {
		if (tdm_clock_ms() > node->stop_deadline) {
			tdm_log_error("a data thread hangs: the daemon ends without it");
			_exit(EXIT_FAILURE);
		}
		uv_sleep(STOP_POLL_MS);
	}
}

/* Everything that start made, in reverse; also after a start that got only half way. */
static void end(struct tdm_node *node)
{
	if (!node->stopping) {
		node->stopping = true;
		tdm_node_cluster_stop(node);
		node->stop_deadline = tdm_clock_ms() + STOP_TIMEOUT_MS;
		stop_workers(node);
	}
	if (node->address)
		tdm_address_free(node->address);
	wait_for_workers(node);
	for (size_t i = 0; i < node->workers_len; i++)
		tdm_worker_join(node->workers[i]);
	for (size_t i = 0; i < node->workers_len; i++) {
		struct tdm_msg *msg;

		while ((msg = tdm_queue_pop(&node->from_worker[i])))
			tdm_msg_free(msg);
		tdm_queue_deinit(&node->from_worker[i]);
	}
	tdm_node_journal_stop(node);
	if (node->socket)
		tdm_control_socket_free(node->socket);
	if (node->auth)
		tdm_auth_pool_free(node->auth);
	for (tdm_member_id m = 0; m <= node->config->members_len; m++)
		tdm_node_forget_requests(node, m);
	for (size_t i = 0; i < node->config->members_len; i++)
		tdm_wake_stop(node, node->config->members[i].id);
	tdm_take_deinit(node);
	if (node->nudge_fd >= 0)
		close(node->nudge_fd);
	tdm_tls_free(node->tls);
	tdm_cluster_free(node->core);
	tdm_actions_deinit(&node->actions);
	explicit_bzero(node->key, sizeof(node->key));
}

enum tdm_err tdm_node_run(const struct tdm_config *config, struct tdm_diag *diag)
{
	struct tdm_node *node = calloc(1, sizeof(*node));
	enum tdm_err err;

	if (!node)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "out of memory");
	node->config = config;
	node->diag = diag;
	node->loop_tail = &node->loop_head;
	node->nudge_fd = node->probe_fd = -1;
	tdm_actions_init(&node->actions);
	err = loop_start(node);
	if (!err) {
		err = start(node, diag);
		if (!err) {
			open_listeners(node);
			uv_timer_start(&node->tick, on_tick, TDM_TICK_MS, TDM_TICK_MS);
			uv_run(&node->loop, UV_RUN_DEFAULT);
			err = node->result;
		}
		end(node);
		loop_end(node); /* waits for users that are being read */
		tdm_auth_file_free(node->users);
	}
	if (err)
		tdm_log_error("%s", diag->text);
	else
		tdm_log_info("ended");
	free(node);
	return err;
}
