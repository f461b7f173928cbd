/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/config/rawerror.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"

enum { KEYS_TEXT_MAX = 300 };

void tdm_raw_error_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	struct tdm_raw_error *error = ctx;
	char *line;

	if (level != CYAML_LOG_ERROR || error->len == TDM_RAW_ERROR_LINES)
		return;
	line = error->lines[error->len++];
	vsnprintf(line, sizeof(error->lines[0]), fmt, args);
	line[strcspn(line, "\n")] = '\0';
}

/* What stands between a prefix and the next quote; "" when line does not start so. */
static struct tdm_place_path quoted_after(const char *line, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(line, prefix, n) != 0)
		return tdm_place_path("%s", "");
	return tdm_place_path("%.*s", (int)strcspn(line + n, "'"), line + n);
}

/* The path from the outermost line of the backtrace to line number stop. */
static struct tdm_place_path backtrace_path(const struct tdm_raw_error *error, size_t stop)
{
	struct tdm_place_path path = { .text = "" };

	for (size_t i = error->len; i-- > stop;) {
		const char *line = error->lines[i];
		struct tdm_place_path key = quoted_after(line, "  in mapping field '");
		struct tdm_place_path entry = quoted_after(line, "  in sequence entry '");

		if (key.text[0])
			path = tdm_place_path(
				"%.100s%s%.80s", path.text, path.text[0] ? "." : "", key.text);
		else if (entry.text[0])
			path = tdm_place_path(
				"%.100s[%lu]", path.text, strtoul(entry.text, NULL, 10) - 1);
	}
	return path;
}

static const cyaml_schema_field_t *find_field(
	const cyaml_schema_value_t *mapping, const char *key, size_t len)
{
	if (mapping->type != CYAML_MAPPING)
		return NULL;
	for (const cyaml_schema_field_t *f = mapping->mapping.fields; f->key; f++)
		if (strlen(f->key) == len && !memcmp(f->key, key, len))
			return f;
	return NULL;
}

/* The schema of the mapping at a path, NULL when there is none. */
static const cyaml_schema_value_t *schema_at(const cyaml_schema_value_t *schema, const char *path)
{
	while (*path) {
		size_t n = strcspn(path, ".[");
		const cyaml_schema_field_t *field = find_field(schema, path, n);

		if (!field)
			return NULL;
		schema = &field->value;
		path += n;
		if (*path == '[' && schema->type == CYAML_SEQUENCE) {
			schema = schema->sequence.entry;
			path += strcspn(path, "]");
			path += *path == ']';
		}
		path += *path == '.';
	}
	return schema->type == CYAML_MAPPING ? schema : NULL;
}

static void list_keys(const cyaml_schema_value_t *schema, char *out, size_t cap)
{
	struct tdm_text text;

	tdm_text_init(&text, out, cap);
	if (!schema)
		return;
	for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key; f++) {
		tdm_text_add(&text, text.len ? ", " : "");
		tdm_text_add(&text, f->key);
	}
}

static enum tdm_err unknown_key(const struct tdm_raw_error *error,
	const cyaml_schema_value_t *schema, const struct tdm_places *places, struct tdm_diag *diag)
{
	/* The first line of the backtrace is the mapping with, maybe, its last good key. */
	struct tdm_place_path parent = backtrace_path(error, 3), path;
	const char *colon = strrchr(error->lines[0], ':');
	char known[KEYS_TEXT_MAX];

	path = tdm_place_path(
		"%.100s%s%.80s", parent.text, parent.text[0] ? "." : "", colon ? colon + 2 : "");
	list_keys(schema_at(schema, parent.text), known, sizeof(known));
	return tdm_places_key_error(
		places, diag, path.text, "unknown key; known here are: %s", known);
}

static enum tdm_err missing_key(
	const struct tdm_raw_error *error, const struct tdm_places *places, struct tdm_diag *diag)
{
	struct tdm_place_path parent = backtrace_path(error, 3), path;
	const char *colon = strrchr(error->lines[0], ':');
	const char *key = colon ? colon + 2 : "";

	path = tdm_place_path("%.100s%s%.80s", parent.text, parent.text[0] ? "." : "", key);
	return tdm_places_key_error(places, diag, path.text, "this key is missing%s%s",
		parent.text[0] ? " in " : "", parent.text);
}

/* Of a list with too few or too many entries: the list, not its last entry. */
static struct tdm_place_path list_path(const struct tdm_raw_error *error)
{
	struct tdm_place_path path = backtrace_path(error, 2);
	size_t len = strlen(path.text);

	if (len && path.text[len - 1] == ']')
		*strrchr(path.text, '[') = '\0';
	return path;
}

static const char *wrong_kind(const char *message)
{
	if (strstr(message, "Expecting SEQUENCE"))
		return "must be a list, like [a, b]";
	if (strstr(message, "Expecting MAPPING"))
		return "must have keys with values, like { key: value }";
	if (strstr(message, "Expecting"))
		return "must be one value";
	return NULL;
}

static enum tdm_err wrong_value(const struct tdm_raw_error *error,
	const cyaml_schema_value_t *schema, const struct tdm_places *places, struct tdm_diag *diag)
{
	struct tdm_place_path path = backtrace_path(error, 2);
	const char *message = error->len ? error->lines[0] : "Load: not understood";
	const char *kind = wrong_kind(message);
	const char *number = strchr(message, '(');
	char known[KEYS_TEXT_MAX];

	if (kind && !strcmp(path.text, "cluster"))
		kind = "must be none, or { name: ..., key-file: ... }";
	if (kind && strstr(message, "Expecting MAPPING")) {
		list_keys(schema_at(schema, path.text), known, sizeof(known));
		return tdm_places_error(places, diag, path.text, "must have keys (%s)", known);
	}
	if (kind)
		return tdm_places_error(places, diag, path.text, "%s", kind);
	if (strstr(message, "Excessive entries"))
		return tdm_places_error(places, diag, list_path(error).text,
			"too many entries; at most %lu",
			number ? strtoul(number + 1, NULL, 10) : 0);
	if (strstr(message, "Insufficient entries"))
		return tdm_places_error(places, diag, list_path(error).text,
			"the list is empty; give at least one entry");
	if (strstr(message, "STRING length >"))
		return tdm_places_error(places, diag, path.text, "the text is too long");
	message += strncmp(message, "Load: ", 6) ? 0 : 6;
	return tdm_places_error(places, diag, path.text, "%s", message);
}

enum tdm_err tdm_raw_error_report(const struct tdm_raw_error *error, cyaml_err_t status,
	const cyaml_schema_value_t *schema, const struct tdm_places *places, struct tdm_diag *diag)
{
	switch (status) {
	case CYAML_ERR_OOM:
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "%s: out of memory", places->file);
	case CYAML_ERR_INVALID_KEY:
		return unknown_key(error, schema, places, diag);
	case CYAML_ERR_MAPPING_FIELD_MISSING:
		return missing_key(error, places, diag);
	default:
		return wrong_value(error, schema, places, diag);
	}
}
