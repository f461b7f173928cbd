/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: addresses as values and as text, which clients compare byte for byte. */
#include "proto/ip.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

Test(ip, parse_and_canonical_text)
{
	static const struct {
		const char *in, *out; /* out NULL: malformed */
		uint8_t family;
	} cases[] = {
		{ "10.44.0.50", "10.44.0.50", 4 },
		{ "0.0.0.0", "0.0.0.0", 4 },
		{ "255.255.255.255", "255.255.255.255", 4 },
		{ "fd00:44::50", "fd00:44::50", 6 },
		{ "FD00:44:0:0:0:0:0:50", "fd00:44::50", 6 },
		{ "::", "::", 6 },
		{ "::ffff:1.2.3.4", "::ffff:1.2.3.4", 6 },
		{ "", NULL, 0 },
		{ "10.44.0", NULL, 0 },
		{ "10.44.0.256", NULL, 0 },
		{ "10.44.0.50 ", NULL, 0 },
		{ " 10.44.0.50", NULL, 0 },
		{ "010.1.1.1", NULL, 0 },
		{ "10.44.0.50/24", NULL, 0 },
		{ "fd00::1::2", NULL, 0 },
		{ "fd00::1%eth0", NULL, 0 },
		{ "1:2:3:4:5:6:7:8:9", NULL, 0 },
		{ "[::1]", NULL, 0 },
		{ "localhost", NULL, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		static const struct tdm_ip zero;
		struct tdm_ip ip;
		char text[TDM_ADDR_TEXT_MAX];
		enum tdm_err err = tdm_ip_parse(cases[i].in, &ip);

		cr_expect_eq(err, cases[i].out ? TDM_OK : TDM_ERR_MALFORMED, "%s", cases[i].in);
		cr_expect_eq(ip.family, cases[i].family, "%s", cases[i].in);
		if (!cases[i].out) {
			cr_expect_arr_eq(&ip, &zero, sizeof(ip), "%s", cases[i].in);
			continue;
		}
		tdm_ip_text(&ip, text);
		cr_expect_str_eq(text, cases[i].out);
	}
}

Test(ip, none_has_a_text)
{
	struct tdm_ip ip = { 0 }, odd = { .family = 9 };
	char text[TDM_ADDR_TEXT_MAX];

	tdm_ip_text(&ip, text);
	cr_assert_str_eq(text, "none");
	tdm_ip_text(&odd, text);
	cr_assert_str_eq(text, "none");
}

Test(ip, v4_numbers)
{
	struct tdm_ip ip = tdm_ip_from_v4(0x0a2c0032), parsed, v6;

	cr_assert_eq(tdm_ip_parse("10.44.0.50", &parsed), TDM_OK);
	cr_assert_eq(tdm_ip_parse("::1", &v6), TDM_OK);
	cr_assert(tdm_ip_equal(&ip, &parsed));
	cr_assert_eq(tdm_ip_v4(&parsed), 0x0a2c0032);
	cr_assert_eq(tdm_ip_v4(&v6), 0);
	cr_assert_not(tdm_ip_equal(&ip, &v6));
	ip = tdm_ip_from_v4(0xffffffff);
	cr_assert_eq(tdm_ip_v4(&ip), 0xffffffff);
}

Test(ip, prefixes)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "10.0.0.0/8", "10.0.0.0/8" },
		{ "10.0.0.0/255.0.0.0", "10.0.0.0/8" },
		{ "10.5.0.0/255.255.0.0", "10.5.0.0/16" },
		{ "0.0.0.0/0.0.0.0", "0.0.0.0/0" },
		{ "10.1.2.3/255.255.255.255", "10.1.2.3/32" },
		{ "10.1.2.3", "10.1.2.3/32" },
		{ "10.1.2.3/24", "10.1.2.3/24" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "fd00:99::/48", "fd00:99::/48" },
		{ "fd00::1", "fd00::1/128" },
		{ "::/0", "::/0" },
		{ "10.0.0.0/33", NULL },
		{ "fd00::/129", NULL },
		{ "10.0.0.0/", NULL },
		{ "10.0.0.0/-1", NULL },
		{ "10.0.0.0/8/8", NULL },
		{ "10.0.0.0/255.0.255.0", NULL },
		{ "10.0.0.0/0.255.255.255", NULL },
		{ "fd00::/255.0.0.0", NULL },
		{ "10.0.0.0/ffff::", NULL },
		{ "/8", NULL },
		{ "", NULL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/8",
			NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tdm_prefix p;
		char text[TDM_PREFIX_TEXT_MAX];
		enum tdm_err err = tdm_prefix_parse(cases[i].in, &p);

		cr_expect_eq(err, cases[i].out ? TDM_OK : TDM_ERR_MALFORMED, "%s", cases[i].in);
		tdm_prefix_text(&p, text);
		if (cases[i].out)
			cr_expect_str_eq(text, cases[i].out);
		else
			cr_expect_eq(p.ip.family, 0);
	}
}

