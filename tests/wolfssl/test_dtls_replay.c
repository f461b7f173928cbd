/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Replay protection of DTLS 1.2 (RFC 6347, 4.1.2.6). wolfSSL 5.7.2 has none unless our first patch
 * is applied (node/wolfssl/0001-*.patch): these tests keep it applied.
 */
#include "tests/wolfssl/dtls_pair.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { WINDOW_PASSED = 100 }; /* more records than the receive window holds */

static const char *const suites[] = {
	"PSK-AES128-GCM-SHA256",
	"PSK-AES256-GCM-SHA384",
	"PSK-CHACHA20-POLY1305",
};

#define EACH_SUITE(i) (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)

Test(dtls_replay, record_is_delivered_once)
{
	for
		EACH_SUITE(i)
		{
			struct dtls_pair *pair = dtls_pair_new(suites[i]);
			struct dtls_datagram seen =
				dtls_capture(pair->client, &pair->to_server, "one");

			dtls_put(&pair->to_server, &seen);
			cr_assert(dtls_reads(pair->server, "one"), "%s", suites[i]);
			dtls_put(&pair->to_server, &seen);
			cr_assert(dtls_reads(pair->server, NULL), "%s: replay was read", suites[i]);
			dtls_pair_free(pair);
		}
}

Test(dtls_replay, client_is_protected_too)
{
	struct dtls_pair *pair = dtls_pair_new(suites[0]);
	struct dtls_datagram seen = dtls_capture(pair->server, &pair->to_client, "one");

	dtls_put(&pair->to_client, &seen);
	cr_assert(dtls_reads(pair->client, "one"));
	dtls_put(&pair->to_client, &seen);
	cr_assert(dtls_reads(pair->client, NULL));
	dtls_pair_free(pair);
}

/* A forged record must neither end the connection nor use up the number of the real one. */
Test(dtls_replay, forged_record_is_dropped_and_the_real_one_read)
{
	for
		EACH_SUITE(i)
		{
			struct dtls_pair *pair = dtls_pair_new(suites[i]);
			struct dtls_datagram real =
				dtls_capture(pair->client, &pair->to_server, "one");
			struct dtls_datagram next =
				dtls_capture(pair->client, &pair->to_server, "two");
			struct dtls_datagram forged = real;

			forged.data[forged.len - 1] ^= 1;
			dtls_put(&pair->to_server, &forged);
			cr_assert(
				dtls_reads(pair->server, NULL), "%s: forgery was read", suites[i]);
			dtls_put(&pair->to_server, &real);
			cr_assert(dtls_reads(pair->server, "one"), "%s", suites[i]);
			dtls_put(&pair->to_server, &next);
			cr_assert(dtls_reads(pair->server, "two"), "%s", suites[i]);
			dtls_pair_free(pair);
		}
}

Test(dtls_replay, reordered_records_are_each_read_once)
{
	struct dtls_pair *pair = dtls_pair_new(suites[0]);
	struct dtls_datagram one = dtls_capture(pair->client, &pair->to_server, "one");
	struct dtls_datagram two = dtls_capture(pair->client, &pair->to_server, "two");

	dtls_put(&pair->to_server, &two);
	cr_assert(dtls_reads(pair->server, "two"));
	dtls_put(&pair->to_server, &one);
	cr_assert(dtls_reads(pair->server, "one"));
	dtls_put(&pair->to_server, &two);
	cr_assert(dtls_reads(pair->server, NULL));
	dtls_put(&pair->to_server, &one);
	cr_assert(dtls_reads(pair->server, NULL));
	dtls_pair_free(pair);
}

Test(dtls_replay, record_from_before_the_window_is_dropped)
{
	struct dtls_pair *pair = dtls_pair_new(suites[0]);
	struct dtls_datagram old = dtls_capture(pair->client, &pair->to_server, "old");

	for (int i = 0; i < WINDOW_PASSED; i++) {
		char text[16];
		struct dtls_datagram datagram;

		snprintf(text, sizeof(text), "%d", i);
		datagram = dtls_capture(pair->client, &pair->to_server, text);
		dtls_put(&pair->to_server, &datagram);
		cr_assert(dtls_reads(pair->server, text));
	}
	dtls_put(&pair->to_server, &old);
	cr_assert(dtls_reads(pair->server, NULL));
	dtls_pair_free(pair);
}
