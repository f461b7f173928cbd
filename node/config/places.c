/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/config/places.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "proto/text.h"

enum {
	DEPTH_MAX = 8,
	PLACES_MAX = 16 * 1024,
	KEYS_MAX = 64, /* in one mapping */
};

struct walk {
	struct tdm_places *places;
	struct tdm_diag *diag;
	yaml_parser_t parser;
};

static enum tdm_err walk_node(
	struct walk *w, const yaml_event_t *event, const char *path, size_t at, int depth);

struct tdm_place_path tdm_place_path(const char *fmt, ...)
{
	struct tdm_place_path path;
	va_list args;

	va_start(args, fmt);
	vsnprintf(path.text, sizeof(path.text), fmt, args);
	va_end(args);
	return path;
}

static enum tdm_err error_at(
	const struct walk *w, const yaml_mark_t *mark, const char *path, const char *text)
{
	char safe[TDM_PLACE_PATH_MAX];

	return tdm_diag_set(w->diag, TDM_ERR_CONFIG, "%s:%zu:%zu: %s%s%s", w->places->file,
		mark->line + 1, mark->column + 1,
		tdm_text_safe(path, strlen(path), safe, sizeof(safe)), path[0] ? ": " : "", text);
}

static enum tdm_err syntax_error(const struct walk *w)
{
	const yaml_parser_t *p = &w->parser;
	struct tdm_place_path text;

	if (p->error == YAML_MEMORY_ERROR)
		return tdm_diag_set(w->diag, TDM_ERR_NOMEM, "%s: out of memory", w->places->file);
	text = tdm_place_path("not valid YAML: %s", p->problem ? p->problem : "unknown error");
	if (p->error == YAML_READER_ERROR)
		return tdm_diag_set(w->diag, TDM_ERR_CONFIG, "%s: byte %zu: %s; write UTF-8 text",
			w->places->file, p->problem_offset, text.text);
	return error_at(w, &p->problem_mark, "", text.text);
}

static enum tdm_err next_event(struct walk *w, yaml_event_t *event)
{
	if (!yaml_parser_parse(&w->parser, event))
		return syntax_error(w);
	return TDM_OK;
}

static enum tdm_err add_place(
	struct walk *w, const char *path, const yaml_mark_t *key, size_t *index)
{
	struct tdm_places *places = w->places;
	struct tdm_place *grown;
	size_t cap = places->cap ? places->cap * 2 : 256;

	if (places->len == PLACES_MAX)
		return error_at(w, key, path, "the file has too many entries");
	if (places->len == places->cap) {
		grown = realloc(places->items, cap * sizeof(*grown));
		if (!grown)
			return tdm_diag_set(w->diag, TDM_ERR_NOMEM, "out of memory");
		places->items = grown;
		places->cap = cap;
	}
	*index = places->len;
	places->items[*index] = (struct tdm_place){ .path = strdup(path),
		.key_line = (unsigned)key->line + 1,
		.key_column = (unsigned)key->column + 1 };
	if (!places->items[*index].path)
		return tdm_diag_set(w->diag, TDM_ERR_NOMEM, "out of memory");
	places->len++;
	return TDM_OK;
}

static enum tdm_err check_key(struct walk *w, const yaml_event_t *event, const char *path)
{
	const char *text;

	if (event->type != YAML_SCALAR_EVENT)
		return error_at(w, &event->start_mark, path, "a key must be a plain word");
	text = (const char *)event->data.scalar.value;
	if (event->data.scalar.length == 0 || strlen(text) != event->data.scalar.length ||
		strpbrk(text, ".[]"))
		return error_at(w, &event->start_mark, path, "a key must be a plain word");
	return TDM_OK;
}

static bool seen_since(const struct tdm_places *places, size_t first, const char *path)
{
	for (size_t i = first; i < places->len; i++)
		if (!strcmp(places->items[i].path, path))
			return true;
	return false;
}

