/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hex and base64url: the part of text.h that turns text into bytes and back. */
#include "proto/text.h"

enum {
	HEX_BITS = 4,
	B64_BITS = 6,
	B64_MASK = (1 << B64_BITS) - 1,
	BYTE_BITS = 8,
	BAD_DIGIT = 0xff,
};

/* Tokens pass through here: the value of a character is computed without branch or table, so that
 * neither time nor cache tells which characters a secret has. */
static unsigned in_range(unsigned c, unsigned first, unsigned last)
{
	/* all ones when first <= c <= last, else zero */
	return 0u - (((first - 1 - c) & (c - last - 1)) >> 31);
}

static uint8_t hex_value(char ch)
{
	unsigned c = (unsigned char)ch;
	unsigned digit = in_range(c, '0', '9'), low = in_range(c, 'a', 'f');
	unsigned up = in_range(c, 'A', 'F');

	return (uint8_t)((digit & (c - '0')) | (low & (c - 'a' + 10)) | (up & (c - 'A' + 10)) |
			 (~(digit | low | up) & BAD_DIGIT));
}

static uint8_t b64_value(char ch)
{
	unsigned c = (unsigned char)ch;
	unsigned up = in_range(c, 'A', 'Z'), low = in_range(c, 'a', 'z');
	unsigned digit = in_range(c, '0', '9');
	unsigned dash = in_range(c, '-', '-'), line = in_range(c, '_', '_');

	return (uint8_t)((up & (c - 'A')) | (low & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
			 (dash & 62) | (line & 63) |
			 (~(up | low | digit | dash | line) & BAD_DIGIT));
}

static char b64_char(unsigned v)
{
	unsigned up = in_range(v + 1, 1, 26), low = in_range(v + 1, 27, 52);
	unsigned digit = in_range(v + 1, 53, 62);
	unsigned dash = in_range(v + 1, 63, 63), line = in_range(v + 1, 64, 64);

	return (char)((up & ('A' + v)) | (low & ('a' + v - 26)) | (digit & ('0' + v - 52)) |
		      (dash & '-') | (line & '_'));
}

enum tdm_err tdm_hex_decode(const char *text, size_t len, uint8_t *out, size_t out_len)
{
	unsigned bad = 0;

	if (len != out_len * 2)
		return TDM_ERR_MALFORMED;
	for (size_t i = 0; i < out_len; i++) {
		uint8_t high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

		bad |= (unsigned)(high | low) >> HEX_BITS;
		out[i] = (uint8_t)(high << HEX_BITS | (low & 0xf));
	}
	return bad ? TDM_ERR_MALFORMED : TDM_OK;
}

void tdm_base64url_encode(const void *data, size_t len, char *out)
{
	const uint8_t *in = data;
	unsigned hold = 0, bits = 0;

	for (size_t i = 0; i < len; i++) {
		hold = (hold << BYTE_BITS | in[i]) & 0xffff;
		bits += BYTE_BITS;
		while (bits >= B64_BITS) {
			bits -= B64_BITS;
			*out++ = b64_char(hold >> bits & B64_MASK);
		}
	}
	if (bits)
		*out++ = b64_char(hold << (B64_BITS - bits) & B64_MASK);
	*out = '\0';
}

enum tdm_err tdm_base64url_decode(const char *text, size_t len, uint8_t *out, size_t out_len)
{
	unsigned hold = 0, bits = 0, bad = 0;
	size_t n = 0;

	if (len != TDM_BASE64URL_LEN(out_len))
		return TDM_ERR_MALFORMED;
	for (size_t i = 0; i < len; i++) {
		uint8_t v = b64_value(text[i]);

		bad |= (unsigned)v >> B64_BITS;
		hold = (hold << B64_BITS | (v & B64_MASK)) & 0xffff;
		bits += B64_BITS;
		if (bits >= BYTE_BITS && n < out_len) {
			bits -= BYTE_BITS;
			out[n++] = (uint8_t)(hold >> bits);
		}
	}
	/* two texts for the same bytes would be two names for one secret */
	bad |= hold & ((1u << bits) - 1);
	return bad ? TDM_ERR_MALFORMED : TDM_OK;
}
