/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/ctl/json.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

void tdm_json_init(struct tdm_json *json, FILE *out)
{
	json->out = out;
	json->comma = false;
}

/* Bytes of the UTF-8 character at s (RFC 3629), 0 when it is none. */
static size_t utf8_len(const unsigned char *s)
{
	/* first byte from, to; least second byte, greatest second byte; length */
	static const unsigned char forms[][5] = {
		{ 0x00, 0x7f, 0, 0, 1 },
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (s[0] < forms[i][0] || s[0] > forms[i][1])
			continue;
		if (forms[i][4] > 1 && (s[1] < forms[i][2] || s[1] > forms[i][3]))
			return 0;
		for (size_t k = 2; k < forms[i][4]; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return forms[i][4];
	}
	return 0;
}

static void quoted(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	fputc('"', out);
	while (*s) {
		size_t n = utf8_len(s);

		if (n == 0)
			fputs(REPLACEMENT, out);
		else if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if (*s < ' ' || *s == 0x7f)
			fprintf(out, "\\u%04x", *s);
		else
			fwrite(s, 1, n, out);
		s += n ? n : 1;
	}
	fputc('"', out);
}

static void begin(struct tdm_json *json, const char *key)
{
	if (json->comma)
		fputc(',', json->out);
	json->comma = true;
	if (key) {
		quoted(json->out, key);
		fputc(':', json->out);
	}
}

static void open_level(struct tdm_json *json, const char *key, char bracket)
{
	begin(json, key);
	fputc(bracket, json->out);
	json->comma = false;
}

static void close_level(struct tdm_json *json, char bracket)
{
	fputc(bracket, json->out);
	json->comma = true;
}

void tdm_json_object(struct tdm_json *json, const char *key)
{
	open_level(json, key, '{');
}

void tdm_json_object_end(struct tdm_json *json)
{
	close_level(json, '}');
}

void tdm_json_list(struct tdm_json *json, const char *key)
{
	open_level(json, key, '[');
}

void tdm_json_list_end(struct tdm_json *json)
{
	close_level(json, ']');
}

void tdm_json_text(struct tdm_json *json, const char *key, const char *value)
{
	begin(json, key);
	quoted(json->out, value);
}

void tdm_json_number(struct tdm_json *json, const char *key, int64_t value)
{
	begin(json, key);
	fprintf(json->out, "%" PRId64, value);
}

void tdm_json_unsigned(struct tdm_json *json, const char *key, uint64_t value)
{
	begin(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void tdm_json_bool(struct tdm_json *json, const char *key, bool value)
{
	begin(json, key);
	fputs(value ? "true" : "false", json->out);
}

void tdm_json_null(struct tdm_json *json, const char *key)
{
	begin(json, key);
	fputs("null", json->out);
}

void tdm_json_time(struct tdm_json *json, const char *key, int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	char text[64];

	if (wall_ms <= 0 || !gmtime_r(&seconds, &tm) ||
		!strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		tdm_json_null(json, key);
	else
		tdm_json_text(json, key, text);
}

void tdm_json_end(struct tdm_json *json)
{
	fputc('\n', json->out);
}
