/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: text stays inside its buffer, and nothing hostile gets through an escape. */
#include "proto/text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

Test(text, builds_and_counts)
{
	char buf[64];
	struct tdm_text t;

	tdm_text_init(&t, buf, sizeof(buf));
	cr_assert_str_eq(buf, "");
	tdm_text_add(&t, "a");
	tdm_text_add(&t, NULL);
	tdm_text_char(&t, 'b');
	tdm_text_add_len(&t, "cXX", 1);
	tdm_text_addf(&t, "%d-%s", 4, "e");
	tdm_text_u64(&t, 0);
	tdm_text_u64(&t, UINT64_MAX);
	tdm_text_hex(&t, "\x00\xfa", 2);
	cr_assert_str_eq(buf, "abc4-e01844674407370955161500fa");
	cr_assert_eq(t.len, strlen(buf));
	cr_assert(tdm_text_ok(&t));
	cr_assert_eq(tdm_text_result(&t), TDM_OK);
}

Test(text, overflow_is_sticky_and_leaves_a_string)
{
	/* every way to add, with a buffer that is one byte short of it */
	for (int way = 0; way < 4; way++) {
		char buf[8] = "#######";
		struct tdm_text t;

		tdm_text_init(&t, buf, 6);
		tdm_text_add(&t, "abc");
		if (way == 0)
			tdm_text_add(&t, "def");
		else if (way == 1)
			tdm_text_addf(&t, "%d", 123);
		else if (way == 2)
			tdm_text_u64(&t, 123);
		else
			tdm_text_hex(&t, "\x12\x34", 2);
		cr_assert_not(tdm_text_ok(&t), "way %d", way);
		cr_assert_eq(tdm_text_result(&t), TDM_ERR_FULL);
		tdm_text_char(&t, 'z');
		cr_assert_eq(buf[t.len], '\0');
		cr_assert(strncmp(buf, "abc", 3) == 0 && !strchr(buf, 'z'), "way %d: %s", way, buf);
		cr_assert_eq(buf[6], '#', "way %d wrote behind the end", way);
	}
}

Test(text, exactly_full_is_not_overflow)
{
	char buf[4];
	struct tdm_text t;

	tdm_text_init(&t, buf, sizeof(buf));
	tdm_text_addf(&t, "%s", "abc");
	cr_assert(tdm_text_ok(&t));
	cr_assert_str_eq(buf, "abc");
	tdm_text_add(&t, "");
	cr_assert(tdm_text_ok(&t));
}

typedef void (*escape)(struct tdm_text *, const char *);

static void printable(struct tdm_text *t, const char *s)
{
	tdm_text_printable(t, s, strlen(s));
}

