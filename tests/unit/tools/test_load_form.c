/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Protects: that the load generator and the gateway speak the same login. What one side of the
 * protocol writes here, the other side reads.
 */
#include "tools/load/form.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "proto/authxml.h"
#include "proto/connect.h"
#include "tools/load/request.h"

static enum tdm_err parse(const char *xml, struct tdm_load_form *out)
{
	return tdm_load_form_parse(xml, strlen(xml), out);
}

/* Read a request with the gateway's parser. */
static void gateway_reads(struct tdm_http_parser *p, const struct tdm_text *text)
{
	size_t used;

	cr_assert(tdm_text_ok(text));
	cr_assert_eq(tdm_http_parser_init(p), TDM_OK);
	cr_assert_eq(tdm_http_parser_feed(p, text->buf, text->len, &used), TDM_OK);
	cr_assert(p->complete);
	cr_assert_eq(used, text->len);
}

static const struct tdm_load_request req = { .host = "192.0.2.1", .cookies = "webvpncontext=x" };

Test(load_form, the_gateways_form)
{
	static const struct tdm_auth_group groups[] = { { "staff", "Staff & guests" },
		{ "it", NULL } };
	char buf[4096];
	struct tdm_text text;
	struct tdm_load_form f;

	tdm_text_init(&text, buf, sizeof(buf));
	tdm_auth_write_form(&text, &(struct tdm_auth_form){ .groups = groups, .group_count = 2 });
	cr_assert(tdm_text_ok(&text));
	cr_assert_eq(parse(buf, &f), TDM_OK);
	cr_assert(f.has_form && !f.success && !f.has_error);
	cr_assert_str_eq(f.action, "/auth");
	cr_assert(tdm_load_form_wants_password(&f));
	cr_assert_eq(f.group_count, 2);
	cr_assert_str_eq(f.groups[0].label, "Staff & guests");
	cr_assert_str_eq(tdm_load_form_group(&f, "it")->value, "it");
	cr_assert_str_eq(tdm_load_form_group(&f, "Staff & guests")->value, "staff");
	cr_assert_str_eq(tdm_load_form_group(&f, NULL)->value, "staff");
	cr_assert_null(tdm_load_form_group(&f, "nobody"));
}

Test(load_form, the_gateways_success_and_refusal)
{
	char buf[4096];
	struct tdm_text text;
	struct tdm_load_form f;

	tdm_text_init(&text, buf, sizeof(buf));
	tdm_auth_write_complete(&text, &(struct tdm_auth_complete){ .session_token = "abc_-123" });
	cr_assert_eq(parse(buf, &f), TDM_OK);
	cr_assert(f.success && !f.has_form);
	cr_assert_str_eq(f.token, "abc_-123");

	tdm_text_init(&text, buf, sizeof(buf));
	tdm_auth_write_refusal(&text, TDM_AUTH_DIALECT_CONFIG, 13, "Login failed.");
	cr_assert_eq(parse(buf, &f), TDM_OK);
	cr_assert(!f.success && f.has_error && !f.has_form);
	cr_assert_str_eq(f.error, "Login failed.");
}

Test(load_form, opaque_goes_back_as_it_came)
{
	static const char xml[] =
		"<config-auth><opaque is-for=\"sg\"><a b='1'>x &amp; y</a><c/></opaque>"
		"<auth id=\"main\"><form action=\"https://gw/p?x\"><input type=\"hidden\" "
		"name=\"h\""
		" value=\"&lt;1&gt;\"/></form></auth></config-auth>";
	char buf[4096];
	struct tdm_text text;
	struct tdm_load_form f;

	cr_assert_eq(parse(xml, &f), TDM_OK);
	cr_assert_str_eq(f.action, "/p?x");
	tdm_text_init(&text, buf, sizeof(buf));
	tdm_load_write_answer(&text, &req,
		&(struct tdm_load_answer){ .form = &f, .xml = xml, .user = "u", .password = "p" });
	cr_assert(tdm_text_ok(&text));
	cr_assert(strstr(buf,
		"<opaque is-for=\"sg\"><a b='1'>x &amp; y</a><c/></opaque><auth><h>&lt;1&gt;</h>"));
}

