/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: requests of real clients are read at any split of the stream, bytes behind a request
 * stay with the caller, and everything hostile ends in a bounded error. */
#include "proto/http.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct tdm_http_parser parser;

static void setup(void)
{
	cr_assert_eq(tdm_http_parser_init(&parser), TDM_OK);
}

static void teardown(void)
{
	tdm_http_parser_deinit(&parser);
}

TestSuite(http, .init = setup, .fini = teardown);

/* Feed text in pieces of at most step bytes, from buffers of exactly that size so that a parser
 * that keeps pointers into its input is caught. */
static enum tdm_err feed(const char *text, size_t len, size_t step, size_t *consumed)
{
	enum tdm_err err = TDM_OK;

	*consumed = 0;
	while (!err && !parser.complete && *consumed < len) {
		size_t n = len - *consumed < step ? len - *consumed : step, used;
		char *piece = malloc(n);

		memcpy(piece, text + *consumed, n);
		err = tdm_http_parser_feed(&parser, piece, n, &used);
		free(piece);
		cr_assert_leq(used, n);
		if (!err && !parser.complete)
			cr_assert_eq(used, n, "an unfinished request takes all it gets");
		*consumed += used;
	}
	return err;
}

static enum tdm_err feed_all(const char *text)
{
	size_t consumed;

	return feed(text, strlen(text), SIZE_MAX, &consumed);
}

static const char first_post[] = "POST / HTTP/1.1\r\n"
				 "Host: 10.99.0.10\r\n"
				 "User-Agent: Open AnyConnect VPN Agent v9.01-3\r\n"
				 "Accept: */*\r\n"
				 "Accept-Encoding: identity\r\n"
				 "X-Transcend-Version: 1\r\n"
				 "X-Aggregate-Auth: 1\r\n"
				 "X-Support-HTTP-Auth: true\r\n"
				 "X-Pad: 0000000000000000000\r\n"
				 "Content-Type: application/xml; charset=utf-8\r\n"
				 "Content-Length: 11\r\n"
				 "\r\n"
				 "<config-a/>";

static const char connect_head[] = "CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\n"
				   "Host: 10.99.0.10\r\n"
				   "User-Agent: Open AnyConnect VPN Agent v9.01-3\r\n"
				   "Cookie: webvpn=AQECESIz\r\n"
				   "X-CSTP-Version: 1\r\n"
				   "X-CSTP-Address-Type: IPv6,IPv4\r\n"
				   "X-CSTP-Address: 10.44.0.50\r\n"
				   "X-CSTP-Full-IPv6-Capability: true\r\n"
				   "X-CSTP-Address: fd00:44::50\r\n"
				   "\r\n";

Test(http, first_request_of_openconnect)
{
	size_t len = strlen(first_post), consumed;

	for (size_t step = 1; step <= len; step++) {
		tdm_http_parser_reset(&parser);
		cr_assert_eq(feed(first_post, len, step, &consumed), TDM_OK, "step %zu", step);
		cr_assert(parser.complete, "step %zu", step);
		cr_assert_eq(consumed, len);
		cr_assert_eq(parser.req.method, TDM_HTTP_POST);
		cr_assert_str_eq(parser.req.path, "/");
		cr_assert_str_eq(parser.req.query, "");
		cr_assert(parser.req.keep_alive);
		cr_assert_eq(parser.req.header_count, 10);
		cr_assert_str_eq(parser.req.headers[9].name, "Content-Length");
		cr_assert_str_eq(tdm_http_header(&parser.req, "x-aggregate-auth"), "1");
		cr_assert_str_eq(parser.req.body, "<config-a/>");
		cr_assert_eq(parser.req.body_len, 11);
		cr_assert(tdm_http_has_type(&parser.req, "application/xml"));
		cr_assert_not(tdm_http_has_type(&parser.req, "application/xm"));
	}
}

