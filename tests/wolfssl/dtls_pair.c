/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/wolfssl/dtls_pair.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { HANDSHAKE_ROUNDS = 20, PSK_LEN = 32 };

static void queue_push(struct dtls_queue *queue, const void *data, size_t len)
{
	struct dtls_datagram *slot;

	cr_assert_lt(queue->count, (size_t)DTLS_QUEUE_MAX);
	cr_assert_leq(len, (size_t)DTLS_DATAGRAM_MAX);
	slot = &queue->items[(queue->head + queue->count++) % DTLS_QUEUE_MAX];
	memcpy(slot->data, data, len);
	slot->len = len;
}

static int send_datagram(WOLFSSL *ssl, char *buf, int len, void *ctx)
{
	(void)ssl;
	queue_push(ctx, buf, (size_t)len);
	return len;
}

static int receive_datagram(WOLFSSL *ssl, char *buf, int len, void *ctx)
{
	struct dtls_queue *queue = ctx;
	struct dtls_datagram datagram;

	(void)ssl;
	if (queue->count == 0)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	datagram = dtls_take(queue);
	cr_assert_leq(datagram.len, (size_t)len);
	memcpy(buf, datagram.data, datagram.len);
	return (int)datagram.len;
}

static unsigned client_psk(WOLFSSL *ssl, const char *hint, char *identity, unsigned identity_max,
	unsigned char *key, unsigned key_max)
{
	(void)ssl;
	(void)hint;
	cr_assert_geq(identity_max, sizeof("psk"));
	cr_assert_geq(key_max, (unsigned)PSK_LEN);
	memcpy(identity, "psk", sizeof("psk"));
	memset(key, 0x5a, PSK_LEN);
	return PSK_LEN;
}

static unsigned server_psk(WOLFSSL *ssl, const char *identity, unsigned char *key, unsigned key_max)
{
	(void)ssl;
	cr_assert_str_eq(identity, "psk");
	cr_assert_geq(key_max, (unsigned)PSK_LEN);
	memset(key, 0x5a, PSK_LEN);
	return PSK_LEN;
}

static WOLFSSL *new_side(
	WOLFSSL_CTX *ctx, const char *suite, struct dtls_queue *in, struct dtls_queue *out)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(4433) };
	WOLFSSL *ssl;

	cr_assert_eq(wolfSSL_CTX_set_cipher_list(ctx, suite), WOLFSSL_SUCCESS);
	wolfSSL_CTX_SetIORecv(ctx, receive_datagram);
	wolfSSL_CTX_SetIOSend(ctx, send_datagram);
	ssl = wolfSSL_new(ctx);
	cr_assert_not_null(ssl);
	wolfSSL_SetIOReadCtx(ssl, in);
	wolfSSL_SetIOWriteCtx(ssl, out);
	wolfSSL_dtls_set_using_nonblock(ssl, 1);
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(wolfSSL_dtls_set_peer(ssl, &peer, sizeof(peer)), WOLFSSL_SUCCESS);
	return ssl;
}

static bool step(WOLFSSL *ssl, int result)
{
	if (result == WOLFSSL_SUCCESS)
		return true;
	cr_assert_eq(wolfSSL_get_error(ssl, result), WOLFSSL_ERROR_WANT_READ,
		"handshake failed with %d", wolfSSL_get_error(ssl, result));
	return false;
}

static void handshake(struct dtls_pair *pair)
{
	bool client = false, server = false;

	for (int i = 0; i < HANDSHAKE_ROUNDS && !(client && server); i++) {
		client = client || step(pair->client, wolfSSL_connect(pair->client));
		server = server || step(pair->server, wolfSSL_accept(pair->server));
	}
	cr_assert(client && server, "no handshake after %d rounds", HANDSHAKE_ROUNDS);
	cr_assert_eq(pair->to_client.count + pair->to_server.count, 0);
}

struct dtls_pair *dtls_pair_new(const char *suite)
{
	struct dtls_pair *pair = calloc(1, sizeof(*pair));

	cr_assert_not_null(pair);
	cr_assert_eq(wolfSSL_Init(), WOLFSSL_SUCCESS);
	pair->client_ctx = wolfSSL_CTX_new(wolfDTLSv1_2_client_method());
	pair->server_ctx = wolfSSL_CTX_new(wolfDTLSv1_2_server_method());
	cr_assert(pair->client_ctx && pair->server_ctx);
	wolfSSL_CTX_set_psk_client_callback(pair->client_ctx, client_psk);
	wolfSSL_CTX_set_psk_server_callback(pair->server_ctx, server_psk);
	pair->client = new_side(pair->client_ctx, suite, &pair->to_client, &pair->to_server);
	pair->server = new_side(pair->server_ctx, suite, &pair->to_server, &pair->to_client);
	cr_assert_eq(wolfSSL_DTLS_SetCookieSecret(pair->server, NULL, 0), 0);
	handshake(pair);
	return pair;
}

void dtls_pair_free(struct dtls_pair *pair)
{
	wolfSSL_free(pair->client);
	wolfSSL_free(pair->server);
	wolfSSL_CTX_free(pair->client_ctx);
	wolfSSL_CTX_free(pair->server_ctx);
	wolfSSL_Cleanup();
	free(pair);
}

struct dtls_datagram dtls_take(struct dtls_queue *queue)
{
	struct dtls_datagram datagram;

	cr_assert_gt(queue->count, 0);
	datagram = queue->items[queue->head];
	queue->head = (queue->head + 1) % DTLS_QUEUE_MAX;
	queue->count--;
	return datagram;
}

void dtls_put(struct dtls_queue *queue, const struct dtls_datagram *datagram)
{
	queue_push(queue, datagram->data, datagram->len);
}

struct dtls_datagram dtls_capture(WOLFSSL *from, struct dtls_queue *queue, const char *text)
{
	struct dtls_datagram datagram;
	int len = (int)strlen(text);

	cr_assert_eq(queue->count, 0);
	cr_assert_eq(wolfSSL_write(from, text, len), len);
	datagram = dtls_take(queue);
	cr_assert_eq(queue->count, 0, "one write, one datagram");
	cr_assert_gt(datagram.len, (size_t)DTLS_RECORD_HEADER + DTLS_EXPLICIT_NONCE);
	cr_assert_eq(datagram.data[0], DTLS_APPLICATION_DATA);
	return datagram;
}

bool dtls_reads(WOLFSSL *ssl, const char *text)
{
	char buf[DTLS_DATAGRAM_MAX];
	int got = wolfSSL_read(ssl, buf, sizeof(buf));

	if (got <= 0) {
		cr_assert_eq(wolfSSL_get_error(ssl, got), WOLFSSL_ERROR_WANT_READ,
			"read failed with %d", wolfSSL_get_error(ssl, got));
		return text == NULL;
	}
	return text && (size_t)got == strlen(text) && memcmp(buf, text, (size_t)got) == 0;
}