static enum tdm_err walk_mapping_entry(
	struct walk *w, const yaml_event_t *key, const char *path, size_t first, int depth)
{
	struct tdm_place_path child;
	yaml_event_t value;
	enum tdm_err err;
	size_t at;

	err = check_key(w, key, path);
	if (err)
		return err;
	child = tdm_place_path(
		"%s%s%.64s", path, path[0] ? "." : "", (const char *)key->data.scalar.value);
	if (seen_since(w->places, first, child.text))
		return error_at(w, &key->start_mark, child.text,
			"this key is here for the second time; keep one of the two");
	err = add_place(w, child.text, &key->start_mark, &at);
	if (err)
		return err;
	err = next_event(w, &value);
	if (err)
		return err;
	err = walk_node(w, &value, child.text, at, depth + 1);
	yaml_event_delete(&value);
	return err;
}

static enum tdm_err walk_mapping(struct walk *w, const char *path, int depth)
{
	size_t first = w->places->len;

	for (size_t keys = 0;; keys++) {
		yaml_event_t event;
		enum tdm_err err = next_event(w, &event);
		bool end;

		if (err)
			return err;
		end = event.type == YAML_MAPPING_END_EVENT;
		if (!end && keys == KEYS_MAX)
			err = error_at(w, &event.start_mark, path, "too many keys");
		else if (!end)
			err = walk_mapping_entry(w, &event, path, first, depth);
		yaml_event_delete(&event);
		if (err || end)
			return err;
	}
}

static enum tdm_err walk_sequence(struct walk *w, const char *path, int depth)
{
	for (size_t i = 0;; i++) {
		struct tdm_place_path child = tdm_place_path("%s[%zu]", path, i);
		yaml_event_t event;
		enum tdm_err err = next_event(w, &event);
		bool end;
		size_t at;

		if (err)
			return err;
		end = event.type == YAML_SEQUENCE_END_EVENT;
		if (!end)
			err = add_place(w, child.text, &event.start_mark, &at);
		if (!end && !err)
			err = walk_node(w, &event, child.text, at, depth + 1);
		yaml_event_delete(&event);
		if (err || end)
			return err;
	}
}

static enum tdm_err check_scalar(struct walk *w, const yaml_event_t *event, const char *path)
{
	const char *text = (const char *)event->data.scalar.value;

	if (strlen(text) != event->data.scalar.length)
		return error_at(w, &event->start_mark, path, "NUL characters are not allowed");
	return TDM_OK;
}

static enum tdm_err walk_node(
	struct walk *w, const yaml_event_t *event, const char *path, size_t at, int depth)
{
	struct tdm_place *place = &w->places->items[at];

	place->line = (unsigned)event->start_mark.line + 1;
	place->column = (unsigned)event->start_mark.column + 1;
	if (depth > DEPTH_MAX || strlen(path) + 1 >= TDM_PLACE_PATH_MAX)
		return error_at(w, &event->start_mark, path, "nested too deeply");
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		place->kind = TDM_PLACE_SCALAR;
		return check_scalar(w, event, path);
	case YAML_MAPPING_START_EVENT:
		place->kind = TDM_PLACE_MAPPING;
		return walk_mapping(w, path, depth);
	case YAML_SEQUENCE_START_EVENT:
		place->kind = TDM_PLACE_SEQUENCE;
		return walk_sequence(w, path, depth);
	default:
		return error_at(w, &event->start_mark, path,
			"aliases (*name) are not supported; write the value itself");
	}
}

static enum tdm_err walk_document(struct walk *w)
{
	yaml_event_t event;
	enum tdm_err err = next_event(w, &event);
	size_t at;

	if (err)
		return err;
	err = add_place(w, "", &event.start_mark, &at);
	if (!err && event.type != YAML_MAPPING_START_EVENT)
		err = error_at(w, &event.start_mark, "",
			"the file must be a list of keys with values, like node: n1");
	if (!err)
		err = walk_node(w, &event, "", at, 0);
	yaml_event_delete(&event);
	return err;
}

