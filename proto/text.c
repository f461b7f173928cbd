/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ASCII_SPACE = 0x20, ASCII_DEL = 0x7f };

static bool is_control(unsigned char c)
{
	return c < ASCII_SPACE || c == ASCII_DEL;
}

void tdm_text_init(struct tdm_text *t, char *buf, size_t cap)
{
	*t = (struct tdm_text){ .buf = buf, .cap = cap };
	buf[0] = '\0';
}

bool tdm_text_ok(const struct tdm_text *t)
{
	return !t->overflow;
}

enum tdm_err tdm_text_result(const struct tdm_text *t)
{
	return t->overflow ? TDM_ERR_FULL : TDM_OK;
}

void tdm_text_add_len(struct tdm_text *t, const char *s, size_t len)
{
	if (t->overflow || len == 0)
		return;
	if (len >= t->cap - t->len) {
		t->overflow = true;
		return;
	}
	memcpy(t->buf + t->len, s, len);
	t->len += len;
	t->buf[t->len] = '\0';
}

void tdm_text_char(struct tdm_text *t, char c)
{
	tdm_text_add_len(t, &c, 1);
}

void tdm_text_add(struct tdm_text *t, const char *s)
{
	if (s)
		tdm_text_add_len(t, s, strlen(s));
}

void tdm_text_addf(struct tdm_text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	if (t->overflow)
		return;
	va_start(args, fmt);
	n = vsnprintf(t->buf + t->len, t->cap - t->len, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= t->cap - t->len) {
		t->buf[t->len] = '\0';
		t->overflow = true;
		return;
	}
	t->len += (size_t)n;
}

void tdm_text_u64(struct tdm_text *t, uint64_t v)
{
	char digits[20]; /* 2^64 has 20 */
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	tdm_text_add_len(t, digits + at, sizeof(digits) - at);
}

static void add_hex_byte(struct tdm_text *t, const char *prefix, uint8_t byte, const char *digits)
{
	char out[2] = { digits[byte >> 4], digits[byte & 0xf] };

	tdm_text_add(t, prefix);
	tdm_text_add_len(t, out, sizeof(out));
}

void tdm_text_hex(struct tdm_text *t, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		add_hex_byte(t, "", bytes[i], "0123456789abcdef");
}

static const char *xml_entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void tdm_text_xml(struct tdm_text *t, const char *s)
{
	for (; s && *s; s++) {
		const char *entity = xml_entity(*s);

		if (entity)
			tdm_text_add(t, entity);
		else if (is_control((unsigned char)*s) && !strchr("\t\n\r", *s))
			tdm_text_char(t, '?');
		else
			tdm_text_char(t, *s);
	}
}

void tdm_text_header(struct tdm_text *t, const char *s)
{
	for (; s && *s; s++)
		tdm_text_char(t, is_control((unsigned char)*s) ? '?' : *s);
}

void tdm_text_percent(struct tdm_text *t, const char *s)
{
	for (; s && *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (is_control(c) || c == '%' || c > ASCII_DEL)
			add_hex_byte(t, "%", c, "0123456789ABCDEF");
		else
			tdm_text_char(t, *s);
	}
}

/* Bytes of the sequence that a first byte announces, 0 if it cannot be first (RFC 3629). */
static size_t utf8_announced(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* C1 controls, line separators and direction marks move cursors as well. */
static bool is_sly(uint32_t code)
{
	return (code >= 0x80 && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
	       (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* Length of the UTF-8 sequence at s; 0 if it is invalid or better not shown. */
static size_t utf8_len(const unsigned char *s, size_t len)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = utf8_announced(s[0]);
	uint32_t code;

	if (n <= 1 || n > len)
		return n <= 1 ? n : 0;
	code = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3fu);
	}
	if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return is_sly(code) ? 0 : n;
}

/* Escape what starts at s; returns the bytes of input used. */
static size_t add_printable(struct tdm_text *t, const unsigned char *s, size_t len)
{
	static const char plain[] = "\n\r\t\\\"";
	static const char letter[] = "nrt\\\"";
	const char *special = s[0] ? strchr(plain, s[0]) : NULL;
	size_t n = utf8_len(s, len);

	if (special) {
		char out[2] = { '\\', letter[special - plain] };

		tdm_text_add_len(t, out, sizeof(out));
	} else if (n == 0 || is_control(s[0])) {
		add_hex_byte(t, "\\x", s[0], "0123456789abcdef");
	} else {
		tdm_text_add_len(t, (const char *)s, n);
		return n;
	}
	return 1;
}

void tdm_text_printable(struct tdm_text *t, const char *s, size_t len)
{
	for (size_t i = 0; i < len && !t->overflow;)
		i += add_printable(t, (const unsigned char *)s + i, len - i);
}

const char *tdm_text_safe(const char *s, size_t len, char *out, size_t cap)
{
	static const char more[] = "...";
	struct tdm_text t;
	size_t fits = 0;

	tdm_text_init(&t, out, cap);
	for (size_t i = 0; i < len && !t.overflow;) {
		i += add_printable(&t, (const unsigned char *)s + i, len - i);
		if (!t.overflow && t.len + sizeof(more) <= cap)
			fits = t.len;
	}
	if (t.overflow)
		memcpy(out + fits, more, sizeof(more));
	return out;
}

enum tdm_err tdm_text_copy(char *out, size_t cap, const char *s, size_t len)
{
	out[0] = '\0';
	if (len >= cap)
		return TDM_ERR_TOO_LONG;
	if (len)
		memcpy(out, s, len);
	out[len] = '\0';
	return TDM_OK;
}

void tdm_text_copy_cut(char *out, size_t cap, const char *s, size_t len)
{
	if (len >= cap) {
		len = cap - 1;
		while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
			len--;
	}
	if (len)
		memcpy(out, s, len);
	out[len] = '\0';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool tdm_text_prefix_nocase(const char *s, const char *prefix)
{
	for (; *prefix; s++, prefix++)
		if (lower(*s) != lower(*prefix))
			return false;
	return true;
}

bool tdm_text_equal_nocase(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && tdm_text_prefix_nocase(a, b);
}

enum tdm_err tdm_text_parse_u64(const char *s, size_t len, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	*out = 0;
	if (len == 0)
		return TDM_ERR_MALFORMED;
	for (size_t i = 0; i < len; i++) {
		uint64_t digit = (uint64_t)(unsigned char)s[i] - '0';

		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return TDM_ERR_MALFORMED;
		v = v * 10 + digit;
	}
	if (v > max)
		return TDM_ERR_MALFORMED;
	*out = v;
	return TDM_OK;
}
