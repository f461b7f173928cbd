/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/link.h"

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfio.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	OUT_MAX = 256 * 1024, /* more waiting than this: the server takes nothing any more */
	PROBE_IDLE_S = 1,
	PROBE_INTERVAL_S = 1,
	PROBE_COUNT = 5,
};

void tdm_load_link_init(struct tdm_load_link *link, int epoll_fd, void *tag)
{
	*link = (struct tdm_load_link){ .fd = -1, .epoll_fd = epoll_fd, .tag = tag };
}

static enum tdm_err sys_failed(struct tdm_load_link *link, int code)
{
	if (!link->sys_err)
		link->sys_err = code;
	return TDM_ERR_IO;
}

static socklen_t to_sockaddr(const struct tdm_endpoint *ep, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (ep->ip.family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(ep->port);
		memcpy(&v4->sin_addr, ep->ip.addr, sizeof(v4->sin_addr));
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(ep->port);
	memcpy(&v6->sin6_addr, ep->ip.addr, sizeof(v6->sin6_addr));
	return sizeof(*v6);
}

/* Ask for the events that matter now. */
static enum tdm_err watch(struct tdm_load_link *link, int op, bool out)
{
	struct epoll_event ev = { .events = EPOLLIN, .data = { .ptr = link->tag } };

	if (op == EPOLL_CTL_MOD && out == link->want_out)
		return TDM_OK;
	if (out)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(link->epoll_fd, op, link->fd, &ev))
		return sys_failed(link, errno);
	link->want_out = out;
	return TDM_OK;
}

enum tdm_err tdm_load_link_open(struct tdm_load_link *link, const struct tdm_load_net *net)
{
	struct sockaddr_storage addr;
	socklen_t len = to_sockaddr(&net->server, &addr);
	int one = 1;

	tdm_load_link_close(link, false);
	link->sys_err = 0;
	link->eof = false;
	link->fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0)
		return sys_failed(link, errno);
	(void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(link->fd, (struct sockaddr *)&addr, len) && errno != EINPROGRESS)
		(void)sys_failed(link, errno);
	if (link->sys_err || watch(link, EPOLL_CTL_ADD, true)) {
		tdm_load_link_close(link, false);
		return TDM_ERR_IO;
	}
	return TDM_OK;
}

enum tdm_err tdm_load_link_connected(struct tdm_load_link *link, const struct tdm_load_net *net)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(link->sys_err);

	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &link->sys_err, &len) || link->sys_err)
		return TDM_ERR_IO;
	len = sizeof(peer);
	if (getpeername(link->fd, (struct sockaddr *)&peer, &len))
		return errno == ENOTCONN ? TDM_ERR_AGAIN : sys_failed(link, errno);
	link->ssl = wolfSSL_new(net->tls);
	if (!link->ssl)
		return sys_failed(link, ENOMEM);
	wolfSSL_SetIOReadCtx(link->ssl, link);
	wolfSSL_SetIOWriteCtx(link->ssl, link);
	return watch(link, EPOLL_CTL_MOD, false);
}

/* What a wolfSSL call that did not succeed means. */
static enum tdm_err tls_result(struct tdm_load_link *link, int ret)
{
	switch (wolfSSL_get_error(link->ssl, ret)) {
	case WOLFSSL_ERROR_WANT_READ:
	case WOLFSSL_ERROR_WANT_WRITE:
		return TDM_ERR_AGAIN;
	case WOLFSSL_ERROR_ZERO_RETURN:
		link->eof = true;
		return TDM_ERR_CLOSED;
	default:
		if (link->sys_err)
			return TDM_ERR_IO;
		return link->eof ? TDM_ERR_CLOSED : TDM_ERR_TLS;
	}
}

enum tdm_err tdm_load_link_handshake(struct tdm_load_link *link)
{
	int ret = wolfSSL_connect(link->ssl);

	return ret == WOLFSSL_SUCCESS ? TDM_OK : tls_result(link, ret);
}

enum tdm_err tdm_load_link_read(struct tdm_load_link *link, void *buf, size_t cap, size_t *len)
{
	int ret = wolfSSL_read(link->ssl, buf, (int)cap);

	*len = ret > 0 ? (size_t)ret : 0;
	return ret > 0 ? TDM_OK : tls_result(link, ret);
}

enum tdm_err tdm_load_link_write(struct tdm_load_link *link, const void *data, size_t len)
{
	int ret = wolfSSL_write(link->ssl, data, (int)len);