Test(http, bytes_behind_connect_belong_to_the_tunnel)
{
	char text[1024];
	size_t head = strlen(connect_head), consumed;

	memcpy(text, connect_head, head);
	memcpy(text + head, "STF\x01\0\0\x03\0", 8);
	for (size_t step = 1; step <= head + 8; step++) {
		tdm_http_parser_reset(&parser);
		cr_assert_eq(feed(text, head + 8, step, &consumed), TDM_OK, "step %zu", step);
		cr_assert(parser.complete);
		cr_assert_eq(consumed, head, "step %zu took %zu", step, consumed);
		cr_assert_eq(parser.req.method, TDM_HTTP_CONNECT);
		cr_assert_str_eq(parser.req.path, "/CSCOSSLC/tunnel");
		cr_assert_eq(parser.req.body_len, 0);
	}
	cr_assert_eq(tdm_http_parser_feed(&parser, "more", 4, &consumed), TDM_OK);
	cr_assert_eq(consumed, 0, "a complete parser takes nothing");
}

Test(http, repeated_headers_are_iterated_in_order)
{
	size_t pos = 0;

	cr_assert_eq(feed_all(connect_head), TDM_OK);
	cr_assert_str_eq(tdm_http_header(&parser.req, "X-CSTP-Address"), "10.44.0.50");
	cr_assert_str_eq(tdm_http_header_next(&parser.req, "x-cstp-address", &pos), "10.44.0.50");
	cr_assert_str_eq(tdm_http_header_next(&parser.req, "x-cstp-address", &pos), "fd00:44::50");
	cr_assert_null(tdm_http_header_next(&parser.req, "x-cstp-address", &pos));
	cr_assert_null(tdm_http_header_next(&parser.req, "x-cstp-address", &pos));
	cr_assert_null(tdm_http_header(&parser.req, "X-CSTP-Addres"));
}

Test(http, pipelined_requests_come_one_by_one)
{
	static const char two[] = "GET /a?x=1 HTTP/1.1\r\nContent-Length: 0\r\nContent-Type: "
				  "application/x-www-form-urlencoded\r\n\r\n"
				  "POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyz"
				  "GET /c HTTP/1.0\r\n\r\n";
	size_t at = 0, consumed;

	cr_assert_eq(feed(two, sizeof(two) - 1, 7, &consumed), TDM_OK);
	cr_assert_eq(parser.req.method, TDM_HTTP_GET);
	cr_assert_str_eq(parser.req.path, "/a");
	cr_assert_str_eq(parser.req.query, "x=1");
	at += consumed;
	tdm_http_parser_reset(&parser);
	cr_assert_eq(feed(two + at, sizeof(two) - 1 - at, SIZE_MAX, &consumed), TDM_OK);
	cr_assert_str_eq(parser.req.path, "/b");
	cr_assert_str_eq(parser.req.body, "xyz");
	at += consumed;
	tdm_http_parser_reset(&parser);
	cr_assert_eq(feed(two + at, sizeof(two) - 1 - at, 1, &consumed), TDM_OK);
	cr_assert_str_eq(parser.req.path, "/c");
	cr_assert_not(parser.req.keep_alive);
	cr_assert_eq(parser.req.header_count, 0);
	cr_assert_eq(at + consumed, sizeof(two) - 1);
}