static const struct {
	escape how;
	const char *in, *out;
} escapes[] = {
	{ tdm_text_xml, "plain text, \xc3\xa4", "plain text, \xc3\xa4" },
	{ tdm_text_xml, "<a b=\"c\">&'</a>", "&lt;a b=&quot;c&quot;&gt;&amp;&#39;&lt;/a&gt;" },
	{ tdm_text_xml, "]]>", "]]&gt;" },
	{ tdm_text_xml, "a\x01\x1f\x7f\tb\nc", "a???\tb\nc" },
	{ tdm_text_xml, NULL, "" },
	{ tdm_text_header, "text/xml; q=1", "text/xml; q=1" },
	{ tdm_text_header, "a\r\nSet-Cookie: b\tc\x7f", "a??Set-Cookie: b?c?" },
	{ tdm_text_header, "\xc3\xa4", "\xc3\xa4" },
	{ tdm_text_percent, "Hello you!", "Hello you!" },
	{ tdm_text_percent, "100%\r\nX: y\xc3\xa4", "100%25%0D%0AX: y%C3%A4" },
	{ printable, "alice", "alice" },
	{ printable, "a\nb\rc\td\\e\"f", "a\\nb\\rc\\td\\\\e\\\"f" },
	{ printable, "\x1b[2J\x7f", "\\x1b[2J\\x7f" },
	{ printable, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ printable,
		"\xc2\x9b"
		"31m",
		"\\xc2\\x9b31m" }, /* C1: CSI */
	{ printable,
		"\xe2\x80\xae"
		"gpj",
		"\\xe2\\x80\\xaegpj" }, /* right-to-left override */
	{ printable,
		"\xe2\x80\xa8"
		"x",
		"\\xe2\\x80\\xa8x" },                              /* line separator */
	{ printable, "\xc0\xaf", "\\xc0\\xaf" },                   /* overlong */
	{ printable, "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },          /* overlong */
	{ printable, "\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf" }, /* overlong */
	{ printable, "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* surrogate */
	{ printable, "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* above U+10FFFF */
	{ printable, "\xff\xfe", "\\xff\\xfe" },
	{ printable, "a\xe2\x82", "a\\xe2\\x82" }, /* cut off */
	{ printable, "\x80", "\\x80" },
};

Test(text, escapes)
{
	for (size_t i = 0; i < COUNT(escapes); i++) {
		char buf[128];
		struct tdm_text t;

		tdm_text_init(&t, buf, sizeof(buf));
		escapes[i].how(&t, escapes[i].in);
		cr_expect_str_eq(buf, escapes[i].out, "case %zu: %s", i, buf);
	}
}

Test(text, printable_escapes_every_control_and_stops_at_len)
{
	for (int c = 0; c < 0x20; c++) {
		char in = (char)c, buf[8];
		struct tdm_text t;

		tdm_text_init(&t, buf, sizeof(buf));
		tdm_text_printable(&t, &in, 1);
		cr_expect_eq(buf[0], '\\', "character %d", c);
		for (const char *s = buf; *s; s++)
			cr_expect(*s >= 0x20 && *s < 0x7f, "character %d", c);
	}
}

Test(text, safe_cuts_with_dots_and_never_inside_an_escape)
{
	static const struct {
		const char *in;
		size_t cap;
		const char *out;
	} cases[] = {
		{ "abc", 4, "abc" },
		{ "abcd", 4, "..." },
		{ "abcdef", 6, "ab..." },
		{ "abcde", 6, "abcde" },
		{ "a\x01\x02", 8, "a..." },
		{ "a\x01\x02", 9, "a\\x01..." },
		{ "a\x01\x02", 10, "a\\x01\\x02" },
		{ "\xe2\x82\xac\xe2\x82\xac", 6, "..." },
		{ "\xe2\x82\xac\xe2\x82\xac", 7, "\xe2\x82\xac\xe2\x82\xac" },
		{ "", 4, "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char out[16];

		memset(out, '#', sizeof(out));
		tdm_text_safe(cases[i].in, strlen(cases[i].in), out, cases[i].cap);
		cr_expect_str_eq(out, cases[i].out, "case %zu: %s", i, out);
		cr_expect_eq(out[cases[i].cap], '#', "case %zu", i);
	}
}

Test(text, copy_refuses_and_cut_keeps_whole_characters)
{
	char out[5];

	cr_assert_eq(tdm_text_copy(out, sizeof(out), "abcd", 4), TDM_OK);
	cr_assert_str_eq(out, "abcd");
	cr_assert_eq(tdm_text_copy(out, sizeof(out), "abcde", 5), TDM_ERR_TOO_LONG);
	cr_assert_str_eq(out, "");
	cr_assert_eq(tdm_text_copy(out, sizeof(out), NULL, 0), TDM_OK);
	tdm_text_copy_cut(out, sizeof(out), "abcdefgh", 8);
	cr_assert_str_eq(out, "abcd");
	tdm_text_copy_cut(out, sizeof(out), "abc\xe2\x82\xac", 6);
	cr_assert_str_eq(out, "abc", "half a character is no character");
	tdm_text_copy_cut(out, sizeof(out), "\x80\x80\x80\x80\x80\x80", 6);
	cr_assert_str_eq(out, "");
	tdm_text_copy_cut(out, 1, "a", 1);
	cr_assert_str_eq(out, "");
}

Test(text, hex_both_ways)
{
	uint8_t out[3];

	cr_assert_eq(tdm_hex_decode("00fFAb", 6, out, 3), TDM_OK);
	cr_assert_arr_eq(out, "\x00\xff\xab", 3);
	cr_assert_eq(tdm_hex_decode("", 0, out, 0), TDM_OK);
	cr_assert_eq(tdm_hex_decode("00ff", 4, out, 3), TDM_ERR_MALFORMED);
	cr_assert_eq(tdm_hex_decode("00ffa", 5, out, 3), TDM_ERR_MALFORMED);
}

Test(text, every_character_as_hex_digit)
{
	for (int c = 0; c < 256; c++) {
		char in[2] = { '0', (char)c };
		uint8_t out;
		enum tdm_err err = tdm_hex_decode(in, 2, &out, 1);
		bool digit =
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

		cr_expect_eq(err == TDM_OK, digit, "character %d", c);
	}
}

/* RFC 4648, section 10, with the padding taken off. */
static const struct {
	const char *raw, *text;
} base64[] = { { "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg" },
	{ "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" }, { "\xfb\xff\xbf", "-_-_" } };

Test(text, base64url_vectors)
{
	for (size_t i = 0; i < COUNT(base64); i++) {
		size_t len = strlen(base64[i].raw);
		char text[16];
		uint8_t raw[8];

		tdm_base64url_encode(base64[i].raw, len, text);
		cr_expect_str_eq(text, base64[i].text);
		cr_expect_eq(strlen(text), TDM_BASE64URL_LEN(len));
		cr_expect_eq(tdm_base64url_decode(text, strlen(text), raw, len), TDM_OK);
		cr_expect_arr_eq(raw, base64[i].raw, len);
	}
}

Test(text, base64url_has_one_text_for_each_value)
{
	static const char *const bad[] = { "Zh", "Zm9", "Zg=", "Zg==", "Z", "Zg ", " Zg", "Z+",
		"Z/", "Z\n", "Z\x80", "Zgg" };
	uint8_t raw[2];

	cr_assert_eq(tdm_base64url_decode("Zg", 2, raw, 1), TDM_OK);
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_eq(tdm_base64url_decode(bad[i], strlen(bad[i]), raw, 1),
			TDM_ERR_MALFORMED, "%s", bad[i]);
	/* two bytes: the last character carries two unused bits */
	cr_assert_eq(tdm_base64url_decode("Zm8", 3, raw, 2), TDM_OK);
	cr_assert_eq(tdm_base64url_decode("Zm9", 3, raw, 2), TDM_ERR_MALFORMED);
}

Test(text, base64url_round_trip_of_every_byte)
{
	uint8_t raw[256], back[256];
	char text[TDM_BASE64URL_LEN(256) + 1];

	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)(i * 37 + 11);
	for (size_t len = 0; len <= sizeof(raw); len++) {
		tdm_base64url_encode(raw, len, text);
		cr_assert_eq(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					  "0123456789-_"),
			TDM_BASE64URL_LEN(len));
		cr_assert_eq(tdm_base64url_decode(text, strlen(text), back, len), TDM_OK);
		cr_assert_arr_eq(raw, back, len);
	}
}

Test(text, case_folding_is_ascii_only)
{
	cr_assert(tdm_text_equal_nocase("X-CSTP-Mtu", "x-cstp-MTU"));
	cr_assert_not(tdm_text_equal_nocase("a", "ab"));
	cr_assert_not(tdm_text_equal_nocase("ab", "a"));
	cr_assert_not(tdm_text_equal_nocase("[", "{"));
	cr_assert_not(tdm_text_equal_nocase("\xc4", "\xe4"));
	cr_assert(tdm_text_prefix_nocase("OpenConnect", "opencon"));
	cr_assert_not(tdm_text_prefix_nocase("Open", "opencon"));
	cr_assert(tdm_text_prefix_nocase("", ""));
}

Test(text, numbers_are_digits_and_bounded)
{
	static const struct {
		const char *in;
		uint64_t max;
		enum tdm_err err;
		uint64_t out;
	} cases[] = {
		{ "0", 0, TDM_OK, 0 },
		{ "1500", 65535, TDM_OK, 1500 },
		{ "007", 9, TDM_OK, 7 },
		{ "18446744073709551615", UINT64_MAX, TDM_OK, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, TDM_ERR_MALFORMED, 0 },
		{ "99999999999999999999999999", UINT64_MAX, TDM_ERR_MALFORMED, 0 },
		{ "65536", 65535, TDM_ERR_MALFORMED, 0 },
		{ "", 9, TDM_ERR_MALFORMED, 0 },
		{ "-1", 9, TDM_ERR_MALFORMED, 0 },
		{ "+1", 9, TDM_ERR_MALFORMED, 0 },
		{ " 1", 9, TDM_ERR_MALFORMED, 0 },
		{ "1 ", 9, TDM_ERR_MALFORMED, 0 },
		{ "0x1", 9, TDM_ERR_MALFORMED, 0 },
		{ "1\xb2", 99, TDM_ERR_MALFORMED, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t out = 77;

		cr_expect_eq(
			tdm_text_parse_u64(cases[i].in, strlen(cases[i].in), cases[i].max, &out),
			cases[i].err, "%s", cases[i].in);
		cr_expect_eq(out, cases[i].out, "%s", cases[i].in);
	}
}
