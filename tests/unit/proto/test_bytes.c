/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: no read or write outside the buffer, and that the first error sticks. */
#include "proto/bytes.h"

#include <criterion/criterion.h>
#include <string.h>

Test(bytes, reads_big_endian_in_order)
{
	static const uint8_t in[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xff, 0xfe, 0xfd, 0xfc, 0xfb,
		0xfa, 0xf9, 0xf8 };
	struct tdm_reader r;

	tdm_reader_init(&r, in, sizeof(in));
	cr_assert_eq(tdm_reader_u8(&r), 1);
	cr_assert_eq(tdm_reader_u16(&r), 0x0203);
	cr_assert_eq(tdm_reader_u24(&r), 0x040506);
	cr_assert_eq(tdm_reader_u32(&r), 0x0708090a);
	cr_assert_eq(tdm_reader_left(&r), 8);
	cr_assert_eq(tdm_reader_finish(&r), TDM_ERR_MALFORMED, "bytes are left over");
	cr_assert_eq(tdm_reader_u64(&r), UINT64_C(0xfffefdfcfbfaf9f8));
	cr_assert_eq(tdm_reader_finish(&r), TDM_OK);
}

Test(bytes, reader_error_sticks_and_yields_zeros)
{
	static const uint8_t in[] = { 1, 2, 3 };
	uint8_t out[4] = { 9, 9, 9, 9 };
	struct tdm_reader r;

	tdm_reader_init(&r, in, sizeof(in));
	cr_assert_eq(tdm_reader_u32(&r), 0);
	cr_assert_eq(tdm_reader_u8(&r), 0, "one byte would be there, but the error is final");
	cr_assert_null(tdm_reader_view(&r, 0));
	cr_assert_eq(tdm_reader_left(&r), 0);
	tdm_reader_copy(&r, out, sizeof(out));
	cr_assert_arr_eq(out, "\0\0\0\0", 4);
	cr_assert_eq(tdm_reader_finish(&r), TDM_ERR_SHORT);
}

Test(bytes, reader_takes_any_length_without_overflow)
{
	static const size_t lens[] = { 4, 5, SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX };
	static const uint8_t in[] = { 1, 2, 3 };

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct tdm_reader r;

		tdm_reader_init(&r, in, sizeof(in));
		cr_assert_not_null(tdm_reader_view(&r, 1));
		cr_assert_null(tdm_reader_view(&r, lens[i]), "length %zu", lens[i]);
		cr_assert_eq(r.err, TDM_ERR_SHORT);
	}
}

Test(bytes, reader_of_nothing)
{
	struct tdm_reader r;

	tdm_reader_init(&r, NULL, 0);
	cr_assert_not_null(tdm_reader_view(&r, 0));
	cr_assert_eq(tdm_reader_finish(&r), TDM_OK);
	cr_assert_eq(tdm_reader_u8(&r), 0);
	cr_assert_eq(tdm_reader_finish(&r), TDM_ERR_SHORT);
}