Test(http, small_variations)
{
	static const struct {
		const char *text;
		enum tdm_http_method method;
		const char *path, *query, *header; /* header: value of "H" */
		bool keep_alive;
		const char *body;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", TDM_HTTP_GET, "/", "", NULL, false,
			"" },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", TDM_HTTP_GET, "/", "", NULL,
			true, "" },
		{ "\r\nGET / HTTP/1.1\r\nH:\r\n\r\n", TDM_HTTP_GET, "/", "", "", true, "" },
		{ "GET / HTTP/1.1\r\nH: \t a b \t\r\n\r\n", TDM_HTTP_GET, "/", "", "a b", true,
			"" },
		{ "GET / HTTP/1.1\r\nh: \xc3\xa4\r\n\r\n", TDM_HTTP_GET, "/", "", "\xc3\xa4", true,
			"" },
		{ "HEAD /x HTTP/1.1\r\n\r\n", TDM_HTTP_HEAD, "/x", "", NULL, true, "" },
		{ "OPTIONS * HTTP/1.1\r\n\r\n", TDM_HTTP_OTHER, "*", "", NULL, true, "" },
		{ "DELETE /x HTTP/1.1\r\n\r\n", TDM_HTTP_OTHER, "/x", "", NULL, true, "" },
		{ "GET https://vpn.example/g?q HTTP/1.1\r\n\r\n", TDM_HTTP_GET, "/g", "q", NULL,
			true, "" },
		{ "GET https://vpn.example HTTP/1.1\r\n\r\n", TDM_HTTP_GET, "/", "", NULL, true,
			"" },
		{ "GET https://vpn.example?q HTTP/1.1\r\n\r\n", TDM_HTTP_GET, "/", "q", NULL, true,
			"" },
		{ "GET /a?b?c=/d HTTP/1.1\r\n\r\n", TDM_HTTP_GET, "/a", "b?c=/d", NULL, true, "" },
		{ "GET /+CSCOT+/x?textdomain=AnyConnect&type=manifest HTTP/1.1\r\n\r\n",
			TDM_HTTP_GET, "/+CSCOT+/x", "textdomain=AnyConnect&type=manifest", NULL,
			true, "" },
		/* an offer of another protocol is ignored */
		{ "POST / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n"
		  "\r\nab",
			TDM_HTTP_POST, "/", "", NULL, true, "ab" },
		{ "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
			TDM_HTTP_GET, "/", "", NULL, true, "" },
		/* chunks, with an extension and a trailer that is not a header */
		{ "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n"
		  "0\r\nH: trailer\r\n\r\n",
			TDM_HTTP_POST, "/", "", NULL, true, "abcde" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].text);

		for (size_t step = 1; step <= len; step += step < 9 ? 1 : len) {
			const char *header;
			size_t consumed;

			tdm_http_parser_reset(&parser);
			cr_expect_eq(feed(cases[i].text, len, step, &consumed), TDM_OK,
				"case %zu step %zu", i, step);
			cr_expect(parser.complete, "case %zu step %zu", i, step);
			cr_expect_eq(consumed, len, "case %zu step %zu", i, step);
			cr_expect_eq(parser.req.method, cases[i].method, "case %zu", i);
			cr_expect_str_eq(parser.req.path, cases[i].path, "case %zu", i);
			cr_expect_str_eq(parser.req.query, cases[i].query, "case %zu", i);
			cr_expect_eq(parser.req.keep_alive, cases[i].keep_alive, "case %zu", i);
			cr_expect_str_eq(parser.req.body, cases[i].body, "case %zu", i);
			header = tdm_http_header(&parser.req, "H");
			cr_expect_eq(header == NULL, cases[i].header == NULL, "case %zu", i);
			if (header && cases[i].header)
				cr_expect_str_eq(header, cases[i].header, "case %zu", i);
		}
	}
}

