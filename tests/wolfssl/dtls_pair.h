/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A DTLS 1.2 client and a server in one process, joined by two queues of datagrams that a test
 * can look into, reorder, and feed by hand. Failures end the test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wolfssl/ssl.h>

enum {
	DTLS_DATAGRAM_MAX = 2048,
	DTLS_QUEUE_MAX = 128,
	DTLS_RECORD_HEADER = 13, /* RFC 6347, 4.1 */
	DTLS_EXPLICIT_NONCE = 8, /* RFC 5288, 3 */
	DTLS_APPLICATION_DATA = 23,
};

struct dtls_datagram {
	uint8_t data[DTLS_DATAGRAM_MAX];
	size_t len;
};

struct dtls_queue {
	struct dtls_datagram items[DTLS_QUEUE_MAX];
	size_t head, count;
};

struct dtls_pair {
	WOLFSSL_CTX *client_ctx, *server_ctx;
	WOLFSSL *client, *server;
	struct dtls_queue to_client, to_server;
};

/* Handshake with one plain-PSK suite. The pair is owned by the caller: dtls_pair_free. */
struct dtls_pair *dtls_pair_new(const char *suite);
void dtls_pair_free(struct dtls_pair *pair);

/* The next datagram of a queue, taken out of it. */
struct dtls_datagram dtls_take(struct dtls_queue *queue);
void dtls_put(struct dtls_queue *queue, const struct dtls_datagram *datagram);

/* Write text as one record and take the datagram off the queue before the peer sees it. */
struct dtls_datagram dtls_capture(WOLFSSL *from, struct dtls_queue *queue, const char *text);

/* True when the next record that ssl can read is exactly text; NULL: nothing can be read. */
bool dtls_reads(WOLFSSL *ssl, const char *text);
