/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server sends to tandem-load: HTTP reply, cookies, login form, echo packets. First byte:
 * flags. */
#include <stdlib.h>
#include <string.h>

#include "tools/load/echo.h"
#include "tools/load/jar.h"
#include "tools/load/request.h"

enum { FLAG_EOF = 1, FLAG_CONNECT = 2, FLAG_ECHO = 4 };

static char body[TDM_LOAD_REPLY_BODY_MAX];
static char text_buf[TDM_LOAD_REQUEST_MAX];

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void use_form(size_t len)
{
	static const struct tdm_load_request req = { .host = "h", .cookies = "" };
	/* A copy of exact size lets the sanitizer see reads behind its end. */
	char *xml = malloc(len ? len : 1);
	struct tdm_load_form form;
	struct tdm_text text;

	check(xml != NULL);
	memcpy(xml, body, len);
	if (!tdm_load_form_parse(xml, len, &form)) {
		check(form.opaque_at + form.opaque_len <= len);
		tdm_text_init(&text, text_buf, sizeof(text_buf));
		tdm_load_write_answer(&text, &req,
			&(struct tdm_load_answer){
				.form = &form, .xml = xml, .user = "u", .password = "p" });
		(void)tdm_load_form_group(&form, NULL);
	}
	free(xml);
}

static void use_reply(const struct tdm_load_reply *reply)
{
	struct tdm_load_jar jar = { "" };
	struct tdm_load_span value;
	size_t pos = 0;

	while (tdm_load_reply_header(reply, "Set-Cookie", false, &pos, &value))
		if (!tdm_load_jar_set(&jar, &value))
			check(strlen(jar.text) < sizeof(jar.text));
	(void)tdm_load_jar_get(&jar, "webvpn", &value);
	use_form(reply->body_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tdm_load_reply_input in = { .body = body, .body_cap = sizeof(body) };
	struct tdm_load_reply reply;
	struct tdm_load_echo echo;

	if (size == 0)
		return 0;
	in.data = (const char *)data + 1;
	in.len = size - 1;
	in.eof = data[0] & FLAG_EOF;
	in.connect = data[0] & FLAG_CONNECT;
	if (data[0] & FLAG_ECHO) {
		(void)tdm_load_echo_reply(data + 1, size - 1, &echo);
		return 0;
	}
	switch (tdm_load_reply_parse(&in, &reply)) {
	case TDM_OK:
		check(reply.used <= in.len && reply.body_len <= sizeof(body));
		use_reply(&reply);
		break;
	case TDM_ERR_AGAIN:
		check(!in.eof);
		break;
	default:
		break;
	}
	return 0;
}