	if (ret > 0)
		return TDM_OK;
	return tls_result(link, ret) == TDM_ERR_TLS ? TDM_ERR_TLS : TDM_ERR_IO;
}

enum tdm_err tdm_load_link_flush(struct tdm_load_link *link)
{
	while (link->out_len > 0) {
		ssize_t n = send(link->fd, link->out, link->out_len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return watch(link, EPOLL_CTL_MOD, true);
		if (n < 0)
			return sys_failed(link, errno);
		link->out_len -= (size_t)n;
		memmove(link->out, link->out + n, link->out_len);
	}
	free(link->out);
	link->out = NULL;
	link->out_cap = 0;
	return watch(link, EPOLL_CTL_MOD, false);
}

void tdm_load_link_probe(struct tdm_load_link *link, bool on)
{
	const struct {
		int level, name, value;
	} opts[] = {
		{ IPPROTO_TCP, TCP_KEEPIDLE, PROBE_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, PROBE_INTERVAL_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, PROBE_COUNT },
		{ SOL_SOCKET, SO_KEEPALIVE, on },
	};

	for (size_t i = 0; i < sizeof(opts) / sizeof(opts[0]); i++)
		(void)setsockopt(link->fd, opts[i].level, opts[i].name, &opts[i].value,
			sizeof(opts[i].value));
}

void tdm_load_link_finish(struct tdm_load_link *link)
{
	(void)wolfSSL_shutdown(link->ssl);
	if (link->out_len == 0)
		(void)shutdown(link->fd, SHUT_WR);
}

void tdm_load_link_close(struct tdm_load_link *link, bool goodbye)
{
	if (link->ssl) {
		if (goodbye && link->fd >= 0)
			(void)wolfSSL_shutdown(link->ssl);
		wolfSSL_free(link->ssl);
	}
	if (link->fd >= 0)
		(void)close(link->fd);
	free(link->out);
	link->ssl = NULL;
	link->fd = -1;
	link->out = NULL;
	link->out_len = link->out_cap = 0;
	link->want_out = false;
}

enum tdm_load_why tdm_load_link_why(const struct tdm_load_link *link)
{
	switch (link->sys_err) {
	case 0:
		return link->eof ? TDM_LOAD_WHY_fin : TDM_LOAD_WHY_tls;
	case ECONNREFUSED:
		return TDM_LOAD_WHY_refused;
	case ECONNRESET:
	case ECONNABORTED:
	case EPIPE:
		return TDM_LOAD_WHY_rst;
	case ETIMEDOUT:
		return TDM_LOAD_WHY_silent;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
		return TDM_LOAD_WHY_unreachable;
	default:
		return TDM_LOAD_WHY_local;
	}
}

int tdm_load_link_recv(struct WOLFSSL *ssl, char *buf, int size, void *ctx)
{
	struct tdm_load_link *link = ctx;
	ssize_t n;

	(void)ssl;
	do
		n = recv(link->fd, buf, (size_t)size, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return (int)n;
	if (n == 0) {
		link->eof = true;
		return WOLFSSL_CBIO_ERR_CONN_CLOSE;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	(void)sys_failed(link, errno);
	return WOLFSSL_CBIO_ERR_GENERAL;
}

static enum tdm_err keep(struct tdm_load_link *link, const char *buf, size_t len)
{
	if (len > OUT_MAX - link->out_len)
		return sys_failed(link, ETIMEDOUT);
	if (link->out_len + len > link->out_cap) {
		uint8_t *bigger = realloc(link->out, link->out_len + len);

		if (!bigger)
			return sys_failed(link, ENOMEM);
		link->out = bigger;
		link->out_cap = link->out_len + len;
	}
	memcpy(link->out + link->out_len, buf, len);
	link->out_len += len;
	return watch(link, EPOLL_CTL_MOD, true);
}

int tdm_load_link_send(struct WOLFSSL *ssl, char *buf, int size, void *ctx)
{
	struct tdm_load_link *link = ctx;
	ssize_t n = 0;

	(void)ssl;
	if (link->out_len == 0) {
		do
			n = send(link->fd, buf, (size_t)size, MSG_NOSIGNAL);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
			(void)sys_failed(link, errno);
			return WOLFSSL_CBIO_ERR_GENERAL;
		}
		n = n < 0 ? 0 : n;
	}
	if (n < size && keep(link, buf + n, (size_t)(size - n)))
		return WOLFSSL_CBIO_ERR_GENERAL;
	return size;
}
