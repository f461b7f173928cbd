/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: how a CONNECT is understood, who is refused how, and the MTU that is announced. */
#include "proto/connect.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct tdm_http_parser parser;
static struct tdm_connect_request req;

static void setup(void)
{
	cr_assert_eq(tdm_http_parser_init(&parser), TDM_OK);
}

static void teardown(void)
{
	tdm_connect_request_deinit(&req);
	tdm_http_parser_deinit(&parser);
}

TestSuite(connect, .init = setup, .fini = teardown);

static enum tdm_err parse_request(const char *line, const char *headers)
{
	static char head[4096];
	struct tdm_text t;
	size_t used;

	tdm_text_init(&t, head, sizeof(head));
	tdm_text_addf(&t, "%s HTTP/1.1\r\n%s\r\n", line, headers);
	cr_assert(tdm_text_ok(&t));
	tdm_http_parser_reset(&parser);
	cr_assert_eq(tdm_http_parser_feed(&parser, head, t.len, &used), TDM_OK, "%s", headers);
	cr_assert(parser.complete);
	return tdm_connect_parse(&parser.req, &req);
}

static void parse(const char *headers)
{
	cr_assert_eq(parse_request("CONNECT /CSCOSSLC/tunnel", headers), TDM_OK);
}

#define SECRET                                                                                     \
	"3B2044D024294F65E493CBEABA22045097F6B1D3E0578A3DADB0687615BF8FD7C20B8BD49836D7FCD8CCB5EF" \
	"28AC451D"

Test(connect, resume_of_openconnect)
{
	parse("Host: 10.99.0.10\r\n"
	      "User-Agent: Open AnyConnect VPN Agent v9.01-3\r\n"
	      "Cookie: webvpn=AQECESIz\r\n"
	      "X-CSTP-Version: 1\r\n"
	      "X-CSTP-Hostname: clienthost\r\n"
	      "X-AnyConnect-STRAP-Verify: MEUCIQDM\r\n"
	      "X-CSTP-Accept-Encoding: oc-lz4,lzs\r\n"
	      "X-CSTP-Base-MTU: 1500\r\n"
	      "X-CSTP-MTU: 1390\r\n"
	      "X-CSTP-Address-Type: IPv6,IPv4\r\n"
	      "X-CSTP-Address: 10.44.0.50\r\n"
	      "X-CSTP-Full-IPv6-Capability: true\r\n"
	      "X-CSTP-Address: fd00:44::50\r\n"
	      "X-DTLS-Master-Secret: " SECRET "\r\n"
	      "X-DTLS-CipherSuite: PSK-NEGOTIATE:OC-DTLS1_2-AES256-GCM\r\n"
	      "X-DTLS12-CipherSuite: ECDHE-RSA-AES256-GCM-SHA384\r\n");
	cr_assert_eq(req.token_len, 8);
	cr_assert_arr_eq(req.token, "AQECESIz", 8);
	cr_assert_str_eq(req.user_agent, "Open AnyConnect VPN Agent v9.01-3");
	cr_assert_str_eq(req.hostname, "clienthost");
	cr_assert_eq(req.base_mtu, 1500);
	cr_assert_eq(req.cstp_mtu, 1390);
	cr_assert(req.want_v4 && req.want_v6 && req.full_ipv6);
	cr_assert_not(req.mobile);
	cr_assert_eq(tdm_ip_v4(&req.had_v4), 0x0a2c0032);
	cr_assert_eq(req.had_v6.family, 6);
	cr_assert(req.dtls_offered && req.dtls_psk);
	cr_assert_str_eq(req.dtls12_ciphers, "ECDHE-RSA-AES256-GCM-SHA384");
	cr_assert(req.has_master_secret);
	cr_assert_eq(req.master_secret[0], 0x3b);
	cr_assert_eq(req.master_secret[47], 0x1d);
}

Test(connect, bare_request_of_an_old_client)
{
	parse("");
	cr_assert_null(req.token);
	cr_assert_eq(req.token_len, 0);
	cr_assert_str_eq(req.user_agent, "");
	cr_assert_str_eq(req.hostname, "");
	cr_assert_eq(req.base_mtu, 0);
	cr_assert(req.want_v4);
	cr_assert_not(req.want_v6);
	cr_assert_not(req.full_ipv6);
	cr_assert_not(req.dtls_offered);
	cr_assert_str_eq(req.dtls_ciphers, "");
	cr_assert_not(req.has_master_secret);
	cr_assert_eq(req.had_v4.family, 0);
}