Test(http, errors_and_their_status)
{
	static const struct {
		const char *text;
		enum tdm_err err;
		unsigned status;
	} cases[] = {
		{ "FOO / HTTP/1.1\r\n\r\n", TDM_ERR_UNSUPPORTED, 501 },
		{ "\x16\x03\x01\x02", TDM_ERR_UNSUPPORTED, 501 },
		{ "GET / HTTP/9.9\r\n\r\n", TDM_ERR_UNSUPPORTED, 505 },
		{ "GET / HTTP/2.0\r\n\r\n", TDM_ERR_UNSUPPORTED, 505 },
		{ "GET /\r\n\r\n", TDM_ERR_UNSUPPORTED, 505 },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", TDM_ERR_UNSUPPORTED, 505 },
		{ "GET / FTP/1.1\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "CONNECT vpn.example:443 HTTP/1.1\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "GET /a#b HTTP/1.1\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "GET /\x01 HTTP/1.1\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "GET /\xc3\xa4 HTTP/1.1\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "GET  HTTP/1.1\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "GET / HTTP/1.1\r\nA B: c\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "GET / HTTP/1.1\r\nA : c\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "GET / HTTP/1.1\r\n: c\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "GET / HTTP/1.1\r\nA: b\x01\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
			TDM_ERR_MALFORMED, 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", TDM_ERR_MALFORMED, 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
			TDM_ERR_MALFORMED, 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
			TDM_ERR_MALFORMED, 400 },
		{ "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", TDM_ERR_UNSUPPORTED, 501 },
		{ "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", TDM_ERR_MALFORMED,
			400 },
		{ "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
			TDM_ERR_MALFORMED, 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", TDM_ERR_TOO_LONG, 413 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].text);

		for (size_t step = 1; step <= len; step += step == 1 ? len - 1 : len) {
			size_t consumed;

			tdm_http_parser_reset(&parser);
			cr_expect_eq(feed(cases[i].text, len, step, &consumed), cases[i].err,
				"case %zu step %zu", i, step);
			cr_expect_eq(tdm_http_parser_status(&parser), cases[i].status,
				"case %zu step %zu: %u", i, step, tdm_http_parser_status(&parser));
			cr_expect_not(parser.complete);
			cr_expect_eq(tdm_http_parser_feed(&parser, "x", 1, &consumed), cases[i].err,
				"an error is final");
		}
	}
}

Test(http, a_nul_in_a_header_is_malformed)
{
	static const char text[] = "GET / HTTP/1.1\r\nCookie: webvpn=a\0b\r\n\r\n";
	size_t consumed;

	cr_assert_eq(feed(text, sizeof(text) - 1, SIZE_MAX, &consumed), TDM_ERR_MALFORMED);
}

/* Feed head, then filler for ever (or until the parser has enough), then tail. */
static enum tdm_err feed_long(const char *head, const char *filler, size_t times, const char *tail)
{
	size_t n = strlen(filler), used;
	enum tdm_err err = feed_all(head);

	for (size_t i = 0; !err && i < times; i++)
		err = tdm_http_parser_feed(&parser, filler, n, &used);
	if (!err)
		err = tdm_http_parser_feed(&parser, tail, strlen(tail), &used);
	return err;
}

Test(http, limits)
{
	static const struct {
		const char *what, *head, *filler;
		size_t times;
		const char *tail;
		enum tdm_err err;
		unsigned status;
	} cases[] = {
		{ "path fits", "GET /", "a", 1022, " HTTP/1.1\r\n\r\n", TDM_OK, 0 },
		{ "path too long", "GET /", "a", 1023, " HTTP/1.1\r\n\r\n", TDM_ERR_TOO_LONG, 414 },
		{ "query fits", "GET /?", "a", 1023, " HTTP/1.1\r\n\r\n", TDM_OK, 0 },
		{ "query too long", "GET /?", "a", 1024, " HTTP/1.1\r\n\r\n", TDM_ERR_TOO_LONG,
			414 },
		{ "endless path", "GET /", "a", 100000, "", TDM_ERR_TOO_LONG, 414 },
		{ "64 headers", "GET / HTTP/1.1\r\n", "a: b\r\n", 64, "\r\n", TDM_OK, 0 },
		{ "65 headers", "GET / HTTP/1.1\r\n", "a: b\r\n", 65, "\r\n", TDM_ERR_TOO_LONG,
			431 },
		{ "64 headers, then one without a name", "GET / HTTP/1.1\r\n", "a: b\r\n", 64,
			": c\r\n\r\n", TDM_ERR_TOO_LONG, 431 },
		{ "long value fits", "GET / HTTP/1.1\r\na: ", "b", 16300, "\r\n\r\n", TDM_OK, 0 },
		{ "endless value", "GET / HTTP/1.1\r\na: ", "b", 100000, "", TDM_ERR_TOO_LONG,
			431 },
		{ "endless name", "GET / HTTP/1.1\r\n", "b", 100000, "", TDM_ERR_TOO_LONG, 431 },
		{ "endless white space", "GET / HTTP/1.1\r\na: ", " ", 100000, "", TDM_ERR_TOO_LONG,
			431 },
		{ "endless empty lines", "", "\r\n", 100000, "", TDM_ERR_TOO_LONG, 431 },
		{ "body fits", "POST / HTTP/1.1\r\nContent-Length: 32768\r\n\r\n",
			"0123456789abcdef", 2048, "", TDM_OK, 0 },
		{ "chunked body fits", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
			"10\r\n0123456789abcdef\r\n", 2048, "0\r\n\r\n", TDM_OK, 0 },
		{ "chunked body too long", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
			"10\r\n0123456789abcdef\r\n", 2049, "0\r\n\r\n", TDM_ERR_TOO_LONG, 413 },
		{ "tiny chunks", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
			"1\r\nx\r\n", 60000, "", TDM_ERR_TOO_LONG, 413 },
		{ "endless extension", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;",
			"a", 1000000, "", TDM_ERR_TOO_LONG, 413 },
		{ "endless trailer", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
			"a: b\r\n", 1000000, "", TDM_ERR_TOO_LONG, 413 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		tdm_http_parser_reset(&parser);
		cr_expect_eq(
			feed_long(cases[i].head, cases[i].filler, cases[i].times, cases[i].tail),
			cases[i].err, "%s", cases[i].what);
		cr_expect_eq(parser.complete, cases[i].err == TDM_OK, "%s", cases[i].what);
		if (cases[i].err)
			cr_expect_eq(tdm_http_parser_status(&parser), cases[i].status, "%s: %u",
				cases[i].what, tdm_http_parser_status(&parser));
	}
}

Test(http, cookies)
{
	static const struct {
		const char *headers;
		const char *value; /* of webvpn; NULL: none */
	} cases[] = {
		{ "Cookie: webvpn=abc\r\n", "abc" },
		{ "Cookie: openconnect_strapkey=MHcCAQ==; webvpn=abc\r\n", "abc" },
		{ "Cookie: webvpn=abc; webvpn=def\r\n", "abc" },
		{ "Cookie: a=b\r\ncookie: webvpn=abc\r\n", "abc" },
		{ "Cookie: a=b;webvpn=a=c ;x\r\n", "a=c" },
		{ "Cookie: ;; ;webvpn=abc\r\n", "abc" },
		{ "Cookie: webvpn=\r\n", "" },
		{ "Cookie: webvpnc=abc\r\n", NULL },
		{ "Cookie: xwebvpn=abc\r\n", NULL },
		{ "Cookie: Webvpn=abc\r\n", NULL },
		{ "Cookie: webvpn\r\n", NULL },
		{ "Cookie: a=webvpn=abc\r\n", NULL },
		{ "Cookie:\r\n", NULL },
		{ "Set-Cookie: webvpn=abc\r\n", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *value = "x";
		char text[256];
		size_t len = 9;

		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", cases[i].headers);
		tdm_http_parser_reset(&parser);
		cr_assert_eq(feed_all(text), TDM_OK);
		cr_expect_eq(tdm_http_cookie(&parser.req, "webvpn", &value, &len),
			cases[i].value != NULL, "%s", cases[i].headers);
		cr_expect_eq(
			len, cases[i].value ? strlen(cases[i].value) : 0, "%s", cases[i].headers);
		if (cases[i].value)
			cr_expect_arr_eq(value, cases[i].value, len, "%s", cases[i].headers);
		else
			cr_expect_null(value);
	}
}

Test(http, media_types)
{
	static const struct {
		const char *header;
		bool xml;
	} cases[] = {
		{ "Content-Type: text/xml\r\n", true },
		{ "content-type: TEXT/XML; charset=utf-8\r\n", true },
		{ "Content-Type: text/xml;charset=utf-8\r\n", true },
		{ "Content-Type: text/xmlish\r\n", false },
		{ "Content-Type: text/\r\n", false },
		{ "Content-Type:\r\n", false },
		{ "", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[128];

		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", cases[i].header);
		tdm_http_parser_reset(&parser);
		cr_assert_eq(feed_all(text), TDM_OK);
		cr_expect_eq(tdm_http_has_type(&parser.req, "text/xml"), cases[i].xml, "%s",
			cases[i].header);
	}
}

Test(http, reset_and_deinit_forget)
{
	struct tdm_http_parser zero = { 0 };

	cr_assert_eq(feed_all(first_post), TDM_OK);
	tdm_http_parser_reset(&parser);
	cr_assert_not(parser.complete);
	cr_assert_not(parser.head_complete);
	cr_assert_eq(parser.req.header_count, 0);
	cr_assert_str_eq(parser.req.path, "");
	cr_assert_str_eq(parser.req.body, "");
	tdm_http_parser_deinit(&parser);
	tdm_http_parser_deinit(&parser);
	tdm_http_parser_deinit(&zero);
}

Test(http, reply)
{
	static const struct tdm_http_header cookies[] = { { "Set-Cookie", "webvpn=a; Secure" },
		{ "Set-Cookie", "webvpnc=b; Secure" } };
	struct tdm_http_reply reply = { .status = 200,
		.content_type = "text/xml",
		.transcend = true,
		.headers = cookies,
		.header_count = 2,
		.body = "<a/>",
		.body_len = 4 };
	struct tdm_text t;
	char buf[512];

	tdm_text_init(&t, buf, sizeof(buf));
	tdm_http_reply_write(&t, &reply);
	cr_assert(tdm_text_ok(&t));
	cr_assert_str_eq(buf, "HTTP/1.1 200 OK\r\n"
			      "Content-Type: text/xml\r\n"
			      "Content-Length: 4\r\n"
			      "X-Transcend-Version: 1\r\n"
			      "Set-Cookie: webvpn=a; Secure\r\n"
			      "Set-Cookie: webvpnc=b; Secure\r\n"
			      "\r\n<a/>");
	reply.head_only = true;
	reply.close = true;
	reply.header_count = 0;
	reply.reason = "All fine\r\nX: y";
	tdm_text_init(&t, buf, sizeof(buf));
	tdm_http_reply_write(&t, &reply);
	cr_assert_str_eq(buf, "HTTP/1.1 200 All fine??X: y\r\n"
			      "Content-Type: text/xml\r\n"
			      "Content-Length: 4\r\n"
			      "X-Transcend-Version: 1\r\n"
			      "Connection: close\r\n"
			      "\r\n");
}

Test(http, reply_headers_cannot_split_the_reply)
{
	struct tdm_http_header evil = { "X-A\r\nX-B", "c\r\n\r\n<html>" };
	struct tdm_http_reply reply = {
		.status = 404, .content_type = "a\nb", .headers = &evil, .header_count = 1
	};
	struct tdm_text t;
	char buf[256];

	tdm_text_init(&t, buf, sizeof(buf));
	tdm_http_reply_write(&t, &reply);
	cr_assert_str_eq(buf, "HTTP/1.1 404 Not Found\r\n"
			      "Content-Type: a?b\r\n"
			      "Content-Length: 0\r\n"
			      "X-A??X-B: c???"
			      "?<html>\r\n"
			      "\r\n");
}

Test(http, reply_overflow_is_reported)
{
	struct tdm_http_reply reply = { .status = 200, .body = "0123456789", .body_len = 10 };
	struct tdm_text t;
	char buf[40];

	tdm_text_init(&t, buf, sizeof(buf));
	tdm_http_reply_write(&t, &reply);
	cr_assert_not(tdm_text_ok(&t));
	cr_assert_str_eq(tdm_http_status_text(503), "Service Unavailable");
	cr_assert_str_eq(tdm_http_status_text(299), "Unknown");
}
