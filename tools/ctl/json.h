/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes JSON (RFC 8259) in one line; commas and escapes are its business. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct tdm_json {
	FILE *out;
	bool comma; /* something stands before, on this level */
};

void tdm_json_init(struct tdm_json *json, FILE *out);
/* key is NULL in a list and at the top. */
void tdm_json_object(struct tdm_json *json, const char *key);
void tdm_json_object_end(struct tdm_json *json);
void tdm_json_list(struct tdm_json *json, const char *key);
void tdm_json_list_end(struct tdm_json *json);
/* Control characters are escaped; what is not UTF-8 becomes U+FFFD. */
void tdm_json_text(struct tdm_json *json, const char *key, const char *value);
void tdm_json_number(struct tdm_json *json, const char *key, int64_t value);
void tdm_json_unsigned(struct tdm_json *json, const char *key, uint64_t value);
void tdm_json_bool(struct tdm_json *json, const char *key, bool value);
void tdm_json_null(struct tdm_json *json, const char *key);
/* UTC, "2026-01-02T03:04:05Z"; null for 0. */
void tdm_json_time(struct tdm_json *json, const char *key, int64_t wall_ms);
/* End of the line. */
void tdm_json_end(struct tdm_json *json);
