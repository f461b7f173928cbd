/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one core does in our wolfSSL: AES-GCM alone, and whole DTLS 1.2 records and handshakes
 * with plain PSK through memory. The goals hold on processors with AES-NI.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/aes.h>

enum {
	PAYLOAD = 1301, /* a full tunnel packet in a DTLS record */
	DATAGRAM_MAX = 2048,
	QUEUE_MAX = 16,
	PSK_LEN = 32,
	HANDSHAKE_ROUNDS = 20,
	MEASURE_MS = 500,
	BATCH = 8,
	AES_KEY_LEN = 16,
	AES_IV_LEN = 12,
	AES_TAG_LEN = 16,
	AES_BLOCK = 1350,
};

#define SUITE "PSK-AES128-GCM-SHA256"

struct queue {
	unsigned char data[QUEUE_MAX][DATAGRAM_MAX];
	int len[QUEUE_MAX];
	unsigned head, count;
};

struct side {
	WOLFSSL_CTX *ctx;
	WOLFSSL *ssl;
	struct queue in;
};

static struct side client, server;
static bool first = true;

static void fail(const char *what)
{
	fprintf(stderr, "bench-tls: %s failed\n", what);
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void report(const char *name, double value, const char *unit, double goal, bool less)
{
	bool ok = less ? value <= goal : value >= goal;

	printf("%s{\"name\": \"%s\", \"value\": %.0f, \"unit\": \"%s\", \"peer\": null, "
	       "\"ratio\": null, \"goal\": %.0f, \"ok\": %s}",
		first ? "" : ",\n", name, value, unit, goal, ok ? "true" : "false");
	first = false;
}

static int send_datagram(WOLFSSL *ssl, char *buf, int len, void *ctx)
{
	struct queue *queue = ctx;
	unsigned slot = (queue->head + queue->count) % QUEUE_MAX;

	(void)ssl;
	if (queue->count == QUEUE_MAX || len > DATAGRAM_MAX)
		fail("memory transport");
	memcpy(queue->data[slot], buf, (size_t)len);
	queue->len[slot] = len;
	queue->count++;
	return len;
}

static int receive_datagram(WOLFSSL *ssl, char *buf, int len, void *ctx)
{
	struct queue *queue = ctx;
	int got;

	(void)ssl;
	if (queue->count == 0)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	got = queue->len[queue->head];
	if (got > len)
		fail("memory transport");
	memcpy(buf, queue->data[queue->head], (size_t)got);
	queue->head = (queue->head + 1) % QUEUE_MAX;
	queue->count--;
	return got;
}

static unsigned client_psk(WOLFSSL *ssl, const char *hint, char *identity, unsigned identity_max,
	unsigned char *key, unsigned key_max)
{
	(void)ssl;
	(void)hint;
	if (identity_max < sizeof("psk") || key_max < PSK_LEN)
		return 0;
	memcpy(identity, "psk", sizeof("psk"));
	memset(key, 0x5a, PSK_LEN);
	return PSK_LEN;
}

static unsigned server_psk(WOLFSSL *ssl, const char *identity, unsigned char *key, unsigned key_max)
{
	(void)ssl;
	(void)identity;
	if (key_max < PSK_LEN)
		return 0;
	memset(key, 0x5a, PSK_LEN);
	return PSK_LEN;
}

static void setup_ctx(struct side *side)
{
	if (!side->ctx || wolfSSL_CTX_set_cipher_list(side->ctx, SUITE) != WOLFSSL_SUCCESS)
		fail("context");
	wolfSSL_CTX_SetIORecv(side->ctx, receive_datagram);
	wolfSSL_CTX_SetIOSend(side->ctx, send_datagram);
}

static void open_side(struct side *side, struct side *peer)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(4433) };

	side->ssl = wolfSSL_new(side->ctx);
	if (!side->ssl)
		fail("object");
	side->in.head = side->in.count = 0;
	wolfSSL_SetIOReadCtx(side->ssl, &side->in);
	wolfSSL_SetIOWriteCtx(side->ssl, &peer->in);
	wolfSSL_dtls_set_using_nonblock(side->ssl, 1);
	wolfSSL_dtls_set_peer(side->ssl, &addr, sizeof(addr));
}