Test(connect, wrong_method_or_path)
{
	cr_assert_eq(parse_request("GET /CSCOSSLC/tunnel", ""), TDM_ERR_INVAL);
	cr_assert_eq(parse_request("CONNECT /", ""), TDM_ERR_NOT_FOUND);
	cr_assert_eq(parse_request("CONNECT /CSCOSSLC/tunnel/", ""), TDM_ERR_NOT_FOUND);
	cr_assert_eq(parse_request("CONNECT /cscosslc/tunnel", ""), TDM_ERR_NOT_FOUND);
}

Test(connect, odd_numbers_count_as_absent)
{
	static const char *const odd[] = { "", "abc", "-1", "65536", "99999999999999999999",
		"1500.5", "0x5dc", "1500,1500" };

	for (size_t i = 0; i < COUNT(odd); i++) {
		char headers[128] = "X-CSTP-Base-MTU: ";

		strcat(headers, odd[i]);
		strcat(headers, "\r\nX-CSTP-MTU: 1390\r\n");
		parse(headers);
		cr_expect_eq(req.base_mtu, 0, "%s", odd[i]);
		cr_expect_eq(req.cstp_mtu, 1390);
	}
}

Test(connect, odd_secrets_and_addresses_count_as_absent)
{
	static const uint8_t zero[TDM_CONNECT_MASTER_SECRET_LEN];

	parse("X-DTLS-Master-Secret: " SECRET "0\r\nX-CSTP-Address: nowhere\r\n");
	cr_assert_not(req.has_master_secret);
	parse("X-DTLS-Master-Secret: Z" SECRET "\r\nX-CSTP-Address: 10.0.0.999\r\n");
	cr_assert_not(req.has_master_secret);
	cr_assert_arr_eq(req.master_secret, zero, sizeof(zero), "no half of a secret is kept");
	cr_assert_eq(req.had_v4.family, 0);
}

Test(connect, address_types)
{
	static const struct {
		const char *value;
		bool v4, v6;
	} cases[] = { { "IPv4", true, false }, { "IPv6", false, true }, { "IPv6,IPv4", true, true },
		{ "", true, false }, { "IPX", true, false } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		char headers[64] = "X-CSTP-Address-Type: ";

		strcat(headers, cases[i].value);
		strcat(headers, "\r\n");
		parse(headers);
		cr_expect_eq(req.want_v4, cases[i].v4, "%s", cases[i].value);
		cr_expect_eq(req.want_v6, cases[i].v6, "%s", cases[i].value);
	}
}

Test(connect, mobile_and_legacy_dtls)
{
	parse("X-CSTP-License: mobile\r\nX-DTLS-CipherSuite: AES256-SHA\r\n");
	cr_assert(req.mobile);
	cr_assert(req.dtls_offered);
	cr_assert_not(req.dtls_psk);
	parse("X-DTLS12-CipherSuite: ECDHE-RSA-AES256-GCM-SHA384\r\n");
	cr_assert(req.dtls_offered);
}

Test(connect, hostname_is_cut)
{
	char headers[512] = "X-CSTP-Hostname: ";

	memset(headers + strlen(headers), 'h', 300);
	strcat(headers, "\r\n");
	parse(headers);
	cr_assert_eq(strlen(req.hostname), TDM_CLIENT_TEXT_MAX - 1);
}

Test(connect, deinit_wipes_the_secret)
{
	static const struct tdm_connect_request zero;

	parse("X-DTLS-Master-Secret: " SECRET "\r\n");
	cr_assert(req.has_master_secret);
	tdm_connect_request_deinit(&req);
	cr_assert_arr_eq(&req, &zero, sizeof(req));
}

