/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The explicit nonce of AES-GCM records (RFC 5288, 3). Our second patch
 * (node/wolfssl/0002-*.patch) drops a random draw that never reached the wire; a nonce that
 * repeats under one key would give the key stream away, so what does reach the wire is checked.
 */
#include "tests/wolfssl/dtls_pair.h"

#include <criterion/criterion.h>

enum { RECORDS = 300 };

static uint64_t explicit_nonce(const struct dtls_datagram *datagram)
{
	uint64_t nonce = 0;

	for (size_t i = 0; i < DTLS_EXPLICIT_NONCE; i++)
		nonce = nonce << 8 | datagram->data[DTLS_RECORD_HEADER + i];
	return nonce;
}

/* Returns the first nonce of this direction. */
static uint64_t check_direction(WOLFSSL *from, WOLFSSL *to, struct dtls_queue *queue)
{
	uint64_t first = 0;

	for (uint64_t i = 0; i < RECORDS; i++) {
		struct dtls_datagram datagram = dtls_capture(from, queue, "same text every time");
		uint64_t nonce = explicit_nonce(&datagram);

		if (i == 0)
			first = nonce;
		cr_assert_eq(nonce, first + i, "nonces are a counter");
		dtls_put(queue, &datagram);
		cr_assert(dtls_reads(to, "same text every time"));
	}
	return first;
}

static void check_suite(const char *suite)
{
	struct dtls_pair *pair = dtls_pair_new(suite);
	uint64_t first_sent = check_direction(pair->client, pair->server, &pair->to_server);
	uint64_t first_back = check_direction(pair->server, pair->client, &pair->to_client);

	/* The counter starts at random: seeing zero here means that it was not set. */
	cr_assert_gt(first_sent, RECORDS);
	cr_assert_gt(first_back, RECORDS);
	cr_assert_neq(first_sent, first_back);
	dtls_pair_free(pair);
}

Test(dtls_nonce, aes128_gcm_counts_up_from_a_random_start)
{
	check_suite("PSK-AES128-GCM-SHA256");
}

Test(dtls_nonce, aes256_gcm_counts_up_from_a_random_start)
{
	check_suite("PSK-AES256-GCM-SHA384");
}
