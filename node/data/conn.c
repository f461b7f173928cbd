/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "node/address/address.h"
#include "node/clock.h"
#include "node/data/internal.h"
#include "node/log.h"
#include "proto/bytes.h"

enum { SLOT_BITS = 16, SLOTS_START = 256 };

/* --- ids --- */

enum tdm_err tdm_conns_init(struct tdm_conns *conns, size_t max)
{
	memset(conns, 0, sizeof(*conns));
	conns->slots = calloc(SLOTS_START, sizeof(*conns->slots));
	conns->free = calloc(SLOTS_START, sizeof(*conns->free));
	conns->cap = SLOTS_START;
	conns->max = max;
	return conns->slots && conns->free ? TDM_OK : TDM_ERR_NOMEM;
}

void tdm_conns_deinit(struct tdm_conns *conns)
{
	free(conns->slots);
	free(conns->free);
	conns->slots = NULL;
	conns->free = NULL;
}

static bool grow(struct tdm_conns *conns)
{
	size_t cap = 2 * conns->cap;
	void *slots = realloc(conns->slots, cap * sizeof(*conns->slots));
	void *stack;

	if (!slots)
		return false;
	conns->slots = slots;
	stack = realloc(conns->free, cap * sizeof(*conns->free));
	if (!stack)
		return false;
	conns->free = stack;
	conns->cap = cap;
	return true;
}

static bool take_slot(struct tdm_conns *conns, struct tdm_conn *conn)
{
	size_t slot;

	if (conns->free_len > 0)
		slot = conns->free[--conns->free_len];
	else if (conns->used < conns->max && (conns->used < conns->cap || grow(conns)))
		slot = conns->used++;
	else
		return false;
	conns->slots[slot] = conn;
	conn->id = ++conns->generation << SLOT_BITS | slot;
	conns->open++;
	return true;
}

static size_t slot_of(tdm_conn_id id)
{
	return (size_t)(id & ((1u << SLOT_BITS) - 1));
}

static void release_slot(struct tdm_conns *conns, struct tdm_conn *conn)
{
	size_t slot = slot_of(conn->id);

	conns->slots[slot] = NULL;
	conns->free[conns->free_len++] = (uint32_t)slot;
	conns->open--;
}

struct tdm_conn *tdm_conn_find(const struct tdm_worker *worker, tdm_conn_id id)
{
	size_t slot = slot_of(id);
	struct tdm_conn *conn = slot < worker->conns.used ? worker->conns.slots[slot] : NULL;

	return conn && conn->id == id ? conn : NULL;
}

/* --- end --- */

bool tdm_conn_is_over(const struct tdm_conn *conn)
{
	return conn->state == TDM_CONN_DRAIN || conn->state == TDM_CONN_CLOSED;
}

static void free_prelude(struct tdm_conn *conn)
{
	if (!conn->prelude)
		return;
	tdm_http_parser_deinit(&conn->prelude->parser);
	tdm_bytes_wipe(conn->prelude, sizeof(*conn->prelude));
	free(conn->prelude);
	conn->prelude = NULL;
}

static void end_pending(struct tdm_conn *conn)
{
	if (!conn->pending)
		return;
	conn->pending = false;
	conn->worker->conns.pending--;
	tdm_listeners_resume(conn->worker);
}

void tdm_conn_settled(struct tdm_conn *conn)
{
	end_pending(conn);
	free_prelude(conn);
}

static void on_closed(uv_handle_t *handle)
{
	struct tdm_conn *conn = handle->data;
	struct tdm_worker *worker = conn->worker;

	if (--conn->handles > 0)
		return;
	tdm_outpool_put(&worker->outpool, conn->flight);
	release_slot(&worker->conns, conn);
	free(conn);
	tdm_listeners_resume(worker);
}

/* FIN and RST leave the node only from marked sockets: a connection that ends because the node
 * lost its role, or its process died, falls silent. */
static void set_mark(struct tdm_conn *conn, int mark)
{
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)&conn->tcp, &fd) == 0)
		setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