static enum tdm_err walk_stream(struct walk *w)
{
	bool seen = false;

	for (;;) {
		yaml_event_t event;
		yaml_event_type_t type;
		enum tdm_err err = next_event(w, &event);

		if (err)
			return err;
		type = event.type;
		if (type == YAML_DOCUMENT_START_EVENT && seen)
			err = error_at(w, &event.start_mark, "",
				"a second document starts here; a configuration is one document");
		yaml_event_delete(&event);
		if (!err && type == YAML_DOCUMENT_START_EVENT)
			err = walk_document(w);
		if (err)
			return err;
		seen |= type == YAML_DOCUMENT_START_EVENT;
		if (type == YAML_STREAM_END_EVENT)
			break;
	}
	if (!seen)
		return tdm_diag_set(w->diag, TDM_ERR_CONFIG,
			"%s:1:1: the file is empty; it needs at "
			"least node, cluster, members, tls and auth",
			w->places->file);
	return TDM_OK;
}

enum tdm_err tdm_places_init(struct tdm_places *places, const char *file, const void *data,
	size_t len, struct tdm_diag *diag)
{
	struct walk w = { .places = places, .diag = diag };
	enum tdm_err err;

	*places = (struct tdm_places){ .file = file };
	if (!yaml_parser_initialize(&w.parser))
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "out of memory");
	yaml_parser_set_input_string(&w.parser, data, len);
	err = walk_stream(&w);
	yaml_parser_delete(&w.parser);
	return err;
}

void tdm_places_deinit(struct tdm_places *places)
{
	for (size_t i = 0; i < places->len; i++)
		free(places->items[i].path);
	free(places->items);
	places->items = NULL;
	places->len = places->cap = 0;
}

const struct tdm_place *tdm_places_find(const struct tdm_places *places, const char *path)
{
	for (size_t i = 0; i < places->len; i++)
		if (!strcmp(places->items[i].path, path))
			return &places->items[i];
	return NULL;
}

/* The place itself, or the nearest one around it. */
static const struct tdm_place *find_around(const struct tdm_places *places, const char *path)
{
	struct tdm_place_path p = tdm_place_path("%s", path);
	const struct tdm_place *place;

	while (!(place = tdm_places_find(places, p.text)) && p.text[0]) {
		size_t len = strlen(p.text);

		while (len > 0 && p.text[len - 1] != '.' && p.text[len - 1] != '[')
			len--;
		p.text[len ? len - 1 : 0] = '\0';
	}
	return place;
}

TDM_PRINTF(5, 0)
static enum tdm_err error_v(const struct tdm_places *places, struct tdm_diag *diag,
	const char *path, bool key, const char *fmt, va_list args)
{
	const struct tdm_place *place = find_around(places, path);
	char sentence[sizeof(diag->text)];
	char safe[TDM_PLACE_PATH_MAX];
	unsigned line = 1, column = 1;

	if (place) {
		line = key ? place->key_line : place->line;
		column = key ? place->key_column : place->column;
	}
	vsnprintf(sentence, sizeof(sentence), fmt, args);
	return tdm_diag_set(diag, TDM_ERR_CONFIG, "%s:%u:%u: %s: %s", places->file, line, column,
		path[0] ? tdm_text_safe(path, strlen(path), safe, sizeof(safe)) : "configuration",
		sentence);
}

enum tdm_err tdm_places_error(const struct tdm_places *places, struct tdm_diag *diag,
	const char *path, const char *fmt, ...)
{
	enum tdm_err err;
	va_list args;

	va_start(args, fmt);
	err = error_v(places, diag, path, false, fmt, args);
	va_end(args);
	return err;
}

enum tdm_err tdm_places_key_error(const struct tdm_places *places, struct tdm_diag *diag,
	const char *path, const char *fmt, ...)
{
	enum tdm_err err;
	va_list args;

	va_start(args, fmt);
	err = error_v(places, diag, path, true, fmt, args);
	va_end(args);
	return err;
}
