/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/config/values.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/text.h"

enum { SHOWN_MAX = 80 };

/* The value as it may be shown in an error. */
struct shown {
	char text[SHOWN_MAX];
};

static struct shown show(const char *text)
{
	struct shown out;

	tdm_text_safe(text, strlen(text), out.text, sizeof(out.text));
	return out;
}

void tdm_values_refuse(struct tdm_values *v, const char *path, const char *fmt, ...)
{
	char sentence[384];
	va_list args;

	if (v->err)
		return;
	va_start(args, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	v->err = tdm_places_error(v->places, v->diag, path, "%s", sentence);
}

static bool parse_number(const char *text, uint32_t *out)
{
	uint64_t number;

	if (tdm_text_parse_u64(text, strlen(text), UINT32_MAX, &number))
		return false;
	if (text[0] == '0' && text[1]) /* octal to some, decimal to others */
		return false;
	*out = (uint32_t)number;
	return true;
}

uint32_t tdm_values_number(struct tdm_values *v, const char *path, const char *text, uint32_t min,
	uint32_t max, uint32_t otherwise)
{
	uint32_t number;

	if (!text)
		return otherwise;
	if (parse_number(text, &number) && number >= min && number <= max)
		return number;
	tdm_values_refuse(
		v, path, "\"%s\" is not a number from %u to %u", show(text).text, min, max);
	return otherwise;
}

uint32_t tdm_values_number_or_zero(struct tdm_values *v, const char *path, const char *text,
	uint32_t min, uint32_t max, uint32_t otherwise)
{
	uint32_t number;

	if (!text)
		return otherwise;
	if (parse_number(text, &number) && (number == 0 || (number >= min && number <= max)))
		return number;
	tdm_values_refuse(v, path, "\"%s\" is neither 0 nor a number from %u to %u",
		show(text).text, min, max);
	return otherwise;
}

bool tdm_values_bool(struct tdm_values *v, const char *path, const char *text, bool otherwise)
{
	static const char *const words[][2] = {
		{ "false", "true" },
		{ "no", "yes" },
		{ "off", "on" },
	};

	if (!text)
		return otherwise;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (int value = 0; value < 2; value++)
			if (tdm_text_equal_nocase(text, words[i][value]))
				return value;
	tdm_values_refuse(v, path, "\"%s\" is neither true nor false", show(text).text);
	return otherwise;
}

static void copy_text(struct tdm_values *v, const char *path, const char *text,
	const char *controls, char *out, size_t cap)
{
	out[0] = '\0';
	for (const char *p = text; *p; p++)
		if (iscntrl((unsigned char)*p) && !strchr(controls, *p)) {
			tdm_values_refuse(v, path, "control characters are not allowed");
			return;
		}
	if (tdm_text_copy(out, cap, text, strlen(text)))
		tdm_values_refuse(v, path, "too long; at most %zu bytes", cap - 1);
}

void tdm_values_text(struct tdm_values *v, const char *path, const char *text,
	const char *otherwise, char *out, size_t cap)
{
	copy_text(v, path, text ? text : otherwise, "", out, cap);
}

void tdm_values_lines(
	struct tdm_values *v, const char *path, const char *text, char *out, size_t cap)
{
	copy_text(v, path, text ? text : "", "\n\t", out, cap);
}

void tdm_values_name(
	struct tdm_values *v, const char *path, const char *text, char *out, size_t cap)
{
	copy_text(v, path, text ? text : "", "", out, cap);
	if (!out[0])
		tdm_values_refuse(v, path, "the name is empty");
	for (const char *p = out; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p)) {
			tdm_values_refuse(v, path,
				"\"%s\" is not a name; use letters, digits, '.', '_' and '-'",
				show(out).text);
			return;
		}
}

void tdm_values_interface(
	struct tdm_values *v, const char *path, const char *text, char out[TDM_INTERFACE_MAX])
{
	out[0] = '\0';
	if (strlen(text) >= TDM_INTERFACE_MAX) {
		tdm_values_refuse(v, path, "\"%s\" is too long for an interface; at most %d bytes",
			show(text).text, TDM_INTERFACE_MAX - 1);
		return;
	}
	copy_text(v, path, text, "", out, TDM_INTERFACE_MAX);
	if (!out[0] || strpbrk(out, "/ :") || !strcmp(out, ".") || !strcmp(out, ".."))
		tdm_values_refuse(v, path, "\"%s\" is not the name of an interface, like eth0",
			show(text).text);
}

void tdm_values_file(struct tdm_values *v, const char *path, const char *text,
	const char *otherwise, char out[TDM_PATH_MAX])
{
	tdm_values_text(v, path, text, otherwise, out, TDM_PATH_MAX);
	if (text && text[0] != '/')
		tdm_values_refuse(v, path, "\"%s\" is not an absolute path; begin it with /",
			show(text).text);
}

static bool is_label(const char *text, size_t len)
{
	if (len == 0 || len > 63 || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
			return false;
	return true;
}

void tdm_values_domain(
	struct tdm_values *v, const char *path, const char *text, char out[TDM_DOMAIN_MAX])
{
	const char *p = text;

	tdm_values_text(v, path, text, "", out, TDM_DOMAIN_MAX);
	for (;;) {
		size_t len = strcspn(p, ".");

		if (!is_label(p, len)) {
			tdm_values_refuse(v, path, "\"%s\" is not a domain, like corp.example",
				show(text).text);
			return;
		}
		p += len;
		if (!*p || !*++p)
			return;
	}
}