static void set_abort(struct tdm_conn *conn)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)&conn->tcp, &fd) == 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void close_now(struct tdm_conn *conn, enum tdm_conn_end how)
{
	if (how == TDM_END_SILENT) {
		/* nothing leaves for a connection in use */
		set_mark(conn, TDM_SOCKET_LIVE_MARK);
		set_abort(conn);
	} else {
		set_mark(conn, TDM_SOCKET_MARK);
		tdm_stream_flush(conn);
	}
	conn->state = TDM_CONN_CLOSED;
	tdm_turn_forget(conn);
	uv_close((uv_handle_t *)&conn->tcp, on_closed);
	uv_close((uv_handle_t *)&conn->timer, on_closed);
	tdm_stream_deinit(conn);
	free_prelude(conn);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
	/* the client's FIN, or the timer, does the rest */
	(void)req;
	(void)status;
}

/* Called again whenever some output has left. */
static void drain(struct tdm_conn *conn)
{
	if (conn->state != TDM_CONN_DRAIN) {
		conn->state = TDM_CONN_DRAIN;
		set_mark(conn, TDM_SOCKET_MARK);
		tdm_stream_goodbye(conn);
		free_prelude(conn); /* who waits for the end holds as little as possible */
		tdm_conn_deadline(conn, TDM_DRAIN_MS);
		return;
	}
	if (!conn->shut && tdm_stream_is_idle(conn)) {
		conn->shut = true;
		if (uv_shutdown(&conn->shutdown, (uv_stream_t *)&conn->tcp, on_shutdown) < 0)
			close_now(conn, TDM_END_CLOSE);
	}
}

static void log_end(const struct tdm_conn *conn, const char *why)
{
	char peer[TDM_ADDR_TEXT_MAX + 8];

	tdm_endpoint_text(&conn->remote, peer);
	tdm_log_debug("connection ends peer=%s: %s", peer, why);
}

/* What others believe about the connection must end with it. */
static void leave(struct tdm_conn *conn, const char *why)
{
	if (why && conn->state != TDM_CONN_TUNNEL)
		log_end(conn, why);
	if (conn->state == TDM_CONN_WAIT_AUTH || conn->state == TDM_CONN_WAIT_RESUME)
		tdm_worker_post(conn->worker, tdm_worker_msg(conn, TDM_MSG_CONN_CLOSED));
	else if (conn->state == TDM_CONN_TUNNEL)
		tdm_tunnel_stop(conn, why);
	end_pending(conn);
}

void tdm_conn_end(struct tdm_conn *conn, enum tdm_conn_end how, const char *why)
{
	if (conn->state == TDM_CONN_CLOSED)
		return;
	if (conn->state != TDM_CONN_DRAIN)
		leave(conn, why);
	if (how == TDM_END_DRAIN)
		drain(conn);
	else
		close_now(conn, how);
}

void tdm_conns_end(struct tdm_worker *worker, tdm_member_id member, enum tdm_conn_end how)
{
	for (size_t i = 0; i < worker->conns.used; i++) {
		struct tdm_conn *conn = worker->conns.slots[i];

		if (conn && (member == 0 || conn->member == member))
			tdm_conn_end(conn, how, "the node does not serve any more");
	}
}

void tdm_conn_complain(struct tdm_conn *conn, const char *what)
{
	char peer[TDM_ADDR_TEXT_MAX + 8];

	tdm_count(&conn->worker->counters.protocol_errors, 1);
	if (!tdm_log_may(&conn->worker->complaints, "protocol errors", tdm_clock_ms()))
		return;
	tdm_endpoint_text(&conn->remote, peer);
	tdm_log_info("protocol error peer=%s: %s", peer, what);
}

/* --- deadlines --- */

/* True when it is us who are late. */
static bool has_unread_input(const struct tdm_conn *conn)
{
	uv_os_fd_t fd;
	int len = 0;

	return uv_fileno((const uv_handle_t *)&conn->tcp, &fd) == 0 &&
	       ioctl(fd, FIONREAD, &len) == 0 && len > 0;
}

/* Strangers who only take up room get less time as it becomes scarce. */
static void newcomer_deadline(struct tdm_conn *conn, uint64_t after_ms)
{
	const struct tdm_worker *worker = conn->worker;
	bool scarce = worker->conns.pending > worker->cfg.limits.pending / 2;

	tdm_conn_deadline(conn, scarce && after_ms > TDM_HURRY_MS ? TDM_HURRY_MS : after_ms);
}

