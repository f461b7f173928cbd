/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wolfSSL between two memory buffers. Its receive callback takes from the ciphertext that libuv has
 * just read; its send callback appends to the connection's output, which always accepts, so that
 * no write is ever half done. Output goes to the kernel once per turn of the loop.
 */
#include <string.h>

#include <wolfssl/ssl.h>

#include "node/data/internal.h"
#include "proto/bytes.h"

/* --- output --- */

static void mark_dirty(struct tdm_conn *conn)
{
	struct tdm_worker *worker = conn->worker;

	if (conn->dirty_prev)
		return;
	conn->dirty_next = worker->dirty;
	if (worker->dirty)
		worker->dirty->dirty_prev = &conn->dirty_next;
	conn->dirty_prev = &worker->dirty;
	worker->dirty = conn;
}

static void unmark_dirty(struct tdm_conn *conn)
{
	if (!conn->dirty_prev)
		return;
	*conn->dirty_prev = conn->dirty_next;
	if (conn->dirty_next)
		conn->dirty_next->dirty_prev = conn->dirty_prev;
	conn->dirty_next = NULL;
	conn->dirty_prev = NULL;
}

static void drop_out(struct tdm_conn *conn)
{
	tdm_outpool_put(&conn->worker->outpool, conn->out);
	conn->out = NULL;
}

static void on_written(uv_write_t *req, int status)
{
	struct tdm_conn *conn = req->data;

	tdm_outpool_put(&conn->worker->outpool, conn->flight);
	conn->flight = NULL;
	if (conn->state == TDM_CONN_CLOSED)
		return;
	if (status < 0)
		conn->broken = true;
	mark_dirty(conn);
}

void tdm_stream_flush(struct tdm_conn *conn)
{
	struct tdm_outbuf *out = conn->out;
	uv_buf_t buf;
	int n;

	if (!out || out->len == 0 || conn->flight || conn->broken)
		return;
	buf = uv_buf_init((char *)out->data, (unsigned)out->len);
	n = uv_try_write((uv_stream_t *)&conn->tcp, &buf, 1);
	if (n == UV_EAGAIN)
		n = 0;
	if (n < 0 || (size_t)n == out->len) {
		conn->broken = n < 0;
		drop_out(conn);
		return;
	}
	conn->out = NULL;
	conn->flight = out;
	buf.base += n;
	buf.len -= (size_t)n;
	conn->write.data = conn;
	if (uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &buf, 1, on_written) < 0) {
		conn->broken = true;
		tdm_outpool_put(&conn->worker->outpool, out);
		conn->flight = NULL;
	}
}

/* Room for len more bytes in conn->out. */
static bool make_room(struct tdm_conn *conn, size_t len)
{
	if (conn->out && len > TDM_OUT_MAX - conn->out->len)
		tdm_stream_flush(conn);
	if (!conn->out)
		conn->out = tdm_outpool_get(&conn->worker->outpool);
	return conn->out && len <= TDM_OUT_MAX - conn->out->len;
}

static int on_send(WOLFSSL *ssl, char *data, int len, void *ctx)
{
	struct tdm_conn *conn = ctx;
	size_t n = (size_t)len;

	(void)ssl;
	mark_dirty(conn);
	if (conn->broken || !make_room(conn, n)) {
		conn->broken = true;
		return WOLFSSL_CBIO_ERR_GENERAL;
	}
	memcpy(conn->out->data + conn->out->len, data, n);
	conn->out->len += n;
	return len;
}

void tdm_stream_flush_all(struct tdm_worker *worker)
{
	while (worker->dirty) {
		struct tdm_conn *conn = worker->dirty;

		unmark_dirty(conn);
		tdm_stream_flush(conn);
		if (conn->broken || (conn->tls_failed && conn->state != TDM_CONN_DRAIN))
			tdm_conn_end(conn, TDM_END_CLOSE, "its output cannot be delivered");
		else if (conn->state == TDM_CONN_DRAIN)
			tdm_conn_end(conn, TDM_END_DRAIN, NULL);
	}
}

bool tdm_stream_is_idle(const struct tdm_conn *conn)
{
	return !conn->flight && !conn->out;
}

bool tdm_stream_has_room(const struct tdm_conn *conn)
{
	return !conn->out || conn->out->len < TDM_OUT_DATA_MAX;
}

enum tdm_err tdm_stream_write(struct tdm_conn *conn, const void *data, size_t len)
{
	if (conn->tls_failed || conn->broken || !conn->ssl)
		return TDM_ERR_CLOSED;
	if (wolfSSL_write(conn->ssl, data, (int)len) != (int)len) {
		conn->tls_failed = true;
		mark_dirty(conn);
		return TDM_ERR_CLOSED;
	}
	if (conn->out && conn->out->len >= TDM_OUT_FLUSH)
		tdm_stream_flush(conn);
	return TDM_OK;
}

static void free_tls(struct tdm_conn *conn)
{
	if (conn->ssl)
		wolfSSL_free(conn->ssl);
	conn->ssl = NULL;
}

