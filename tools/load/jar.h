/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The few cookies of one login, as one text ready for a Cookie header. */
#pragma once

#include "proto/err.h"
#include "tools/load/reply.h"

enum { TDM_LOAD_JAR_MAX = 1024, TDM_LOAD_COOKIE_NAME_MAX = 64 };

struct tdm_load_jar {
	char text[TDM_LOAD_JAR_MAX]; /* "a=1; b=2", secret */
};

/* Take the value of one Set-Cookie header: replaces a cookie of that name, an empty value removes
 * it. TDM_ERR_MALFORMED: no name or no '='. TDM_ERR_FULL: the jar is full. The jar is unchanged on
 * errors. */
enum tdm_err tdm_load_jar_set(
	struct tdm_load_jar *jar, const struct tdm_load_span *set_cookie) TDM_MUST_USE;
/* Value of a cookie, not terminated. */
bool tdm_load_jar_get(
	const struct tdm_load_jar *jar, const char *name, struct tdm_load_span *value);
void tdm_load_jar_wipe(struct tdm_load_jar *jar);

/* True when the text can be sent as the value of a cookie. */
bool tdm_load_cookie_value_ok(const char *value, size_t len);