static void handshake(void)
{
	int c = 0, s = 0;

	open_side(&client, &server);
	open_side(&server, &client);
	wolfSSL_DTLS_SetCookieSecret(server.ssl, NULL, 0);
	for (int i = 0; i < HANDSHAKE_ROUNDS; i++) {
		if (c != WOLFSSL_SUCCESS)
			c = wolfSSL_connect(client.ssl);
		if (s != WOLFSSL_SUCCESS)
			s = wolfSSL_accept(server.ssl);
		if (c == WOLFSSL_SUCCESS && s == WOLFSSL_SUCCESS)
			return;
	}
	fail("handshake");
}

static void close_sides(void)
{
	wolfSSL_free(client.ssl);
	wolfSSL_free(server.ssl);
}

static void bench_handshakes(void)
{
	double start = now(), end = start;
	unsigned count = 0;

	for (; (end - start) * 1000 < MEASURE_MS; end = now(), count++) {
		handshake();
		close_sides();
	}
	/* Both ends run on this core. */
	report("dtls12_psk_handshakes_both_ends", count / (end - start), "1/s", 2000, false);
}

static void bench_records(void)
{
	unsigned char payload[PAYLOAD] = { 0 }, out[DATAGRAM_MAX];
	double writing = 0, reading = 0;
	unsigned count = 0;

	handshake();
	while ((writing + reading) * 1000 < MEASURE_MS) {
		double start = now(), middle;

		for (int i = 0; i < BATCH; i++)
			if (wolfSSL_write(server.ssl, payload, PAYLOAD) != PAYLOAD)
				fail("write");
		middle = now();
		for (int i = 0; i < BATCH; i++)
			if (wolfSSL_read(client.ssl, out, sizeof(out)) != PAYLOAD)
				fail("read");
		writing += middle - start;
		reading += now() - middle;
		count += BATCH;
	}
	close_sides();
	report("dtls12_psk_aes128gcm_write", writing * 1e9 / count, "ns", 3000, true);
	report("dtls12_psk_aes128gcm_read", reading * 1e9 / count, "ns", 3000, true);
}

static void bench_aes(void)
{
	unsigned char key[AES_KEY_LEN] = { 1 }, iv[AES_IV_LEN] = { 2 }, tag[AES_TAG_LEN];
	unsigned char in[AES_BLOCK] = { 0 }, out[AES_BLOCK];
	Aes aes;
	double start, end;
	unsigned count = 0;

	if (wc_AesInit(&aes, NULL, INVALID_DEVID) != 0 ||
		wc_AesGcmSetKey(&aes, key, sizeof(key)) != 0)
		fail("AES key");
	for (start = end = now(); (end - start) * 1000 < MEASURE_MS; end = now(), count += BATCH)
		for (int i = 0; i < BATCH; i++)
			if (wc_AesGcmEncrypt(&aes, out, in, sizeof(in), iv, sizeof(iv), tag,
				    sizeof(tag), NULL, 0) != 0)
				fail("AES-GCM");
	wc_AesFree(&aes);
	report("aes128gcm_encrypt_1350", count / (end - start) * AES_BLOCK / 1e6, "MB/s", 1000,
		false);
}

int main(void)
{
	wolfSSL_Init();
	client.ctx = wolfSSL_CTX_new(wolfDTLSv1_2_client_method());
	server.ctx = wolfSSL_CTX_new(wolfDTLSv1_2_server_method());
	setup_ctx(&client);
	setup_ctx(&server);
	wolfSSL_CTX_set_psk_client_callback(client.ctx, client_psk);
	wolfSSL_CTX_set_psk_server_callback(server.ctx, server_psk);
	printf("[");
	bench_aes();
	bench_records();
	bench_handshakes();
	printf("]\n");
	wolfSSL_CTX_free(client.ctx);
	wolfSSL_CTX_free(server.ctx);
	wolfSSL_Cleanup();
	return 0;
}