Test(bytes, field_is_bounded_by_max_and_by_input)
{
	static const struct {
		uint8_t in[5];
		size_t len, max;
		enum tdm_err err;
		size_t out;
	} cases[] = {
		{ { 0, 3, 'a', 'b', 'c' }, 5, 3, TDM_OK, 3 },
		{ { 0, 0 }, 2, 3, TDM_OK, 0 },
		{ { 0, 3, 'a', 'b', 'c' }, 5, 2, TDM_ERR_TOO_LONG, 0 },
		{ { 0, 4, 'a', 'b', 'c' }, 5, 9, TDM_ERR_SHORT, 0 },
		{ { 0xff, 0xff, 'a', 'b', 'c' }, 5, SIZE_MAX, TDM_ERR_SHORT, 0 },
		{ { 0 }, 1, 9, TDM_ERR_SHORT, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tdm_reader r;
		size_t len = 99;
		const uint8_t *at;

		tdm_reader_init(&r, cases[i].in, cases[i].len);
		at = tdm_reader_field(&r, cases[i].max, &len);
		cr_expect_eq(r.err, cases[i].err, "case %zu", i);
		cr_expect_eq(at == NULL, cases[i].err != TDM_OK, "case %zu", i);
		cr_expect_eq(len, cases[i].out, "case %zu", i);
	}
}

Test(bytes, writes_what_the_reader_reads)
{
	uint8_t buf[32];
	struct tdm_writer w;
	struct tdm_reader r;
	size_t len;

	tdm_writer_init(&w, buf, sizeof(buf));
	tdm_writer_u8(&w, 0xa1);
	tdm_writer_u16(&w, 0xb2b3);
	tdm_writer_u24(&w, 0xc4c5c6);
	tdm_writer_u32(&w, 0xd7d8d9da);
	tdm_writer_u64(&w, UINT64_C(0xe1e2e3e4e5e6e7e8));
	tdm_writer_field(&w, "hey", 3);
	tdm_writer_copy(&w, NULL, 0);
	cr_assert_eq(w.err, TDM_OK);
	cr_assert_eq(w.len, 1 + 2 + 3 + 4 + 8 + 5);
	tdm_reader_init(&r, buf, w.len);
	cr_assert_eq(tdm_reader_u8(&r), 0xa1);
	cr_assert_eq(tdm_reader_u16(&r), 0xb2b3);
	cr_assert_eq(tdm_reader_u24(&r), 0xc4c5c6);
	cr_assert_eq(tdm_reader_u32(&r), 0xd7d8d9da);
	cr_assert_eq(tdm_reader_u64(&r), UINT64_C(0xe1e2e3e4e5e6e7e8));
	cr_assert_arr_eq(tdm_reader_field(&r, 8, &len), "hey", 3);
	cr_assert_eq(tdm_reader_finish(&r), TDM_OK);
}

Test(bytes, writer_never_passes_its_end)
{
	uint8_t buf[4] = { 0, 0, 0, 0x5a };
	struct tdm_writer w;

	tdm_writer_init(&w, buf, 3);
	tdm_writer_u16(&w, 0x0102);
	tdm_writer_u16(&w, 0x0304);
	cr_assert_eq(w.err, TDM_ERR_FULL);
	tdm_writer_u8(&w, 5);
	cr_assert_eq(w.len, 2, "nothing is added after the error");
	cr_assert_eq(buf[2], 0);
	cr_assert_eq(buf[3], 0x5a);
}

Test(bytes, writer_field_is_all_or_nothing)
{
	static uint8_t big[UINT16_MAX + 1];
	uint8_t buf[4];
	struct tdm_writer w;

	tdm_writer_init(&w, buf, sizeof(buf));
	tdm_writer_field(&w, "abc", 3);
	cr_assert_eq(w.err, TDM_ERR_FULL);
	cr_assert_eq(w.len, 0);
	tdm_writer_init(&w, buf, sizeof(buf));
	tdm_writer_field(&w, big, sizeof(big));
	cr_assert_eq(w.err, TDM_ERR_TOO_LONG);
	cr_assert_eq(w.len, 0);
}

Test(bytes, equal_looks_at_every_byte)
{
	uint8_t a[32], b[32];

	memset(a, 7, sizeof(a));
	memset(b, 7, sizeof(b));
	cr_assert(tdm_bytes_equal(a, b, sizeof(a)));
	cr_assert(tdm_bytes_equal(a, b, 0));
	for (size_t i = 0; i < sizeof(a); i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			b[i] ^= (uint8_t)(1u << bit);
			cr_assert_not(tdm_bytes_equal(a, b, sizeof(a)), "byte %zu bit %u", i, bit);
			b[i] ^= (uint8_t)(1u << bit);
		}
	}
}

Test(bytes, wipe_leaves_zeros_and_only_there)
{
	char secret[8] = "secret!";

	tdm_bytes_wipe(secret, 6);
	cr_assert_arr_eq(secret, "\0\0\0\0\0\0!", 8);
	tdm_bytes_wipe(NULL, 0);
}
