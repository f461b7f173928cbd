/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: where a reply ends, since behind a 200 to CONNECT the tunnel begins, and its bounds. */
#include "tools/load/reply.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char body[TDM_LOAD_REPLY_BODY_MAX];

static enum tdm_err parse(
	const char *text, size_t len, bool eof, bool connect, struct tdm_load_reply *out)
{
	return tdm_load_reply_parse(&(struct tdm_load_reply_input){ .data = text,
					    .len = len,
					    .eof = eof,
					    .connect = connect,
					    .body = body,
					    .body_cap = sizeof(body) },
		out);
}

static bool value_is(const struct tdm_load_reply *r, const char *name, bool exact, const char *want)
{
	struct tdm_load_span v;
	size_t pos = 0;

	return tdm_load_reply_header(r, name, exact, &pos, &v) && v.len == strlen(want) &&
	       !memcmp(v.at, want, v.len);
}

Test(load_reply, with_a_length)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2 \r\n"
				   "Content-Length: 5\r\n\r\nhelloHTTP/1.1";
	struct tdm_load_reply r;
	struct tdm_load_span v;
	size_t pos = 0;

	cr_assert_eq(parse(text, strlen(text), false, false, &r), TDM_OK);
	cr_assert_eq(r.status, 200);
	cr_assert(r.keep_alive && r.version_1_1);
	cr_assert_eq(r.body_len, 5);
	cr_assert_arr_eq(body, "hello", 5);
	cr_assert_str_eq(text + r.used, "HTTP/1.1");
	cr_assert(tdm_load_reply_header(&r, "Set-Cookie", false, &pos, &v));
	cr_assert(v.len == 3 && !memcmp(v.at, "a=1", 3));
	cr_assert(tdm_load_reply_header(&r, "Set-Cookie", false, &pos, &v));
	cr_assert(v.len == 3 && !memcmp(v.at, "b=2", 3), "white space at the end is cut");
	cr_assert_not(tdm_load_reply_header(&r, "Set-Cookie", false, &pos, &v));
}

Test(load_reply, every_prefix_wants_more)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				   "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
	struct tdm_load_reply r;

	for (size_t n = 0; n < strlen(text); n++) {
		cr_assert_eq(parse(text, n, false, false, &r), TDM_ERR_AGAIN, "at %zu", n);
		cr_assert_eq(parse(text, n, true, false, &r), TDM_ERR_SHORT, "at %zu", n);
	}
	cr_assert_eq(parse(text, strlen(text), false, false, &r), TDM_OK);
	cr_assert_eq(r.body_len, 7);
	cr_assert_arr_eq(body, "abcdefg", 7);
}

Test(load_reply, without_a_length_it_ends_with_the_connection)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall";
	struct tdm_load_reply r;

	cr_assert_eq(parse(text, strlen(text), false, false, &r), TDM_ERR_AGAIN);
	cr_assert_eq(parse(text, strlen(text), true, false, &r), TDM_OK);
	cr_assert_eq(r.body_len, 3);
	cr_assert_not(r.keep_alive);
}

Test(load_reply, connect_200_ends_with_its_head)
{
	static const char text[] = "HTTP/1.1 200 CONNECTED\r\nX-CSTP-Address: 10.0.0.1\r\n"
				   "x-cstp-mtu: 1400\r\n\r\nSTF\x01";
	struct tdm_load_reply r;

	cr_assert_eq(parse(text, strlen(text), false, true, &r), TDM_OK);
	cr_assert_str_eq(text + r.used, "STF\x01");
	cr_assert_eq(r.body_len, 0);
	cr_assert(value_is(&r, "X-CSTP-Address", true, "10.0.0.1"));
	cr_assert_not(value_is(&r, "X-CSTP-MTU", true, "1400"), "clients compare case");
	cr_assert(value_is(&r, "X-CSTP-MTU", false, "1400"));
}

Test(load_reply, connect_refusal_has_a_body)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nX-Reason:\r\n"
				   "Content-Length: 2\r\n\r\nno";
	struct tdm_load_reply r;

	cr_assert_eq(parse(text, strlen(text) - 1, false, true, &r), TDM_ERR_AGAIN);
	cr_assert_eq(parse(text, strlen(text), false, true, &r), TDM_OK);
	cr_assert_eq(r.status, 503);
	cr_assert_eq(r.body_len, 2);
	cr_assert(value_is(&r, "X-Reason", false, ""));
}

Test(load_reply, refuses)
{
	static const char *const bad[] = {
		"STF\x01 nonsense\r\n\r\n",
		"HTTP/1.1 abc OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
	};
	struct tdm_load_reply r;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(parse(bad[i], strlen(bad[i]), true, false, &r), TDM_ERR_MALFORMED,
			"case %zu", i);
}

Test(load_reply, bounds)
{
	char *big = malloc(TDM_LOAD_REPLY_MAX + 1);
	struct tdm_load_reply r;
	size_t n;

	cr_assert_not_null(big);
	memset(big, 'a', TDM_LOAD_REPLY_MAX + 1);
	n = (size_t)sprintf(big, "HTTP/1.1 200 OK\r\nX: ");
	big[n] = 'a';
	cr_assert_eq(parse(big, TDM_LOAD_REPLY_MAX, false, false, &r), TDM_ERR_TOO_LONG);
	cr_assert_eq(parse(big, TDM_LOAD_REPLY_MAX + 1, false, false, &r), TDM_ERR_TOO_LONG);
	n = (size_t)sprintf(big, "HTTP/1.1 200 OK\r\n");
	for (size_t i = 0; i <= TDM_LOAD_REPLY_HEADERS_MAX; i++)
		n += (size_t)sprintf(big + n, "h: v\r\n");
	n += (size_t)sprintf(big + n, "\r\n");
	cr_assert_eq(parse(big, n, true, false, &r), TDM_ERR_TOO_LONG);
	free(big);
}
