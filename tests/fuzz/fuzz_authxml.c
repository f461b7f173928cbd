/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Login bodies, as XML and as a form; what was understood goes through the writers. */
#include <assert.h>
#include <expat.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/authxml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fields(const struct tdm_auth_request *r)
{
	assert(memchr(r->username, '\0', sizeof(r->username)));
	assert(memchr(r->password, '\0', sizeof(r->password)));
	assert(memchr(r->secondary_password, '\0', sizeof(r->secondary_password)));
	assert(memchr(r->group_access, '\0', sizeof(r->group_access)));
	assert(memchr(r->session_token, '\0', sizeof(r->session_token)));
	assert(memchr(r->device_id, '\0', sizeof(r->device_id)));
	assert(r->kind != TDM_AUTH_NONE);
	for (const char *s = r->username; *s; s++)
		assert((unsigned char)*s >= ' ' && *s != '\x7f');
	for (const char *s = r->group_select; *s; s++)
		assert((unsigned char)*s >= ' ' && *s != '\x7f');
}

/* Escaped text must not change the structure. Forms may carry bytes that are not UTF-8, which
 * XML cannot: those cannot be checked this way. */
static void check_reply(const struct tdm_auth_request *r, bool utf8)
{
	struct tdm_auth_group groups[] = { { r->group_select, r->device_id }, { "b", "B" } };
	struct tdm_auth_form form = { .message = r->username,
		.error = r->group_select,
		.error_id = 13,
		.action = r->group_access,
		.groups = groups,
		.group_count = 2,
		.selected_group = r->group_select };
	char buf[16 * 1024];
	struct tdm_text t;
	XML_Parser xml;

	tdm_text_init(&t, buf, sizeof(buf));
	tdm_auth_write_form(&t, &form);
	assert(tdm_text_ok(&t));
	if (!utf8)
		return;
	xml = XML_ParserCreate("UTF-8");
	if (!xml)
		abort();
	assert(XML_Parse(xml, buf, (int)t.len, XML_TRUE) == XML_STATUS_OK ||
		/* U+FFFE and U+FFFF */
		memmem(buf, t.len, "\xef\xbf", 2));
	XML_ParserFree(xml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tdm_auth_request req;

	if (!tdm_auth_parse_xml((const char *)data, size, &req)) {
		check_fields(&req);
		check_reply(&req, true);
	}
	tdm_auth_request_deinit(&req);
	if (!tdm_auth_parse_form((const char *)data, size, &req)) {
		check_fields(&req);
		check_reply(&req, false);
	}
	tdm_auth_request_deinit(&req);
	return 0;
}
