/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: framing that clients quit over, and the bounds of what they send. */
#include "proto/cstp.h"

#include <criterion/criterion.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

Test(cstp, header_on_the_wire)
{
	static const uint8_t want[] = { 0x53, 0x54, 0x46, 0x01, 0x05, 0x9a, 0x00, 0x00 };
	uint8_t out[TDM_CSTP_HEADER_LEN];

	tdm_cstp_write_header(out, TDM_CSTP_DATA, 0x059a);
	cr_assert_arr_eq(out, want, sizeof(want));
	tdm_cstp_write_header(out, TDM_CSTP_DPD_RESPONSE, 0);
	cr_assert_arr_eq(out, "STF\x01\0\0\x04\0", sizeof(out));
}

Test(cstp, what_is_written_is_read_back)
{
	static const uint8_t types[] = { 0, 3, 4, 5, 7, 8, 9 };
	static const uint16_t lens[] = { 0, 1, 255, 256, 1434, TDM_CSTP_PAYLOAD_MAX };
	static uint8_t record[TDM_CSTP_RECORD_MAX];

	for (size_t i = 0; i < COUNT(types); i++) {
		for (size_t j = 0; j < COUNT(lens); j++) {
			size_t len = TDM_CSTP_HEADER_LEN + (size_t)lens[j];
			struct tdm_cstp_frame f;

			tdm_cstp_write_header(record, types[i], lens[j]);
			cr_assert_eq(tdm_cstp_parse_header(record, len, &f), TDM_OK);
			cr_assert_eq(f.type, types[i]);
			cr_assert_eq(f.len, lens[j]);
			cr_assert_eq(f.payload, record + TDM_CSTP_HEADER_LEN);
		}
	}
}

Test(cstp, bad_records)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum tdm_err err;
	} cases[] = {
		{ "", 0, TDM_ERR_SHORT },
		{ "STF\x01\0\0\0", 7, TDM_ERR_SHORT },
		{ "STG\x01\0\0\0\0", 8, TDM_ERR_MAGIC },
		{ "STF\x02\0\0\0\0", 8, TDM_ERR_MAGIC },
		{ "GET / HTTP/1.1\r\n", 16, TDM_ERR_MAGIC },
		{ "STF\x01\0\x01\0\0", 8, TDM_ERR_MALFORMED },                   /* says more */
		{ "STF\x01\0\0\0\0x", 9, TDM_ERR_MALFORMED },                    /* says less */
		{ "STF\x01\0\0\x03\0STF\x01\0\0\x03\0", 16, TDM_ERR_MALFORMED }, /* two packets */
		{ "STF\x01\0\0\0\x01", 8, TDM_ERR_MALFORMED },                   /* last byte */
		{ "STF\x01\0\0\x01\0", 8, TDM_ERR_UNSUPPORTED },
		{ "STF\x01\0\0\x06\0", 8, TDM_ERR_UNSUPPORTED },
		{ "STF\x01\0\0\x0a\0", 8, TDM_ERR_UNSUPPORTED },
		{ "STF\x01\0\0\xff\0", 8, TDM_ERR_UNSUPPORTED },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tdm_cstp_frame f;

		cr_expect_eq(
			tdm_cstp_parse_header((const uint8_t *)cases[i].bytes, cases[i].len, &f),
			cases[i].err, "case %zu", i);
		cr_expect_eq(f.payload != NULL, cases[i].err == TDM_ERR_UNSUPPORTED, "case %zu", i);
	}
}

Test(cstp, dtls_records)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum tdm_err err;
	} cases[] = {
		{ "", 0, TDM_ERR_SHORT },
		{ "\x00packet", 7, TDM_OK },
		{ "\x03", 1, TDM_OK },
		{ "\x04", 1, TDM_OK },
		{ "\x07", 1, TDM_OK },
		{ "\x05", 1, TDM_ERR_UNSUPPORTED },
		{ "\x09", 1, TDM_ERR_UNSUPPORTED },
		{ "\x01", 1, TDM_ERR_UNSUPPORTED },
		{ "\xb0", 1, TDM_ERR_UNSUPPORTED },
	};
	static uint8_t big[TDM_CSTP_RECORD_MAX + 1];
	struct tdm_cstp_frame f;

	for (size_t i = 0; i < COUNT(cases); i++) {
		const uint8_t *in = (const uint8_t *)cases[i].bytes;

		cr_expect_eq(tdm_dtls_parse_header(in, cases[i].len, &f), cases[i].err, "%zu", i);
		if (cases[i].len) {
			cr_expect_eq(f.len, cases[i].len - 1);
			cr_expect_eq(f.payload, in + 1);
		}
	}
	cr_assert_eq(tdm_dtls_parse_header(big, sizeof(big), &f), TDM_ERR_TOO_LONG);
}

Test(cstp, type_names)
{
	cr_assert_str_eq(tdm_cstp_type_name(TDM_CSTP_DATA), "data");
	cr_assert_str_eq(tdm_cstp_type_name(TDM_CSTP_DPD_REQUEST), "dpd-request");
	cr_assert_str_eq(tdm_cstp_type_name(TDM_CSTP_TERMINATE), "terminate");
	cr_assert_str_eq(tdm_cstp_type_name(1), "unknown");
	cr_assert_str_eq(tdm_cstp_type_name(255), "unknown");
}

