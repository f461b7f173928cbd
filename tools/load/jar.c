/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/jar.h"

#include <string.h>

#include "proto/bytes.h"
#include "proto/text.h"

enum { FIRST_PRINTABLE = 0x21, LAST_PRINTABLE = 0x7e };

bool tdm_load_cookie_value_ok(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c < FIRST_PRINTABLE || c > LAST_PRINTABLE || c == ';' || c == ',')
			return false;
	}
	return true;
}

/* The next "name=value" of the jar's own text; false at the end. */
static bool next(const char **at, struct tdm_load_span *name, struct tdm_load_span *value)
{
	const char *eq = strchr(*at, '=');
	size_t len;

	if (!eq)
		return false;
	*name = (struct tdm_load_span){ *at, (size_t)(eq - *at) };
	len = strcspn(eq + 1, ";");
	*value = (struct tdm_load_span){ eq + 1, len };
	*at = eq + 1 + len;
	*at += strspn(*at, "; ");
	return true;
}

bool tdm_load_jar_get(const struct tdm_load_jar *jar, const char *name, struct tdm_load_span *value)
{
	const char *at = jar->text;
	struct tdm_load_span n;

	while (next(&at, &n, value))
		if (n.len == strlen(name) && !memcmp(n.at, name, n.len))
			return true;
	return false;
}

static void add(
	struct tdm_text *text, const struct tdm_load_span *name, const struct tdm_load_span *value)
{
	tdm_text_add(text, text->len ? "; " : "");
	tdm_text_add_len(text, name->at, name->len);
	tdm_text_char(text, '=');
	tdm_text_add_len(text, value->at, value->len);
}

/* "name=value; attributes" taken apart. */
static enum tdm_err split(const struct tdm_load_span *set_cookie, struct tdm_load_span *name,
	struct tdm_load_span *value)
{
	const char *semicolon = memchr(set_cookie->at, ';', set_cookie->len);
	size_t len = semicolon ? (size_t)(semicolon - set_cookie->at) : set_cookie->len;
	const char *eq = memchr(set_cookie->at, '=', len);

	if (!eq || eq == set_cookie->at)
		return TDM_ERR_MALFORMED;
	*name = (struct tdm_load_span){ set_cookie->at, (size_t)(eq - set_cookie->at) };
	*value = (struct tdm_load_span){ eq + 1, len - name->len - 1 };
	while (value->len > 0 && value->at[value->len - 1] == ' ')
		value->len--;
	if (!tdm_load_cookie_value_ok(name->at, name->len) ||
		!tdm_load_cookie_value_ok(value->at, value->len))
		return TDM_ERR_MALFORMED;
	return TDM_OK;
}

enum tdm_err tdm_load_jar_set(struct tdm_load_jar *jar, const struct tdm_load_span *set_cookie)
{
	struct tdm_load_span name, value, n, v;
	char buf[TDM_LOAD_JAR_MAX];
	const char *at = jar->text;
	struct tdm_text text;
	enum tdm_err err = split(set_cookie, &name, &value);

	if (err)
		return err;
	tdm_text_init(&text, buf, sizeof(buf));
	while (next(&at, &n, &v))
		if (n.len != name.len || memcmp(n.at, name.at, n.len) != 0)
			add(&text, &n, &v);
	if (value.len > 0)
		add(&text, &name, &value);
	err = tdm_text_result(&text);
	if (!err)
		memcpy(jar->text, buf, text.len + 1);
	tdm_bytes_wipe(buf, sizeof(buf));
	return err;
}

void tdm_load_jar_wipe(struct tdm_load_jar *jar)
{
	tdm_bytes_wipe(jar->text, sizeof(jar->text));
}
