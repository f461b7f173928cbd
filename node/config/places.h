/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where each key of a YAML file stands, so that an error found later can name its line. The same
 * walk refuses what a configuration has no use for: several documents, aliases, keys given twice.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proto/err.h"

enum { TDM_PLACE_PATH_MAX = 192 };

enum tdm_place_kind { TDM_PLACE_SCALAR, TDM_PLACE_MAPPING, TDM_PLACE_SEQUENCE };

/* Paths look like members[0].outside.port; the whole file is "". */
struct tdm_place {
	char *path;
	enum tdm_place_kind kind;
	unsigned key_line, key_column; /* of the key, for an entry of a list of the value; from 1 */
	unsigned line, column;         /* of the value */
};

struct tdm_places {
	const char *file; /* borrowed: the name to print */
	struct tdm_place *items;
	size_t len, cap;
};

/* Walk the text. TDM_ERR_CONFIG with diag, TDM_ERR_NOMEM. Needs deinit in any case. */
enum tdm_err tdm_places_init(struct tdm_places *places, const char *file, const void *data,
	size_t len, struct tdm_diag *diag) TDM_MUST_USE;
void tdm_places_deinit(struct tdm_places *places);

/* NULL when there is nothing at that path. */
const struct tdm_place *tdm_places_find(const struct tdm_places *places, const char *path);

/* Fill diag with "file:line:column: path: sentence" and return TDM_ERR_CONFIG. A path that is not
 * in the file (a missing key) gets the line of what it should be in. */
enum tdm_err tdm_places_error(const struct tdm_places *places, struct tdm_diag *diag,
	const char *path, const char *fmt, ...) TDM_PRINTF(4, 5);
/* The same with the position of the key instead of its value. */
enum tdm_err tdm_places_key_error(const struct tdm_places *places, struct tdm_diag *diag,
	const char *path, const char *fmt, ...) TDM_PRINTF(4, 5);

/* A path made by printf; cut when too long. */
struct tdm_place_path {
	char text[TDM_PLACE_PATH_MAX];
};
struct tdm_place_path tdm_place_path(const char *fmt, ...) TDM_PRINTF(1, 2);
