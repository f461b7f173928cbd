/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: cookies, echo packets, deadlines, token files and figures of the load generator. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/load/echo.h"
#include "tools/load/heap.h"
#include "tools/load/jar.h"
#include "tools/load/stats.h"
#include "tools/load/tokens.h"

static enum tdm_err set(struct tdm_load_jar *jar, const char *text)
{
	return tdm_load_jar_set(jar, &(struct tdm_load_span){ text, strlen(text) });
}

Test(load_jar, sets_replaces_and_removes)
{
	struct tdm_load_jar jar = { "" };
	struct tdm_load_span v;

	cr_assert_eq(set(&jar, "webvpncontext=abc==; Secure; HttpOnly"), TDM_OK);
	cr_assert_eq(set(&jar, "webvpn=1"), TDM_OK);
	cr_assert_str_eq(jar.text, "webvpncontext=abc==; webvpn=1");
	cr_assert(tdm_load_jar_get(&jar, "webvpn", &v) && v.len == 1 && *v.at == '1');
	cr_assert_eq(set(&jar, "webvpncontext=; expires=Thu, 01 Jan 1970"), TDM_OK);
	cr_assert_eq(set(&jar, "webvpn=22"), TDM_OK);
	cr_assert_str_eq(jar.text, "webvpn=22");
	cr_assert_not(tdm_load_jar_get(&jar, "web", &v));
	cr_assert_not(tdm_load_jar_get(&jar, "webvpncontext", &v));
}

Test(load_jar, refuses_and_stays_as_it_was)
{
	static const char *const bad[] = { "", "noequals", "=v", "a=b c", "a=\x01", "a b=c" };
	struct tdm_load_jar jar = { "" };
	char big[TDM_LOAD_JAR_MAX + 8];

	cr_assert_eq(set(&jar, "keep=1"), TDM_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(set(&jar, bad[i]), TDM_ERR_MALFORMED, "case %zu", i);
	memset(big, 'x', sizeof(big));
	big[1] = '=';
	big[sizeof(big) - 1] = '\0';
	cr_assert_eq(set(&jar, big), TDM_ERR_FULL);
	cr_assert_str_eq(jar.text, "keep=1");
}

Test(load_echo, request_and_reply)
{
	struct tdm_load_echo e = { .from = tdm_ip_from_v4(0x0a000001),
		.to = tdm_ip_from_v4(0x0a000002),
		.id = 7,
		.seq = 65535 };
	struct tdm_load_echo got;
	uint8_t pkt[TDM_LOAD_ECHO_LEN + 1] = { 0 };

	tdm_load_echo_write(pkt, &e);
	cr_assert_not(tdm_load_echo_reply(pkt, TDM_LOAD_ECHO_LEN, &got), "a request is no reply");
	pkt[20] = 0;                         /* echo reply */
	pkt[22] = (uint8_t)(pkt[22] + 0x08); /* type 8 less in the sum, none of these carries */
	cr_assert(tdm_load_echo_reply(pkt, TDM_LOAD_ECHO_LEN, &got));
	cr_assert(got.id == 7 && got.seq == 65535);
	cr_assert(tdm_ip_equal(&got.from, &e.from) && tdm_ip_equal(&got.to, &e.to));
	cr_assert(tdm_load_echo_reply(pkt, TDM_LOAD_ECHO_LEN + 1, &got), "padding is not an error");
	for (size_t n = 0; n < TDM_LOAD_ECHO_LEN; n++)
		cr_assert_not(tdm_load_echo_reply(pkt, n, &got), "cut at %zu", n);
	for (size_t i = 0; i < TDM_LOAD_ECHO_LEN; i++) {
		pkt[i] ^= 0x10;
		cr_assert_not(tdm_load_echo_reply(pkt, TDM_LOAD_ECHO_LEN, &got), "byte %zu", i);
		pkt[i] ^= 0x10;
	}
}

Test(load_heap, always_the_earliest)
{
	enum { N = 100 };
	struct tdm_load_heap h;
	int64_t want[N];
	uint32_t seed = 1, n;

	cr_assert_eq(tdm_load_heap_init(&h, N), TDM_OK);
	cr_assert_eq(tdm_load_heap_first(&h, &n), TDM_NEVER);
	for (size_t i = 0; i < N; i++)
		want[i] = TDM_NEVER;
	for (int round = 0; round < 20000; round++) {
		int64_t first = TDM_NEVER;

		seed = seed * 1664525u + 1013904223u;
		n = (seed >> 8) % N;
		want[n] = (seed >> 28) < 4 ? TDM_NEVER : (int64_t)(seed >> 16);
		tdm_load_heap_set(&h, n, want[n]);
		for (size_t i = 0; i < N; i++)
			first = want[i] < first ? want[i] : first;
		cr_assert_eq(tdm_load_heap_first(&h, &n), first);
		cr_assert(first == TDM_NEVER || want[n] == first);
	}
	tdm_load_heap_deinit(&h);
}

Test(load_tokens, what_is_appended_is_read_back)
{
	char path[] = "/tmp/tandem-tokens-XXXXXX";
	struct tdm_load_tokens t;
	struct stat st;
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	(void)close(fd);
	(void)unlink(path);
	cr_assert_eq(tdm_load_tokens_open(path, &fd, NULL), TDM_OK);
	cr_assert_eq(tdm_load_tokens_append(fd, "one"), TDM_OK);
	cr_assert_eq(tdm_load_tokens_append(fd, "two="), TDM_OK);
	cr_assert(!fstat(fd, &st) && (st.st_mode & 0777) == 0600, "tokens open sessions");
	(void)close(fd);
	cr_assert_eq(tdm_load_tokens_read(path, &t, NULL), TDM_OK);
	cr_assert_eq(t.count, 2);
	cr_assert_str_eq(t.items[0], "one");
	cr_assert_str_eq(t.items[1], "two=");
	tdm_load_tokens_free(&t);
	(void)unlink(path);
}

static enum tdm_err read_text(const char *text, size_t len, struct tdm_diag *diag)
{
	char path[] = "/tmp/tandem-tokens-XXXXXX";
	struct tdm_load_tokens t;
	int fd = mkstemp(path);
	enum tdm_err err;

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, len), (ssize_t)len);
	(void)close(fd);
	err = tdm_load_tokens_read(path, &t, diag);
	tdm_load_tokens_free(&t);
	(void)unlink(path);
	return err;
}