Test(load_form, the_gateway_reads_our_answer)
{
	static const char xml[] =
		"<auth id=\"main\"><form><input type=\"text\" name=\"username\"/>"
		"<input type=\"password\" name=\"password\"/><input type=\"submit\" name=\"x\"/>"
		"<input type=\"text\" name=\"not &lt;an&gt; element\"/></form></auth>";
	char buf[4096];
	struct tdm_text text;
	struct tdm_load_form f;
	struct tdm_http_parser p;
	struct tdm_auth_request got;

	cr_assert_eq(parse(xml, &f), TDM_OK);
	tdm_text_init(&text, buf, sizeof(buf));
	tdm_load_write_answer(&text, &req,
		&(struct tdm_load_answer){ .form = &f,
			.xml = xml,
			.user = "alice",
			.password = "<&\">",
			.group = "staff" });
	gateway_reads(&p, &text);
	cr_assert_str_eq(tdm_http_header(&p.req, "Cookie"), "webvpncontext=x");
	cr_assert_eq(tdm_auth_parse(&p.req, &got), TDM_OK);
	cr_assert_eq(got.kind, TDM_AUTH_REPLY);
	cr_assert_str_eq(got.username, "alice");
	cr_assert_str_eq(got.password, "<&\">");
	cr_assert_str_eq(got.group_select, "staff");
	tdm_auth_request_deinit(&got);
	tdm_http_parser_deinit(&p);
}

Test(load_form, the_gateway_reads_our_init_and_connect)
{
	char buf[4096];
	struct tdm_text text;
	struct tdm_http_parser p;
	struct tdm_auth_request init;
	struct tdm_connect_request connect;

	tdm_text_init(&text, buf, sizeof(buf));
	tdm_load_write_init(&text, &req, "/grp", "staff");
	gateway_reads(&p, &text);
	cr_assert_eq(tdm_auth_parse(&p.req, &init), TDM_OK);
	cr_assert_eq(init.kind, TDM_AUTH_INIT);
	cr_assert_str_eq(init.group_select, "staff");
	cr_assert_str_eq(init.group_access, "/grp");
	tdm_auth_request_deinit(&init);
	tdm_http_parser_deinit(&p);

	tdm_text_init(&text, buf, sizeof(buf));
	tdm_load_write_connect(&text, &req, "TOKEN", "10.0.0.7");
	gateway_reads(&p, &text);
	cr_assert_eq(tdm_connect_parse(&p.req, &connect), TDM_OK);
	cr_assert(connect.token_len == 5 && !memcmp(connect.token, "TOKEN", 5));
	cr_assert_eq(tdm_ip_v4(&connect.had_v4), 0x0a000007);
	cr_assert(connect.want_v4 && !connect.dtls_offered);
	tdm_connect_request_deinit(&connect);
	tdm_http_parser_deinit(&p);
}

Test(load_form, refuses)
{
	static const struct {
		const char *xml;
		enum tdm_err want;
	} cases[] = {
		{ "", TDM_ERR_MALFORMED },
		{ "<a>", TDM_ERR_MALFORMED },
		{ "<!DOCTYPE a [<!ENTITY x \"y\">]><auth id=\"success\">&x;</auth>",
			TDM_ERR_UNSUPPORTED },
		{ "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a>"
		  "</a></a></a></a></a></a></a></a></a>",
			TDM_ERR_TOO_LONG },
		{ "<form action=\"/a&#13;&#10;b\"/>", TDM_ERR_MALFORMED },
	};
	struct tdm_load_form f;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_eq(parse(cases[i].xml, &f), cases[i].want, "case %zu", i);
}

Test(load_form, too_many_inputs_and_too_long_a_token)
{
	char xml[8192] = "<form>";
	struct tdm_load_form f;
	size_t n = strlen(xml);

	for (size_t i = 0; i <= TDM_LOAD_FORM_INPUTS_MAX; i++)
		n += (size_t)sprintf(xml + n, "<input type='text' name='n'/>");
	(void)sprintf(xml + n, "</form>");
	cr_assert_eq(parse(xml, &f), TDM_ERR_TOO_LONG);

	n = (size_t)sprintf(xml, "<session-token>");
	memset(xml + n, 't', TDM_LOAD_TOKEN_MAX);
	(void)sprintf(xml + n + TDM_LOAD_TOKEN_MAX, "</session-token>");
	cr_assert_eq(parse(xml, &f), TDM_ERR_TOO_LONG);
}
