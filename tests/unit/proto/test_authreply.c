/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: the exact messages that clients are known to understand. */
#include <criterion/criterion.h>
#include <expat.h>
#include <string.h>

#include "proto/authxml.h"

static char buf[4096];
static struct tdm_text text;

static void setup(void)
{
	tdm_text_init(&text, buf, sizeof(buf));
}

TestSuite(authreply, .init = setup);

static void well_formed(void)
{
	XML_Parser xml = XML_ParserCreate(NULL);

	cr_assert(tdm_text_ok(&text));
	cr_assert_eq(XML_Parse(xml, buf, (int)text.len, XML_TRUE), XML_STATUS_OK, "%s", buf);
	XML_ParserFree(xml);
}

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define CONFIG(type)                                                                               \
	HEAD "<config-auth client=\"vpn\" type=\"" type "\" aggregate-auth-version=\"2\">\n"
#define INPUTS                                                                                     \
	"<input type=\"text\" name=\"username\" label=\"Username:\"/>\n"                           \
	"<input type=\"password\" name=\"password\" label=\"Password:\"/>\n"

Test(authreply, smallest_form)
{
	struct tdm_auth_form form = { 0 };

	tdm_auth_write_form(&text, &form);
	cr_assert_str_eq(buf,
		CONFIG("auth-request") "<auth id=\"main\">\n"
				       "<message>Please enter your username and "
				       "password.</message>\n"
				       "<form method=\"post\" action=\"/auth\">\n" INPUTS
				       "</form></auth></config-auth>\n");
	well_formed();
}

Test(authreply, form_after_a_wrong_password)
{
	static const struct tdm_auth_group groups[] = { { "staff", "Staff <VPN>" }, { "ops", NULL },
		{ "eu", "" } };
	struct tdm_auth_form form = { .title = "VPN",
		.message = "Again.",
		.error = "Login failed.",
		.error_id = TDM_AUTH_ERROR_LOGIN_FAILED,
		.action = "/x?a&b",
		.groups = groups,
		.group_count = 3,
		.selected_group = "ops" };

	tdm_auth_write_form(&text, &form);
	cr_assert_str_eq(buf,
		CONFIG("auth-request") "<auth id=\"main\">\n"
				       "<title>VPN</title>\n"
				       "<message>Again.</message>\n"
				       "<error id=\"13\" param1=\"\" param2=\"\">Login "
				       "failed.</error>\n"
				       "<form method=\"post\" action=\"/x?a&amp;b\">\n" INPUTS
				       "<select name=\"group_list\" label=\"Group:\">\n"
				       "<option value=\"ops\" selected=\"true\">ops</option>\n"
				       "<option value=\"staff\">Staff &lt;VPN&gt;</option>\n"
				       "<option value=\"eu\">eu</option>\n"
				       "</select>\n"
				       "</form></auth></config-auth>\n");
	well_formed();
}

Test(authreply, one_group_is_no_choice)
{
	static const struct tdm_auth_group group = { "staff", "Staff" };
	struct tdm_auth_form form = { .groups = &group, .group_count = 1 };

	tdm_auth_write_form(&text, &form);
	cr_assert_null(strstr(buf, "<select"));
}

Test(authreply, unknown_selection_is_the_first_group)
{
	static const struct tdm_auth_group groups[] = { { "a", NULL }, { "b", NULL } };
	struct tdm_auth_form form = {
		.groups = groups, .group_count = 2, .selected_group = "gone"
	};

	tdm_auth_write_form(&text, &form);
	cr_assert_not_null(strstr(buf, "<option value=\"a\" selected=\"true\">a</option>\n"
				       "<option value=\"b\">b</option>"));
}

Test(authreply, bare_dialect)
{
	struct tdm_auth_form form = { .dialect = TDM_AUTH_DIALECT_BARE };
	struct tdm_auth_complete done = { .dialect = TDM_AUTH_DIALECT_BARE,
		.session_id = "1",
		.session_token = "t",
		.banner = "Hi",
		.cert_sha1 = "AA" };

	tdm_auth_write_form(&text, &form);
	cr_assert_eq(strncmp(buf, HEAD "<auth id=\"main\">", strlen(HEAD) + 16), 0);
	cr_assert_null(strstr(buf, "config-auth"));
	well_formed();
	setup();
	tdm_auth_write_complete(&text, &done);
	cr_assert_str_eq(buf, HEAD "<auth id=\"success\">\n<banner>Hi</banner>\n"
				   "<message id=\"0\" param1=\"\" param2=\"\"/>\n</auth>\n");
	well_formed();
}

Test(authreply, complete)
{
	struct tdm_auth_complete done = { .session_id = "32",
		.session_token = "AQECESIz",
		.banner = "Welcome & enjoy",
		.cert_sha1 = "28A022CD" };

	tdm_auth_write_complete(&text, &done);
	cr_assert_str_eq(buf,
		CONFIG("complete") "<session-id>32</session-id>\n"
				   "<session-token>AQECESIz</session-token>\n"
				   "<auth id=\"success\">\n"
				   "<banner>Welcome &amp; enjoy</banner>\n"
				   "<message id=\"0\" param1=\"\" param2=\"\"/>\n</auth>"
				   "<capabilities><crypto-supported>ssl-dhe</crypto-supported></"
				   "capabilities>\n"
				   "<config client=\"vpn\" type=\"private\"><vpn-base-config>\n"
				   "<server-cert-hash>28A022CD</server-cert-hash>\n"
				   "</vpn-base-config><opaque is-for=\"vpn-client\"/></config>\n"
				   "</config-auth>\n");
	well_formed();
}

Test(authreply, complete_without_extras)
{
	struct tdm_auth_complete done = { .session_token = "t" };

	tdm_auth_write_complete(&text, &done);
	cr_assert_null(strstr(buf, "session-id"));
	cr_assert_null(strstr(buf, "banner"));
	cr_assert_null(strstr(buf, "<config "));
	well_formed();
}

Test(authreply, refusal_has_no_form)
{
	tdm_auth_write_refusal(&text, TDM_AUTH_DIALECT_CONFIG, 7, "Access denied.");
	cr_assert_str_eq(buf, CONFIG("auth-request") "<auth id=\"main\">\n"
						     "<error id=\"7\" param1=\"\" "
						     "param2=\"\">Access denied.</error>\n"
						     "</auth></config-auth>\n");
	well_formed();
}

Test(authreply, hostile_text_stays_text)
{
	static const char evil[] = "</message><auth id=\"success\"/>\x01\"'&amp;";
	static const struct tdm_auth_group groups[] = { { evil, evil }, { "b", NULL } };
	struct tdm_auth_form form = { .title = evil,
		.message = evil,
		.error = evil,
		.action = evil,
		.groups = groups,
		.group_count = 2,
		.selected_group = evil };
	struct tdm_auth_complete done = {
		.session_id = evil, .session_token = evil, .banner = evil, .cert_sha1 = evil
	};

	tdm_auth_write_form(&text, &form);
	well_formed();
	cr_assert_null(strstr(buf, "<auth id=\"success\""));
	setup();
	tdm_auth_write_complete(&text, &done);
	well_formed();
}

Test(authreply, overflow_is_reported)
{
	struct tdm_auth_form form = { 0 };

	tdm_text_init(&text, buf, 100);
	tdm_auth_write_form(&text, &form);
	cr_assert_not(tdm_text_ok(&text));
}