Test(load_tokens, bad_files)
{
	struct tdm_diag diag;
	char big[2000];

	cr_assert_eq(read_text("", 0, &diag), TDM_ERR_NOT_FOUND);
	cr_assert_eq(read_text("\n\n", 2, &diag), TDM_ERR_NOT_FOUND);
	cr_assert_eq(read_text("ok\nnot a token\n", 15, &diag), TDM_ERR_MALFORMED);
	cr_assert(strstr(diag.text, ":2:"), "%s", diag.text);
	cr_assert_not(strstr(diag.text, "not a token"), "a token is not printed");
	cr_assert_eq(read_text("a;b", 3, &diag), TDM_ERR_MALFORMED);
	memset(big, 'x', sizeof(big));
	cr_assert_eq(read_text(big, sizeof(big), &diag), TDM_ERR_TOO_LONG);
	cr_assert_eq(read_text("no-newline-at-the-end", 21, &diag), TDM_OK);
	cr_assert_eq(tdm_load_tokens_read("/nonexistent", &(struct tdm_load_tokens){ 0 }, &diag),
		TDM_ERR_IO);
}

Test(load_stats, nearest_rank)
{
	struct tdm_load_samples s = { 0 };
	struct tdm_load_spread r = tdm_load_samples_spread(&s);

	cr_assert(r.min_ms == 0 && r.max_ms == 0);
	for (int64_t i = 200; i > 0; i--)
		tdm_load_samples_add(&s, i * 1000);
	r = tdm_load_samples_spread(&s);
	cr_assert_eq(r.min_ms, 1);
	cr_assert_eq(r.median_ms, 100);
	cr_assert_eq(r.p99_ms, 198);
	cr_assert_eq(r.max_ms, 200);
	free(s.us);
	s = (struct tdm_load_samples){ 0 };
	tdm_load_samples_add(&s, 1500);
	r = tdm_load_samples_spread(&s);
	cr_assert(r.min_ms == 1.5 && r.median_ms == 1.5 && r.p99_ms == 1.5 && r.max_ms == 1.5);
	free(s.us);
}

Test(load_stats, when_all_is_well)
{
	struct tdm_load_options o = { .mode = TDM_LOAD_HOLD, .count = 2 };
	struct tdm_load_stats s = { .wanted = 2, .connected = 2, .up = 2, .logged_in = 2 };

	cr_assert(tdm_load_stats_good(&s, &o));
	s.up = 1;
	cr_assert_not(tdm_load_stats_good(&s, &o), "one tunnel is missing at the end");
	s.up = 2;
	s.address_changed = 1;
	cr_assert_not(tdm_load_stats_good(&s, &o));
	s.address_changed = 0;
	o.logout = true;
	cr_assert_not(tdm_load_stats_good(&s, &o), "nobody has said goodbye");
	s.logged_out = 2;
	cr_assert(tdm_load_stats_good(&s, &o));
	o = (struct tdm_load_options){ .mode = TDM_LOAD_RESUME };
	s.connected = 1;
	cr_assert_not(tdm_load_stats_good(&s, &o), "a token was not tried");
}

Test(load_stats, json_is_one_object)
{
	struct tdm_load_options o = { .mode = TDM_LOAD_HOLD };
	struct tdm_load_stats s = { .first_loss_us = 1000, .last_resume_us = 251000 };
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	s.failures[TDM_LOAD_WHY_refused] = 3;
	s.failures[TDM_LOAD_WHY_status_503] = 1;
	tdm_load_samples_add(&s.gap, 2500);
	tdm_load_stats_json(&s, &o, f);
	(void)fclose(f);
	cr_assert(text[0] == '{' && !strcmp(text + len - 2, "}\n"));
	cr_assert(strstr(text, "\"failures_by_reason\":{\"refused\":3,\"status_503\":1}"), "%s",
		text);
	cr_assert(strstr(text, "\"gap_ms\":{\"count\":1,\"min\":2.500,"), "%s", text);
	cr_assert(strstr(text, "\"last_resume_ms\":250.000"), "%s", text);
	free(text);
	tdm_load_stats_deinit(&s);
}
