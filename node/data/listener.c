/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/clock.h"
#include "node/data/internal.h"
#include "node/log.h"

static socklen_t to_sockaddr(const struct tdm_ip *ip, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (ip->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, ip->addr, sizeof(in->sin_addr));
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, ip->addr, sizeof(in6->sin6_addr));
	return sizeof(*in6);
}

static bool set_option(int fd, int level, int name)
{
	int on = 1;

	return setsockopt(fd, level, name, &on, sizeof(on)) == 0;
}

/* Bound while the address is still another node's (FREEBIND): a takeover finds the socket open. */
static int make_socket(const struct tdm_worker *worker, const struct tdm_ip *ip, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = to_sockaddr(ip, port, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool shared = worker->cfg.config->data_threads > 1;
	bool ok = fd >= 0 && set_option(fd, SOL_SOCKET, SO_REUSEADDR) &&
		  (!shared || set_option(fd, SOL_SOCKET, SO_REUSEPORT));

	if (ok && ip->family == 4)
		ok = set_option(fd, IPPROTO_IP, IP_FREEBIND);
	else if (ok)
		ok = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) &&
		     set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND);
	if (ok && bind(fd, (const struct sockaddr *)&sa, len) == 0)
		return fd;
	if (fd >= 0) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return -1;
}

static void on_connection(uv_stream_t *server, int status)
{
	struct tdm_listener *listener = server->data;

	if (status < 0) {
		if (tdm_log_may(&listener->worker->complaints, "protocol errors", tdm_clock_ms()))
			tdm_log_warning("cannot accept a connection: %s", uv_strerror(status));
		return;
	}
	if (tdm_conn_accept(listener) == TDM_ERR_FULL)
		listener->paused = true;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* Takes fd. */
static struct tdm_listener *listener_new(
	struct tdm_worker *worker, tdm_member_id member, int fd, int *error)
{
	struct tdm_listener *listener = calloc(1, sizeof(*listener));

	*error = UV_ENOMEM;
	if (!listener) {
		close(fd);
		return NULL;
	}
	listener->worker = worker;
	listener->member = member;
	uv_tcp_init(&worker->loop, &listener->tcp);
	listener->tcp.data = listener;
	*error = uv_tcp_open(&listener->tcp, fd);
	if (*error < 0)
		close(fd);
	else
		*error =
			uv_listen((uv_stream_t *)&listener->tcp, TDM_LISTEN_BACKLOG, on_connection);
	if (*error < 0) {
		uv_close((uv_handle_t *)&listener->tcp, on_closed);
		return NULL;
	}
	return listener;
}

static enum tdm_err open_one(struct tdm_worker *worker, const struct tdm_config_member *member,
	const struct tdm_ip *ip, struct tdm_diag *diag)
{
	struct tdm_endpoint ep = { .ip = *ip, .port = member->port };
	char text[TDM_ADDR_TEXT_MAX + 8];
	struct tdm_listener *listener = NULL;
	int error;
	int fd = make_socket(worker, ip, member->port);

	if (fd < 0)
		error = uv_translate_sys_error(errno);
	else
		listener = listener_new(worker, member->id, fd, &error);
	if (!listener) {
		tdm_endpoint_text(&ep, text);
		return tdm_diag_set(diag, error == UV_EACCES ? TDM_ERR_PERM : TDM_ERR_IO,
			"member %s: cannot listen on %s: %s", member->name, text,
			uv_strerror(error));
	}
	listener->next = worker->listeners;
	worker->listeners = listener;
	return TDM_OK;
}

enum tdm_err tdm_listeners_open(struct tdm_worker *worker, tdm_member_id id, struct tdm_diag *diag)
{
	const struct tdm_config_member *member = tdm_worker_member(worker, id);
	enum tdm_err err = TDM_OK;

	if (!member)
		return tdm_diag_set(diag, TDM_ERR_NOT_FOUND, "there is no member %u", id);
	for (const struct tdm_listener *l = worker->listeners; l; l = l->next)
		if (l->member == id)
			return TDM_OK;
	for (size_t i = 0; !err && i < member->outside_len; i++)
		err = open_one(worker, member, &member->outside[i].ip, diag);
	if (err)
		tdm_listeners_close(worker, id);
	return err;
}

void tdm_listeners_close(struct tdm_worker *worker, tdm_member_id member)
{
	struct tdm_listener **at = &worker->listeners;

	while (*at) {
		struct tdm_listener *listener = *at;

		if (member && listener->member != member) {
			at = &listener->next;
			continue;
		}
		*at = listener->next;
		uv_close((uv_handle_t *)&listener->tcp, on_closed);
	}
}

void tdm_listeners_resume(struct tdm_worker *worker)
{
	for (struct tdm_listener *l = worker->listeners; l; l = l->next) {
		if (!l->paused)
			continue;
		l->paused = false; /* a connection that fails at once comes here again */
		if (tdm_conn_accept(l) == TDM_ERR_FULL)
			l->paused = true;
	}
}