void tdm_stream_goodbye(struct tdm_conn *conn)
{
	if (conn->ssl && !conn->tls_failed && !conn->broken && wolfSSL_is_init_finished(conn->ssl))
		wolfSSL_shutdown(conn->ssl);
	free_tls(conn);
	mark_dirty(conn);
}

/* --- input --- */

static int on_receive(WOLFSSL *ssl, char *out, int len, void *ctx)
{
	struct tdm_conn *conn = ctx;
	size_t n = (size_t)len < conn->in_len ? (size_t)len : conn->in_len;

	(void)ssl;
	if (n == 0)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	memcpy(out, conn->in, n);
	conn->in += n;
	conn->in_len -= n;
	return (int)n;
}

static void fail(struct tdm_conn *conn, int error)
{
	char text[96];

	conn->tls_failed = true;
	if (error == WOLFSSL_ERROR_ZERO_RETURN || error == SOCKET_PEER_CLOSED_E) {
		tdm_conn_end(conn, TDM_END_CLOSE, "closed by the client");
		return;
	}
	wolfSSL_ERR_error_string_n((unsigned long)error, text, sizeof(text));
	tdm_conn_complain(conn, text);
	tdm_conn_end(conn, TDM_END_DRAIN, "TLS failure"); /* the alert may still arrive */
}

static bool handshake(struct tdm_conn *conn)
{
	uint64_t since = uv_hrtime();
	int ret = wolfSSL_accept(conn->ssl);

	conn->worker->turn.handshakes_ns += uv_hrtime() - since;
	conn->answered = conn->out != NULL;
	if (ret == WOLFSSL_SUCCESS) {
		tdm_count(&conn->worker->counters.handshakes, 1);
		tdm_conn_await_request(conn);
		return true;
	}
	ret = wolfSSL_get_error(conn->ssl, ret);
	if (ret != WOLFSSL_ERROR_WANT_READ) {
		tdm_count(&conn->worker->counters.handshakes_failed, 1);
		fail(conn, ret);
	}
	return false;
}

/* What one TLS record carried. */
static void deliver(struct tdm_conn *conn, uint8_t *data, size_t len)
{
	while (len > 0 && conn->state == TDM_CONN_REQUEST) {
		size_t took = tdm_request_input(conn, data, len);

		tdm_bytes_wipe(data, took); /* requests carry passwords and tokens */
		data += took;
		len -= took;
	}
	if (len == 0 || tdm_conn_is_over(conn))
		return;
	if (conn->state == TDM_CONN_TUNNEL) {
		tdm_tunnel_record(conn, data, len);
		return;
	}
	tdm_conn_complain(conn, "more data before the answer to its request");
	tdm_conn_end(conn, TDM_END_CLOSE, "protocol error");
}

static void pump(struct tdm_conn *conn)
{
	struct tdm_worker *worker = conn->worker;

	if (conn->state == TDM_CONN_HANDSHAKE && !handshake(conn))
		return;
	while (!tdm_conn_is_over(conn)) {
		int n = wolfSSL_read(conn->ssl, worker->plain, (int)sizeof(worker->plain));

		if (n > 0) {
			deliver(conn, worker->plain, (size_t)n);
			continue;
		}
		n = wolfSSL_get_error(conn->ssl, n);
		if (n != WOLFSSL_ERROR_WANT_READ)
			fail(conn, n);
		return;
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct tdm_conn *conn = handle->data;

	(void)suggested;
	buf->base = (char *)conn->worker->cipher;
	buf->len = tdm_turn_is_over(conn) ? 0 : sizeof(conn->worker->cipher);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
	struct tdm_conn *conn = stream->data;

	if (nread == 0)
		return;
	if (nread == UV_ENOBUFS) { /* on_alloc wants the input to stay where it is */
		tdm_turn_wait(conn);
		return;
	}
	if (nread < 0) {
		tdm_conn_end(conn, TDM_END_CLOSE,
			nread == UV_EOF ? "closed by the client" : "connection lost");
		return;
	}
	if (tdm_conn_is_over(conn))
		return;
	conn->in = (const uint8_t *)buf->base;
	conn->in_len = (size_t)nread;
	pump(conn);
	conn->in = NULL;
	conn->in_len = 0;
}

void tdm_stream_read_start(struct tdm_conn *conn)
{
	uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
}

/* --- set-up --- */

enum tdm_err tdm_stream_init(struct tdm_conn *conn)
{
	conn->ssl = wolfSSL_new(tdm_tls_ctx(conn->worker->cfg.tls));
	if (!conn->ssl)
		return TDM_ERR_NOMEM;
	wolfSSL_SSLSetIORecv(conn->ssl, on_receive);
	wolfSSL_SSLSetIOSend(conn->ssl, on_send);
	wolfSSL_SetIOReadCtx(conn->ssl, conn);
	wolfSSL_SetIOWriteCtx(conn->ssl, conn);
	return TDM_OK;
}

void tdm_stream_deinit(struct tdm_conn *conn)
{
	unmark_dirty(conn);
	free_tls(conn);
	drop_out(conn);
}

const char *tdm_stream_suite(const struct tdm_conn *conn)
{
	const char *name = wolfSSL_get_cipher(conn->ssl);

	return name ? name : "";
}
