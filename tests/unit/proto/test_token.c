/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: the token's layout (nodes of different versions must agree), and that exactly one text
 * names a token. */
#include "proto/token.h"

#include <criterion/criterion.h>
#include <string.h>

#include "proto/text.h"

static struct tdm_token sample(void)
{
	struct tdm_token t = { .member = 0x0102, .session_id = UINT64_C(0x1122334455667788) };

	for (size_t i = 0; i < sizeof(t.random); i++)
		t.random[i] = (uint8_t)(0xa0 + i);
	return t;
}

static const char sample_text[] = "AQECESIzRFVmd4igoaKjpKWmp6ipqqusra6vsLGys7S1tre4ubq7vL2-vw";

Test(token, bytes_are_the_layout_of_version_1)
{
	static const uint8_t head[] = { 1, 1, 2, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
	struct tdm_token t = sample();
	uint8_t raw[TDM_TOKEN_BYTES];

	tdm_token_bytes(&t, raw);
	cr_assert_eq(sizeof(raw), 43);
	cr_assert_arr_eq(raw, head, sizeof(head));
	cr_assert_arr_eq(raw + sizeof(head), t.random, sizeof(t.random));
}

Test(token, text_is_cookie_safe_and_stable)
{
	struct tdm_token t = sample();
	char text[TDM_TOKEN_TEXT_MAX];

	tdm_token_write(&t, text);
	cr_assert_str_eq(text, sample_text);
	cr_assert_eq(strlen(text), TDM_TOKEN_TEXT_LEN);
	cr_assert_null(strpbrk(text, "=;, \"+/"), "would be split by cookies or by --cookie");
}

Test(token, parse_gives_back_what_was_written)
{
	struct tdm_token t = sample(), back;

	cr_assert_eq(tdm_token_parse(sample_text, strlen(sample_text), &back), TDM_OK);
	cr_assert_eq(back.member, t.member);
	cr_assert_eq(back.session_id, t.session_id);
	cr_assert_arr_eq(back.random, t.random, sizeof(t.random));
}

static void refused_as(enum tdm_err err, const char *text, size_t len, const char *why)
{
	static const struct tdm_token zero;
	struct tdm_token out = sample();

	cr_expect_eq(tdm_token_parse(text, len, &out), err, "%s", why);
	cr_expect_eq(out.member, 0, "%s", why);
	cr_expect_arr_eq(out.random, zero.random, sizeof(zero.random), "%s", why);
}

static void refused(const char *text, size_t len, const char *why)
{
	refused_as(TDM_ERR_MALFORMED, text, len, why);
}

Test(token, hostile_texts_are_malformed)
{
	char text[80];

	refused("", 0, "empty");
	refused(sample_text, TDM_TOKEN_TEXT_LEN - 1, "short");
	strcpy(text, sample_text);
	strcat(text, "A");
	refused(text, strlen(text), "long");
	strcpy(text, sample_text);
	strcat(text, "==");
	refused(text, strlen(text), "padding");
	for (int c = 0; c < 256; c++) {
		static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					   "0123456789-_";

		if (c && strchr(good, c))
			continue;
		strcpy(text, sample_text);
		text[20] = (char)c;
		refused(text, TDM_TOKEN_TEXT_LEN, "character outside the alphabet");
	}
	strcpy(text, sample_text);
	text[TDM_TOKEN_TEXT_LEN - 1]++;
	refused(text, TDM_TOKEN_TEXT_LEN, "unused bits");
}

Test(token, fields_that_are_never_issued_are_malformed)
{
	static const struct {
		size_t at, len;
		uint8_t value;
		enum tdm_err err;
		const char *why;
	} cases[] = {
		{ 0, 1, 0, TDM_ERR_MALFORMED, "version 0" },
		{ 0, 1, 2, TDM_ERR_VERSION, "version 2: of a newer release, maybe" },
		{ 1, 2, 0, TDM_ERR_MALFORMED, "member 0" },
		{ 3, 8, 0, TDM_ERR_MALFORMED, "session 0" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tdm_token t = sample();
		uint8_t raw[TDM_TOKEN_BYTES];
		char text[TDM_TOKEN_TEXT_MAX];

		tdm_token_bytes(&t, raw);
		memset(raw + cases[i].at, cases[i].value, cases[i].len);
		tdm_base64url_encode(raw, sizeof(raw), text);
		refused_as(cases[i].err, text, strlen(text), cases[i].why);
	}
}

Test(token, every_changed_character_is_another_token_or_none)
{
	struct tdm_token first = sample();

	for (size_t i = 0; i < TDM_TOKEN_TEXT_LEN; i++) {
		char text[TDM_TOKEN_TEXT_MAX];
		struct tdm_token out;

		strcpy(text, sample_text);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		if (tdm_token_parse(text, TDM_TOKEN_TEXT_LEN, &out))
			continue;
		cr_expect(out.member != first.member || out.session_id != first.session_id ||
				  memcmp(out.random, first.random, sizeof(first.random)) != 0,
			"position %zu", i);
	}
}

Test(token, wipe)
{
	struct tdm_token t = sample();
	static const struct tdm_token zero;

	tdm_token_wipe(&t);
	cr_assert_arr_eq(&t, &zero, sizeof(t));
}