Test(ip, longest_texts_fit)
{
	static const char longest[] = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
	struct tdm_prefix p;
	char text[TDM_PREFIX_TEXT_MAX], ep[TDM_ADDR_TEXT_MAX + 8];
	struct tdm_endpoint e = { .port = 65535 };

	cr_assert_eq(strlen(longest), TDM_ADDR_TEXT_MAX - 1);
	cr_assert_eq(tdm_prefix_parse(longest, &p), TDM_OK);
	tdm_prefix_text(&p, text);
	cr_assert_str_eq(text, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	e.ip = p.ip;
	tdm_endpoint_text(&e, ep);
	cr_assert_str_eq(ep, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	cr_assert_eq(tdm_ip_parse("192.0.2.1", &e.ip), TDM_OK);
	tdm_endpoint_text(&e, ep);
	cr_assert_str_eq(ep, "192.0.2.1:65535");
}

Test(ip, masks)
{
	static const struct {
		uint8_t len;
		const char *mask;
	} cases[] = { { 0, "0.0.0.0" }, { 1, "128.0.0.0" }, { 8, "255.0.0.0" },
		{ 20, "255.255.240.0" }, { 24, "255.255.255.0" }, { 31, "255.255.255.254" },
		{ 32, "255.255.255.255" }, { 200, "255.255.255.255" } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[TDM_ADDR_TEXT_MAX];

		tdm_prefix_mask_text(cases[i].len, text);
		cr_expect_str_eq(text, cases[i].mask);
	}
}

Test(ip, contains)
{
	static const struct {
		const char *prefix, *ip;
		bool in;
	} cases[] = {
		{ "10.44.0.0/24", "10.44.0.255", true },
		{ "10.44.0.0/24", "10.44.1.0", false },
		{ "10.44.0.77/24", "10.44.0.1", true },
		{ "10.44.0.0/20", "10.44.15.9", true },
		{ "10.44.0.0/20", "10.44.16.0", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "::1", false },
		{ "10.44.0.50", "10.44.0.50", true },
		{ "10.44.0.50", "10.44.0.51", false },
		{ "fd00::/63", "fd00:0:0:1::1", true },
		{ "fd00::/63", "fd00:0:0:2::1", false },
		{ "fd00::1/128", "fd00::1", true },
		{ "::/0", "10.0.0.1", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tdm_prefix p;
		struct tdm_ip ip;

		cr_assert_eq(tdm_prefix_parse(cases[i].prefix, &p), TDM_OK);
		cr_assert_eq(tdm_ip_parse(cases[i].ip, &ip), TDM_OK);
		cr_expect_eq(tdm_prefix_contains(&p, &ip), cases[i].in, "%s in %s", cases[i].ip,
			cases[i].prefix);
	}
}

Test(ip, contains_is_total)
{
	struct tdm_prefix odd = { .ip = { .family = 4 }, .len = 255 }, none = { 0 };
	struct tdm_ip zero = { .family = 4 }, nothing = { 0 };

	cr_assert(tdm_prefix_contains(&odd, &zero), "a length beyond the family is the whole one");
	cr_assert_not(tdm_prefix_contains(&none, &nothing));
}
