/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bounded string builder over the caller's buffer, and the encodings used around it. Overflow is
 * sticky: what does not fit whole is not added, nothing is added after it, and the caller asks once
 * at the end with tdm_text_ok(). The buffer is a terminated string at any time.
 */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

struct tdm_text {
	char *buf;  /* borrowed */
	size_t cap; /* bytes in buf, with the NUL */
	size_t len; /* bytes used, without the NUL */
	bool overflow;
};

/* Start an empty text; cap is at least 1. */
void tdm_text_init(struct tdm_text *t, char *buf, size_t cap);
/* True when all that was added is there. */
bool tdm_text_ok(const struct tdm_text *t) TDM_MUST_USE;
/* TDM_OK or TDM_ERR_FULL. */
enum tdm_err tdm_text_result(const struct tdm_text *t) TDM_MUST_USE;

void tdm_text_char(struct tdm_text *t, char c);
/* Append a string as it is; NULL counts as "". */
void tdm_text_add(struct tdm_text *t, const char *s);
void tdm_text_add_len(struct tdm_text *t, const char *s, size_t len);
void tdm_text_addf(struct tdm_text *t, const char *fmt, ...) TDM_PRINTF(2, 3);
void tdm_text_u64(struct tdm_text *t, uint64_t v);
/* Lower-case hex. */
void tdm_text_hex(struct tdm_text *t, const void *data, size_t len);
/* Escaped for XML element text and double-quoted attributes. Control characters that XML 1.0
 * forbids become "?". */
void tdm_text_xml(struct tdm_text *t, const char *s);
/* For one line of a log: control characters, backslash, double quote and invalid UTF-8 become \xNN
 * (\n, \r, \t, \\, \" short), so that no input can forge a line or move a cursor. */
void tdm_text_printable(struct tdm_text *t, const char *s, size_t len);
/* For the value of an HTTP header: every control character becomes "?", so that no field can end
 * the line (response splitting). */
void tdm_text_header(struct tdm_text *t, const char *s);
/* Percent-escaped: controls, '%' and bytes above 126 become %XX. */
void tdm_text_percent(struct tdm_text *t, const char *s);

/* Escape into out like tdm_text_printable(); cut with "..." when out is too small (cap >= 4).
 * Returns out, for use in an argument list. */
const char *tdm_text_safe(const char *s, size_t len, char *out, size_t cap);

/* Copy a string into a fixed array. TDM_ERR_TOO_LONG (and out empty) when it does not fit. */
enum tdm_err tdm_text_copy(char *out, size_t cap, const char *s, size_t len) TDM_MUST_USE;
/* The same, cut at a UTF-8 boundary instead of refused: for client strings that are only shown. */
void tdm_text_copy_cut(char *out, size_t cap, const char *s, size_t len);

/* Exactly out_len bytes from 2 * out_len hex digits, either case. */
enum tdm_err tdm_hex_decode(
	const char *text, size_t len, uint8_t *out, size_t out_len) TDM_MUST_USE;

/* Characters of unpadded base64 for n bytes, without the NUL. */
#define TDM_BASE64URL_LEN(n) (((n)*4 + 2) / 3)

/* base64url (RFC 4648 section 5) without padding; out holds TDM_BASE64URL_LEN(len) + 1 bytes. */
void tdm_base64url_encode(const void *data, size_t len, char *out);
/* Strict: no padding, no white space, unused bits zero. Exactly out_len bytes or
 * TDM_ERR_MALFORMED. */
enum tdm_err tdm_base64url_decode(
	const char *text, size_t len, uint8_t *out, size_t out_len) TDM_MUST_USE;

/* ASCII case-insensitive comparison, independent of the locale. */
bool tdm_text_equal_nocase(const char *a, const char *b) TDM_MUST_USE;
bool tdm_text_prefix_nocase(const char *s, const char *prefix) TDM_MUST_USE;
/* Decimal number without sign or space, at most max; anything else: TDM_ERR_MALFORMED. */
enum tdm_err tdm_text_parse_u64(
	const char *s, size_t len, uint64_t max, uint64_t *out) TDM_MUST_USE;
