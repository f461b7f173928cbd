/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <wolfssl/ssl.h>

#include "proto/cstp.h"
#include "tests/unit/node/data_fixture.h"

struct client {
	int fd;
	WOLFSSL_CTX *ctx;
	WOLFSSL *ssl;
};

int client_raw(struct fixture *f)
{
	struct timeval timeout = { .tv_sec = FIXTURE_WAIT_MS / 1000 };
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(FIXTURE_PORT) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(inet_pton(AF_INET, fixture_address(f), &sa.sin_addr), 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	cr_assert_eq(
		connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0, "connect: %s", strerror(errno));
	return fd;
}

struct client *client_open(struct fixture *f)
{
	return client_open_after(f, -1);
}

static struct client *client_new(struct fixture *f)
{
	struct client *c = calloc(1, sizeof(*c));

	cr_assert_not_null(c);
	c->fd = client_raw(f);
	c->ctx = wolfSSL_CTX_new(wolfSSLv23_client_method());
	wolfSSL_CTX_set_verify(c->ctx, WOLFSSL_VERIFY_NONE, NULL);
	c->ssl = wolfSSL_new(c->ctx);
	wolfSSL_set_fd(c->ssl, c->fd);
	return c;
}

struct client *client_open_after(struct fixture *f, int fd)
{
	struct client *c = client_new(f);

	if (fd >= 0)
		close(fd);
	cr_assert_eq(wolfSSL_connect(c->ssl), WOLFSSL_SUCCESS);
	return c;
}

void client_open_all(struct fixture *f, struct client **out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int flags;

		out[i] = client_new(f);
		flags = fcntl(out[i]->fd, F_GETFL);
		fcntl(out[i]->fd, F_SETFL, flags | O_NONBLOCK);
		(void)wolfSSL_connect(out[i]->ssl);
		fcntl(out[i]->fd, F_SETFL, flags);
	}
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(wolfSSL_connect(out[i]->ssl), WOLFSSL_SUCCESS, "client %zu", i);
}

void client_close(struct client *c)
{
	wolfSSL_free(c->ssl);
	wolfSSL_CTX_free(c->ctx);
	close(c->fd);
	free(c);
}

void client_send(struct client *c, const void *data, size_t len)
{
	cr_assert_eq(wolfSSL_write(c->ssl, data, (int)len), (int)len);
}

bool client_has_news(struct client *c, int wait_ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	return poll(&p, 1, wait_ms) > 0;
}

void client_get(struct client *c, const char *method, const char *path, const char *headers)
{
	char text[4096];
	int n = snprintf(text, sizeof(text),
		"%s %s HTTP/1.1\r\nHost: gateway.test\r\nUser-Agent: " FIXTURE_AGENT "\r\n%s\r\n",
		method, path, headers);

	client_send(c, text, (size_t)n);
}

void client_post(struct client *c, const char *path, const char *type, const char *body)
{
	char text[8192];
	int n = snprintf(text, sizeof(text),
		"POST %s HTTP/1.1\r\nHost: gateway.test\r\nUser-Agent: " FIXTURE_AGENT "\r\n"
		"Content-Type: %s\r\nContent-Length: %zu\r\nX-Pad: 0000\r\n\r\n%s",
		path, type, strlen(body), body);

	client_send(c, text, (size_t)n);
}

unsigned client_reply(struct client *c, char reply[FIXTURE_REPLY_MAX])
{
	size_t len = 0, body = 0;
	char *end = NULL, *field;
	unsigned status = 0;

	reply[0] = '\0';
	while (!(end = strstr(reply, "\r\n\r\n")) || len < (size_t)(end + 4 - reply) + body) {
		int n = wolfSSL_read(c->ssl, reply + len, (int)(FIXTURE_REPLY_MAX - 1 - len));

		cr_assert_gt(n, 0, "no whole reply, only: %s", reply);
		len += (size_t)n;
		reply[len] = '\0';
		field = strstr(reply, "Content-Length: ");
		if (field)
			body = strtoul(field + strlen("Content-Length: "), NULL, 10);
	}
	cr_assert_eq(sscanf(reply, "HTTP/1.1 %u ", &status), 1, "%s", reply);
	return status;
}

bool client_sees_end(struct client *c)
{
	char byte;
	int n = wolfSSL_read(c->ssl, &byte, 1);

	return n <= 0 && wolfSSL_get_error(c->ssl, n) != WOLFSSL_ERROR_WANT_READ;
}

unsigned client_connect(struct client *c, const char *token, char reply[FIXTURE_REPLY_MAX])
{
	char headers[512];

	snprintf(headers, sizeof(headers),
		"Cookie: webvpn=%s\r\nX-CSTP-Version: 1\r\nX-CSTP-Hostname: laptop\r\n"
		"X-CSTP-Base-MTU: 1500\r\nX-CSTP-MTU: 1390\r\nX-CSTP-Address-Type: IPv4\r\n",
		token);
	client_get(c, "CONNECT", "/CSCOSSLC/tunnel", headers);
	return client_reply(c, reply);
}

void client_frame(struct client *c, uint8_t type, const void *payload, size_t len)
{
	uint8_t frame[TDM_CSTP_RECORD_MAX];

	tdm_cstp_write_header(frame, (enum tdm_cstp_type)type, (uint16_t)len);
	if (len > 0)
		memcpy(frame + TDM_CSTP_HEADER_LEN, payload, len);
	client_send(c, frame, TDM_CSTP_HEADER_LEN + len);
}

size_t client_read_frame(struct client *c, uint8_t *type, void *payload, size_t cap)
{
	uint8_t record[TDM_CSTP_RECORD_MAX];
	struct tdm_cstp_frame frame;
	int n = wolfSSL_read(c->ssl, record, (int)sizeof(record));

	cr_assert_gt(n, 0, "no frame came");
	cr_assert_eq(tdm_cstp_parse_header(record, (size_t)n, &frame), TDM_OK);
	cr_assert_leq(frame.len, cap);
	*type = frame.type;
	memcpy(payload, frame.payload, frame.len);
	return frame.len;
}

size_t make_packet(uint8_t *out, const char *src, const char *dst, const char *text)
{
	size_t len = 20 + strlen(text);

	memset(out, 0, 20);
	out[0] = 0x45;
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
	out[8] = 64;
	out[9] = 253; /* for experiments, RFC 3692 */
	cr_assert_eq(inet_pton(AF_INET, src, out + 12), 1);
	cr_assert_eq(inet_pton(AF_INET, dst, out + 16), 1);
	memcpy(out + 20, text, strlen(text));
	return len;
}