static void on_timer(uv_timer_t *timer)
{
	struct tdm_conn *conn = timer->data;

	if ((conn->state == TDM_CONN_HANDSHAKE || conn->state == TDM_CONN_REQUEST) &&
		has_unread_input(conn)) {
		tdm_conn_deadline(conn, TDM_HURRY_MS);
		return;
	}
	switch (conn->state) {
	case TDM_CONN_HANDSHAKE:
		tdm_conn_complain(conn, "TLS handshake takes too long");
		tdm_conn_end(conn, TDM_END_CLOSE, NULL);
		break;
	case TDM_CONN_REQUEST:
		if (conn->prelude->begun)
			tdm_conn_complain(conn, "HTTP request takes too long");
		tdm_conn_end(conn, TDM_END_DRAIN, NULL);
		break;
	case TDM_CONN_TUNNEL:
		tdm_tunnel_tick(conn);
		break;
	case TDM_CONN_DRAIN:
		tdm_conn_end(conn, TDM_END_CLOSE, NULL);
		break;
	case TDM_CONN_WAIT_AUTH:
	case TDM_CONN_WAIT_RESUME:
	case TDM_CONN_CLOSED:
		break;
	}
}

void tdm_conn_deadline(struct tdm_conn *conn, uint64_t after_ms)
{
	uv_timer_start(&conn->timer, on_timer, after_ms, 0);
}

void tdm_conn_await_request(struct tdm_conn *conn)
{
	conn->state = TDM_CONN_REQUEST;
	conn->prelude->begun = false;
	newcomer_deadline(conn, conn->worker->cfg.limits.request_ms);
}

/* --- begin --- */

static void endpoint_from(const struct sockaddr_storage *sa, struct tdm_endpoint *out)
{
	memset(out, 0, sizeof(*out));
	if (sa->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

		out->ip.family = 4;
		memcpy(out->ip.addr, &in->sin_addr, sizeof(in->sin_addr));
		out->port = ntohs(in->sin_port);
	} else if (sa->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

		out->ip.family = 6;
		memcpy(out->ip.addr, &in6->sin6_addr, sizeof(in6->sin6_addr));
		out->port = ntohs(in6->sin6_port);
	}
}

static enum tdm_err set_up(struct tdm_conn *conn)
{
	struct sockaddr_storage local = { 0 }, remote = { 0 };
	int local_len = (int)sizeof(local), remote_len = (int)sizeof(remote);

	if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&remote, &remote_len) < 0 ||
		uv_tcp_getsockname(&conn->tcp, (struct sockaddr *)&local, &local_len) < 0)
		return TDM_ERR_CLOSED;
	endpoint_from(&local, &conn->local);
	endpoint_from(&remote, &conn->remote);
	set_mark(conn, TDM_SOCKET_LIVE_MARK);
	uv_tcp_nodelay(&conn->tcp, 1);
	uv_tcp_keepalive(&conn->tcp, 1, TDM_TCP_KEEPALIVE_S);
	conn->prelude = calloc(1, sizeof(*conn->prelude));
	if (!conn->prelude || tdm_http_parser_init(&conn->prelude->parser))
		return TDM_ERR_NOMEM;
	return tdm_stream_init(conn);
}

enum tdm_err tdm_conn_accept(struct tdm_listener *listener)
{
	struct tdm_worker *worker = listener->worker;
	struct tdm_conn *conn;

	if (worker->conns.pending >= worker->cfg.limits.pending || !tdm_turn_accept(worker))
		return TDM_ERR_FULL;
	conn = calloc(1, sizeof(*conn));
	if (!conn || !take_slot(&worker->conns, conn)) {
		free(conn);
		return TDM_ERR_FULL;
	}
	conn->worker = worker;
	conn->member = listener->member;
	conn->pending = true;
	worker->conns.pending++;
	uv_tcp_init(&worker->loop, &conn->tcp);
	uv_timer_init(&worker->loop, &conn->timer);
	conn->tcp.data = conn->timer.data = conn;
	conn->handles = 2;
	tdm_count(&worker->counters.accepted, 1);
	if (uv_accept((uv_stream_t *)&listener->tcp, (uv_stream_t *)&conn->tcp) < 0 ||
		set_up(conn)) {
		tdm_conn_end(conn, TDM_END_CLOSE, NULL);
		return TDM_OK;
	}
	newcomer_deadline(conn, worker->cfg.limits.handshake_ms);
	tdm_stream_read_start(conn);
	return TDM_OK;
}