Test(cstp, only_reason_b0_ends_the_session)
{
	struct tdm_cstp_bye bye;

	for (int reason = 0; reason < 256; reason++) {
		uint8_t payload[] = { (uint8_t)reason, 'x' };

		tdm_cstp_parse_bye(payload, sizeof(payload), &bye);
		cr_expect(bye.has_reason);
		cr_expect_eq(bye.reason, reason);
		cr_expect_eq(bye.logoff, reason == 0xb0, "reason %d", reason);
	}
	tdm_cstp_parse_bye(NULL, 0, &bye);
	cr_assert_not(bye.has_reason);
	cr_assert_not(bye.logoff);
	cr_assert_str_eq(bye.text, "");
}

Test(cstp, bye_text_is_bounded_and_safe_for_logs)
{
	static uint8_t big[TDM_CSTP_PAYLOAD_MAX];
	struct tdm_cstp_bye bye;

	tdm_cstp_parse_bye((const uint8_t *)"\xb0"
					    "Aborted by caller",
		18, &bye);
	cr_assert_str_eq(bye.text, "Aborted by caller");
	tdm_cstp_parse_bye((const uint8_t *)"\xb0"
					    "a\nb\0c",
		6, &bye);
	cr_assert_str_eq(bye.text, "a\\nb\\x00c");
	memset(big, '\n', sizeof(big));
	tdm_cstp_parse_bye(big, sizeof(big), &bye);
	cr_assert_lt(strlen(bye.text), sizeof(bye.text));
	cr_assert_str_eq(bye.text + strlen(bye.text) - 3, "...");
}

/* 10.44.0.50 -> 192.0.2.7, 20 bytes of header, no payload */
static const uint8_t v4[] = { 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0, 10, 44, 0, 50, 192, 0, 2,
	7 };

Test(packet, v4_addresses)
{
	struct tdm_ip src, dst;
	char text[TDM_ADDR_TEXT_MAX];

	cr_assert_eq(tdm_packet_addrs(v4, sizeof(v4), &src, &dst), TDM_OK);
	tdm_ip_text(&src, text);
	cr_assert_str_eq(text, "10.44.0.50");
	tdm_ip_text(&dst, text);
	cr_assert_str_eq(text, "192.0.2.7");
}

Test(packet, v6_addresses)
{
	uint8_t pkt[48] = { 0x60, 0, 0, 0, 0, 8, 58, 64, 0xfd, 0, 0, 0x44 };
	struct tdm_ip src, dst;
	char text[TDM_ADDR_TEXT_MAX];

	pkt[23] = 0x50;
	pkt[24] = 0xfe;
	pkt[25] = 0x80;
	pkt[39] = 1;
	cr_assert_eq(tdm_packet_addrs(pkt, sizeof(pkt), &src, &dst), TDM_OK);
	tdm_ip_text(&src, text);
	cr_assert_str_eq(text, "fd00:44::50");
	tdm_ip_text(&dst, text);
	cr_assert_str_eq(text, "fe80::1");
}

Test(packet, hostile_lengths)
{
	struct tdm_ip src, dst;
	uint8_t pkt[sizeof(v4)], v6[41] = { 0x60 };

	cr_assert_eq(tdm_packet_addrs(NULL, 0, &src, &dst), TDM_ERR_SHORT);
	for (size_t len = 1; len < sizeof(v4); len++)
		cr_expect_eq(tdm_packet_addrs(v4, len, &src, &dst), TDM_ERR_SHORT, "%zu", len);
	memcpy(pkt, v4, sizeof(v4));
	pkt[0] = 0x44;
	cr_expect_eq(tdm_packet_addrs(pkt, sizeof(pkt), &src, &dst), TDM_ERR_MALFORMED, "IHL 4");
	pkt[0] = 0x46;
	cr_expect_eq(tdm_packet_addrs(pkt, sizeof(pkt), &src, &dst), TDM_ERR_MALFORMED,
		"header longer than the packet says it is");
	pkt[0] = 0x45;
	pkt[3] = 21;
	cr_expect_eq(tdm_packet_addrs(pkt, sizeof(pkt), &src, &dst), TDM_ERR_SHORT, "says 21");
	pkt[3] = 19;
	cr_expect_eq(tdm_packet_addrs(pkt, sizeof(pkt), &src, &dst), TDM_ERR_MALFORMED, "says 19");
	pkt[0] = 0x55;
	cr_expect_eq(tdm_packet_addrs(pkt, sizeof(pkt), &src, &dst), TDM_ERR_UNSUPPORTED);
	pkt[0] = 0;
	cr_expect_eq(tdm_packet_addrs(pkt, sizeof(pkt), &src, &dst), TDM_ERR_UNSUPPORTED);
	for (size_t len = 1; len < 40; len++)
		cr_expect_eq(tdm_packet_addrs(v6, len, &src, &dst), TDM_ERR_SHORT, "v6 %zu", len);
	v6[5] = 2;
	cr_expect_eq(tdm_packet_addrs(v6, sizeof(v6), &src, &dst), TDM_ERR_SHORT);
	v6[5] = 1;
	cr_expect_eq(tdm_packet_addrs(v6, sizeof(v6), &src, &dst), TDM_OK);
}