Test(connect, lists)
{
	static const struct {
		const char *list, *item;
		bool has;
	} cases[] = {
		{ "PSK-NEGOTIATE", "PSK-NEGOTIATE", true },
		{ "A:PSK-NEGOTIATE", "PSK-NEGOTIATE", true },
		{ "PSK-NEGOTIATE:A", "PSK-NEGOTIATE", true },
		{ "A::PSK-NEGOTIATE:", "PSK-NEGOTIATE", true },
		{ "XPSK-NEGOTIATE", "PSK-NEGOTIATE", false },
		{ "PSK-NEGOTIATEX:A", "PSK-NEGOTIATE", false },
		{ "PSK", "PSK-NEGOTIATE", false },
		{ "", "PSK-NEGOTIATE", false },
		{ ":::", "PSK-NEGOTIATE", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(tdm_connect_list_has(cases[i].list, cases[i].item), cases[i].has, "%s",
			cases[i].list);
}

Test(connect, refusals_are_401_only_when_sure)
{
	static const enum tdm_refusal sure[] = { TDM_REFUSAL_NO_TOKEN, TDM_REFUSAL_BAD_TOKEN,
		TDM_REFUSAL_UNKNOWN, TDM_REFUSAL_ENDED, TDM_REFUSAL_EXPIRED_IDLE,
		TDM_REFUSAL_EXPIRED_MAX, TDM_REFUSAL_DISPLACED };

	for (enum tdm_refusal r = TDM_REFUSAL_NONE; r < TDM_REFUSAL_COUNT; r++) {
		bool final = false;

		for (size_t i = 0; i < COUNT(sure); i++)
			final = final || sure[i] == r;
		cr_expect_eq(tdm_refusal_status(r) == 401, final, "%s", tdm_refusal_text(r));
		cr_expect_neq(strlen(tdm_refusal_text(r)), 0);
	}
	cr_expect_eq(tdm_refusal_status(TDM_REFUSAL_NOT_SYNCED), 503);
	cr_expect_eq(tdm_refusal_status(TDM_REFUSAL_NONE), 503);
	cr_expect_eq(tdm_refusal_status((enum tdm_refusal)999), 503);
	cr_expect_not_null(tdm_refusal_text((enum tdm_refusal)999));
}

Test(connect, refusal_on_the_wire)
{
	struct tdm_text t;
	char buf[256];

	tdm_text_init(&t, buf, sizeof(buf));
	tdm_connect_refuse(&t, TDM_REFUSAL_UNKNOWN);
	cr_assert_str_eq(buf,
		"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n"
		"X-Reason: session is not known\r\n\r\n");
	tdm_text_init(&t, buf, sizeof(buf));
	tdm_connect_refuse_status(&t, 503, "a\r\nX-CSTP-MTU: 1");
	cr_assert_str_eq(buf,
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n"
		"X-Reason: a??X-CSTP-MTU: 1\r\n\r\n");
}

Test(connect, mtu)
{
	static const struct {
		const char *what;
		struct tdm_mtu_input in;
		uint16_t link, inner;
		bool v6_fits;
	} cases[] = {
		{ "IPv4, AES-GCM", { .client_base = 1500 }, 1500, 1434, true },
		{ "IPv4, ChaCha20",
			{ .client_base = 1500, .record_overhead = TDM_MTU_OVERHEAD_CHACHA }, 1500,
			1442, true },
		{ "IPv6, AES-GCM", { .client_base = 1500, .outer_v6 = true }, 1500, 1414, true },
		{ "nothing said", { 0 }, 1500, 1434, true },
		{ "our path is narrower", { .client_base = 1500, .path = 1400 }, 1400, 1334, true },
		{ "configured is narrower",
			{ .configured_link = 1380, .client_base = 1500, .path = 1400 }, 1380, 1314,
			true },
		{ "client is narrower",
			{ .configured_link = 9000, .client_base = 1280, .path = 1500 }, 1280, 1214,
			false },
		{ "jumbo frames", { .configured_link = 9000, .client_base = 9000 }, 9000, 8934,
			true },
		{ "beyond jumbo", { .configured_link = 65535, .client_base = 65535 }, 9216, 9150,
			true },
		{ "client says nonsense", { .client_base = 1 }, 1280, 1214, false },
		{ "only the old header", { .client_cstp = 1390 }, 1500, 1390, true },
		{ "old header beside the new one", { .client_base = 1500, .client_cstp = 1390 },
			1500, 1434, true },
		{ "old header says nonsense", { .client_cstp = 3 }, 1500, 576, false },
		{ "library carries less", { .client_base = 1500, .record_max = 1359 }, 1500, 1358,
			true },
		{ "library carries more", { .client_base = 1500, .record_max = 4000 }, 1500, 1434,
			true },
		{ "library says nonsense", { .client_base = 1500, .record_max = 1 }, 1500, 1434,
			true },
		{ "tiny path", { .path = 68 }, 68, 576, false },
		{ "just enough for inner IPv6", { .path = 1346 }, 1346, 1280, true },
		{ "one less", { .path = 1345 }, 1345, 1279, false },
		{ "the session had less", { .client_base = 1500, .session_mtu = 1242 }, 1500, 1242,
			false },
		{ "the session had more: never less than that",
			{ .client_base = 1400, .session_mtu = 1434 }, 1400, 1434, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tdm_mtu mtu = tdm_connect_mtu(&cases[i].in);

		cr_expect_eq(mtu.link, cases[i].link, "%s: link %u", cases[i].what, mtu.link);
		cr_expect_eq(mtu.inner, cases[i].inner, "%s: inner %u", cases[i].what, mtu.inner);
		cr_expect_eq(mtu.v6_fits, cases[i].v6_fits, "%s", cases[i].what);
	}
}
