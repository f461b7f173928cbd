/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: what real clients post is understood, everything else is refused within bounds, and
 * passwords do not stay in memory. */
#include "proto/authxml.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct tdm_auth_request req;

static void teardown(void)
{
	tdm_auth_request_deinit(&req);
}

TestSuite(authxml, .fini = teardown);

static enum tdm_err parse(const char *xml)
{
	tdm_auth_request_deinit(&req);
	return tdm_auth_parse_xml(xml, strlen(xml), &req);
}

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define REPLY(inner)                                                                               \
	"<config-auth client=\"vpn\" type=\"auth-reply\"><auth>" inner "</auth></config-auth>"

Test(authxml, init_of_openconnect)
{
	cr_assert_eq(
		parse(XML
			"<config-auth client=\"vpn\" type=\"init\" aggregate-auth-version=\"2\">"
			"<version who=\"vpn\">v9.01-3</version><device-id>linux-64</device-id>"
			"<capabilities><auth-method>single-sign-on-v2</auth-method>"
			"<auth-method>single-sign-on-external-browser</auth-method></capabilities>"
			"<group-access>https://10.99.0.10/</group-access></config-auth>"),
		TDM_OK);
	cr_assert_eq(req.kind, TDM_AUTH_INIT);
	cr_assert_str_eq(req.version, "v9.01-3");
	cr_assert_str_eq(req.device_id, "linux-64");
	cr_assert_eq(req.capabilities, TDM_AUTH_CAP_SSO_V2 | TDM_AUTH_CAP_SSO_EXTERNAL);
	cr_assert_str_eq(req.group_access, "/");
	cr_assert_str_eq(req.group_select, "");
	cr_assert_not(req.has_username);
	cr_assert_not(req.has_password);
	cr_assert_not(req.plain_form);
}

Test(authxml, init_with_group_and_mobile_attributes)
{
	cr_assert_eq(
		parse(XML "<config-auth client=\"vpn\" type=\"init\"><device-id "
			  "platform-version=\"14\" "
			  "device-type=\"Pixel\" unique-id=\"42\" "
			  "computer-name=\"box\">android</device-id>"
			  "<mac-address-list><mac-address>aa-bb</mac-address></mac-address-list>"
			  "<group-select>staff</group-select><client-cert-fail/>"
			  "<capabilities><auth-method>multiple-cert</auth-method><auth-method>other"
			  "</auth-method></capabilities>"
			  "<group-access>https://h:8443/ops/eu?x=1</group-access></config-auth>"),
		TDM_OK);
	cr_assert_str_eq(req.device_id, "android");
	cr_assert_str_eq(req.platform_version, "14");
	cr_assert_str_eq(req.device_type, "Pixel");
	cr_assert_str_eq(req.unique_id, "42");
	cr_assert_str_eq(req.computer_name, "box");
	cr_assert_str_eq(req.group_select, "staff");
	cr_assert_str_eq(req.group_access, "/ops/eu");
	cr_assert(req.client_cert_fail);
	cr_assert_eq(req.capabilities, TDM_AUTH_CAP_MULTIPLE_CERT);
}

Test(authxml, reply_with_escapes)
{
	cr_assert_eq(parse(XML "<config-auth client=\"vpn\" type=\"auth-reply\" "
			       "aggregate-auth-version=\"2\">"
			       "<version who=\"vpn\">v9.01-3</version><opaque "
			       "is-for=\"sg\"><username>mallory"
			       "</username><auth><password>no</password></auth></opaque><auth>"
			       "<username>al&amp;ice</"
			       "username><password>P&lt;&#x20ac;&#10;<![CDATA[&]]></password>"
			       "<secondary_password>123456</secondary_password></auth>"
			       "<group-select>staff</group-select></config-auth>"),
		TDM_OK);
	cr_assert_eq(req.kind, TDM_AUTH_REPLY);
	cr_assert(req.has_username);
	cr_assert(req.has_password);
	cr_assert_str_eq(req.username, "al&ice", "and not the one inside opaque");
	cr_assert_str_eq(req.password, "P<\xe2\x82\xac\n&");
	cr_assert_str_eq(req.secondary_password, "123456");
	cr_assert_str_eq(req.group_select, "staff");
}

Test(authxml, empty_and_partial_replies)
{
	cr_assert_eq(parse(REPLY("<username/><password></password>")), TDM_OK);
	cr_assert(req.has_username);
	cr_assert(req.has_password);
	cr_assert_str_eq(req.username, "");
	cr_assert_eq(parse(REPLY("<password>x</password>")), TDM_OK);
	cr_assert_not(req.has_username);
	cr_assert_eq(parse(REPLY("")), TDM_OK);
	cr_assert_eq(req.kind, TDM_AUTH_REPLY);
}

Test(authxml, logout)
{
	cr_assert_eq(
		parse(XML "<config-auth client=\"vpn\" type=\"logout\"><session-id>17</session-id>"
			  "<session-token>AQECESIz</session-token></config-auth>"),
		TDM_OK);
	cr_assert_eq(req.kind, TDM_AUTH_LOGOUT);
	cr_assert_str_eq(req.session_id, "17");
	cr_assert_str_eq(req.session_token, "AQECESIz");
}

Test(authxml, bare_form_of_old_clients)
{
	cr_assert_eq(
		parse(XML "<auth><username>a</username><password>b</password></auth>"), TDM_OK);
	cr_assert_eq(req.kind, TDM_AUTH_REPLY);
	cr_assert_str_eq(req.username, "a");
	cr_assert_str_eq(req.password, "b");
	cr_assert_eq(parse("<auth/>"), TDM_OK);
	cr_assert_eq(req.kind, TDM_AUTH_INIT);
}

Test(authxml, other_encodings_arrive_as_utf8)
{
	cr_assert_eq(parse("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" REPLY(
			     "<username>J\xfcrgen</username>")),
		TDM_OK);
	cr_assert_str_eq(req.username, "J\xc3\xbcrgen");
	cr_assert_eq(parse("\xef\xbb\xbf" REPLY("<username>a</username>")), TDM_OK);
}

Test(authxml, refused)
{
	static const struct {
		const char *what, *xml;
		enum tdm_err err;
	} cases[] = {
		{ "doctype", "<!DOCTYPE a><config-auth type=\"init\"/>", TDM_ERR_UNSUPPORTED },
		{ "entities", "<!DOCTYPE a [<!ENTITY b \"c\">]>" REPLY("<username>&b;</username>"),
			TDM_ERR_UNSUPPORTED },
		{ "external", "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><auth/>",
			TDM_ERR_UNSUPPORTED },
		{ "unknown entity", REPLY("<username>&b;</username>"), TDM_ERR_MALFORMED },
		{ "unknown root", "<html/>", TDM_ERR_UNSUPPORTED },
		{ "unknown type", "<config-auth type=\"complete\"/>", TDM_ERR_UNSUPPORTED },
		{ "no type", "<config-auth/>", TDM_ERR_UNSUPPORTED },
		{ "empty", "", TDM_ERR_MALFORMED },
		{ "no xml", "username=a&password=b", TDM_ERR_MALFORMED },
		{ "cut off", "<config-auth type=\"init\"><version>", TDM_ERR_MALFORMED },
		{ "two roots", "<auth/><auth/>", TDM_ERR_MALFORMED },
		{ "bad nesting", "<config-auth type=\"init\"><a></b></config-auth>",
			TDM_ERR_MALFORMED },
		{ "invalid UTF-8", REPLY("<username>\xc0\xaf</username>"), TDM_ERR_MALFORMED },
		{ "NUL as a reference", REPLY("<username>&#0;</username>"), TDM_ERR_MALFORMED },
		{ "two names", REPLY("<username>a</username><username>b</username>"),
			TDM_ERR_MALFORMED },
		{ "two passwords", REPLY("<password>a</password><password/>"), TDM_ERR_MALFORMED },
		{ "element in a name", REPLY("<username>a<b/>c</username>"), TDM_ERR_MALFORMED },
		{ "line end in a name", REPLY("<username>a&#10;b</username>"), TDM_ERR_MALFORMED },
		{ "DEL in a name", REPLY("<username>a\x7f</username>"), TDM_ERR_MALFORMED },
		{ "tab in a group",
			"<config-auth type=\"init\"><group-select>a\tb</group-select>"
			"</config-auth>",
			TDM_ERR_MALFORMED },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(parse(cases[i].xml), cases[i].err, "%s", cases[i].what);
}

/* head, then times of open, then times of close, then tail */
static char *nest(
	const char *head, const char *open, size_t times, const char *close, const char *tail)
{
	size_t len = strlen(head) + times * (strlen(open) + strlen(close)) + strlen(tail);
	char *out = malloc(len + 1);
	struct tdm_text t;

	tdm_text_init(&t, out, len + 1);
	tdm_text_add(&t, head);
	for (size_t i = 0; i < times; i++)
		tdm_text_add(&t, open);
	for (size_t i = 0; i < times; i++)
		tdm_text_add(&t, close);
	tdm_text_add(&t, tail);
	cr_assert(tdm_text_ok(&t));
	return out;
}

#define INIT_OPEN  "<config-auth type=\"init\">"
#define INIT_CLOSE "</config-auth>"

Test(authxml, bounds)
{
	static const struct {
		const char *what, *head, *open;
		size_t times;
		const char *close, *tail;
		enum tdm_err err;
	} cases[] = {
		{ "depth 16", INIT_OPEN, "<a>", 15, "</a>", INIT_CLOSE, TDM_OK },
		{ "depth 17", INIT_OPEN, "<a>", 16, "</a>", INIT_CLOSE, TDM_ERR_TOO_LONG },
		{ "1024 elements", INIT_OPEN, "<a/>", 1023, "", INIT_CLOSE, TDM_OK },
		{ "1025 elements", INIT_OPEN, "<a/>", 1024, "", INIT_CLOSE, TDM_ERR_TOO_LONG },
		{ "name fits", "<auth><username>", "u", 127, "", "</username></auth>", TDM_OK },
		{ "name too long", "<auth><username>", "u", 128, "", "</username></auth>",
			TDM_ERR_TOO_LONG },
		{ "password fits", "<auth><password>", "&lt;", 511, "", "</password></auth>",
			TDM_OK },
		{ "password too long", "<auth><password>", "&lt;", 512, "", "</password></auth>",
			TDM_ERR_TOO_LONG },
		{ "group too long", INIT_OPEN "<group-select>", "g", 64, "",
			"</group-select>" INIT_CLOSE, TDM_ERR_TOO_LONG },
		{ "path too long", INIT_OPEN "<group-access>", "/", 256, "",
			"</group-access>" INIT_CLOSE, TDM_ERR_TOO_LONG },
		{ "token too long", "<config-auth type=\"logout\"><session-token>", "t", 128, "",
			"</session-token>" INIT_CLOSE, TDM_ERR_TOO_LONG },
		{ "version is cut", INIT_OPEN "<version>", "\xc3\xa4", 1000, "",
			"</version>" INIT_CLOSE, TDM_OK },
		{ "method is cut", INIT_OPEN "<capabilities><auth-method>", "m", 1000, "",
			"</auth-method></capabilities>" INIT_CLOSE, TDM_OK },
		{ "body too long", INIT_OPEN, " ", 65536, "", INIT_CLOSE, TDM_ERR_TOO_LONG },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *xml = nest(cases[i].head, cases[i].open, cases[i].times, cases[i].close,
			cases[i].tail);

		cr_expect_eq(parse(xml), cases[i].err, "%s", cases[i].what);
		free(xml);
	}
}

Test(authxml, shown_strings_are_cut_at_characters)
{
	char *xml = nest(INIT_OPEN "<device-id device-type=\"1\">x", "\xe2\x82\xac", 300, "",
		"</device-id><device-id>second</device-id>" INIT_CLOSE);

	cr_assert_eq(parse(xml), TDM_OK);
	cr_assert_eq(strlen(req.device_id), 1 + 3 * 42, "127 bytes hold 42 of three");
	cr_assert_str_eq(req.device_type, "1");
	free(xml);
}

Test(authxml, too_many_attributes)
{
	char xml[2048];
	struct tdm_text t;

	for (int count = 32; count <= 33; count++) {
		tdm_text_init(&t, xml, sizeof(xml));
		tdm_text_add(&t, "<config-auth type=\"init\"");
		for (int i = 1; i < count; i++)
			tdm_text_addf(&t, " a%d=\"b\"", i);
		tdm_text_add(&t, "/>");
		cr_expect_eq(parse(xml), count == 32 ? TDM_OK : TDM_ERR_TOO_LONG, "%d", count);
	}
}

Test(authxml, group_access_paths)
{
	static const struct {
		const char *url, *path;
	} cases[] = {
		{ "https://h/", "/" },
		{ "https://h", "" },
		{ "https://h:444/a/b", "/a/b" },
		{ "https://h/a?b=/c", "/a" },
		{ "https://h/a#b", "/a" },
		{ "/a", "/a" },
		{ "h/a", "" },
		{ "", "" },
		{ "://", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char xml[256];

		snprintf(xml, sizeof(xml), INIT_OPEN "<group-access>%s</group-access>" INIT_CLOSE,
			cases[i].url);
		cr_expect_eq(parse(xml), TDM_OK);
		cr_expect_str_eq(req.group_access, cases[i].path, "%s", cases[i].url);
	}
}

Test(authxml, deinit_wipes)
{
	static const struct tdm_auth_request zero;

	cr_assert_eq(parse(REPLY("<username>a</username><password>secret</password>")), TDM_OK);
	tdm_auth_request_deinit(&req);
	cr_assert_arr_eq(&req, &zero, sizeof(req));
}

static enum tdm_err parse_form(const char *body)
{
	tdm_auth_request_deinit(&req);
	return tdm_auth_parse_form(body, strlen(body), &req);
}

Test(authxml, plain_form)
{
	cr_assert_eq(parse_form("group_list=staff&username=al%69ce&password=a+b%2Bc%26%3d%C3%A4"
				"&Login=Login&odd"),
		TDM_OK);
	cr_assert_eq(req.kind, TDM_AUTH_REPLY);
	cr_assert(req.plain_form);
	cr_assert_str_eq(req.username, "alice");
	cr_assert_str_eq(req.password, "a b+c&=\xc3\xa4");
	cr_assert_str_eq(req.group_select, "staff");
	cr_assert_eq(parse_form(""), TDM_OK);
	cr_assert_eq(req.kind, TDM_AUTH_INIT);
	cr_assert_eq(parse_form("group_list=ops"), TDM_OK);
	cr_assert_eq(req.kind, TDM_AUTH_INIT);
	cr_assert_str_eq(req.group_select, "ops");
	cr_assert_eq(parse_form("&&username=a&"), TDM_OK);
	cr_assert(req.has_username);
	cr_assert_not(req.has_password);
}

Test(authxml, plain_form_refused)
{
	static const struct {
		const char *body;
		enum tdm_err err;
	} cases[] = {
		{ "username=a&username=b", TDM_ERR_MALFORMED },
		{ "username=a%", TDM_ERR_MALFORMED },
		{ "username=a%4", TDM_ERR_MALFORMED },
		{ "username=%zz", TDM_ERR_MALFORMED },
		{ "password=a%00b", TDM_ERR_MALFORMED },
		{ "username=a%0Ab", TDM_ERR_MALFORMED },
	};
	char *body;

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(parse_form(cases[i].body), cases[i].err, "%s", cases[i].body);
	body = nest("username=", "u", 128, "", "");
	cr_expect_eq(parse_form(body), TDM_ERR_TOO_LONG);
	free(body);
	body = nest("password=", "%41", 513, "", "");
	cr_expect_eq(parse_form(body), TDM_ERR_TOO_LONG);
	free(body);
	body = nest("", "a&", 65, "", "");
	cr_expect_eq(parse_form(body), TDM_ERR_TOO_LONG);
	free(body);
	body = nest("", "a&", 64, "", "");
	cr_expect_eq(parse_form(body), TDM_OK);
	free(body);
	body = nest("x=", "a", 65536, "", "");
	cr_expect_eq(parse_form(body), TDM_ERR_TOO_LONG);
	free(body);
}

Test(authxml, request_decides_how_to_read)
{
	static const struct {
		const char *what;
		enum tdm_http_method method;
		const char *path, *type, *body;
		enum tdm_err err;
		enum tdm_auth_kind kind;
		bool plain;
		const char *access;
	} cases[] = {
		{ "GET", TDM_HTTP_GET, "/ops", "application/x-www-form-urlencoded", "", TDM_OK,
			TDM_AUTH_INIT, true, "/ops" },
		{ "empty POST", TDM_HTTP_POST, "/", NULL, "", TDM_OK, TDM_AUTH_INIT, false, "/" },
		{ "XML", TDM_HTTP_POST, "/", "application/xml", REPLY(""), TDM_OK, TDM_AUTH_REPLY,
			false, "/" },
		{ "XML sent as a form", TDM_HTTP_POST, "/x", "application/x-www-form-urlencoded",
			" \r\n" REPLY(""), TDM_OK, TDM_AUTH_REPLY, false, "/x" },
		{ "XML with a mark, no type", TDM_HTTP_POST, "/", NULL, "\xef\xbb\xbf" REPLY(""),
			TDM_OK, TDM_AUTH_REPLY, false, "/" },
		{ "form", TDM_HTTP_POST, "/auth", "application/x-www-form-urlencoded",
			"username=a&password=b", TDM_OK, TDM_AUTH_REPLY, true, "/auth" },
		{ "something else", TDM_HTTP_POST, "/auth", "application/json", "{}",
			TDM_ERR_UNSUPPORTED, TDM_AUTH_INIT, false, "" },
		{ "group-access wins over the path", TDM_HTTP_POST, "/auth", "text/xml",
			INIT_OPEN "<group-access>https://h/eu</group-access>" INIT_CLOSE, TDM_OK,
			TDM_AUTH_INIT, false, "/eu" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tdm_http_request http = { .method = cases[i].method,
			.path = cases[i].path,
			.query = "",
			.body = cases[i].body,
			.body_len = strlen(cases[i].body) };

		if (cases[i].type)
			http.headers[http.header_count++] =
				(struct tdm_http_header){ "Content-Type", cases[i].type };
		cr_expect_eq(tdm_auth_parse(&http, &req), cases[i].err, "%s", cases[i].what);
		cr_expect_eq(req.kind, cases[i].kind, "%s", cases[i].what);
		cr_expect_eq(req.plain_form, cases[i].plain, "%s", cases[i].what);
		cr_expect_str_eq(req.group_access, cases[i].access, "%s", cases[i].what);
	}
}

Test(authxml, dialects)
{
	static const struct {
		const char *agent;
		enum tdm_auth_dialect dialect;
	} cases[] = {
		{ "Open AnyConnect VPN Agent v9.01-3", TDM_AUTH_DIALECT_CONFIG },
		{ "Open AnyConnect VPN Agent v3.20", TDM_AUTH_DIALECT_BARE },
		{ "open anyconnect vpn agent v2", TDM_AUTH_DIALECT_BARE },
		{ "Open AnyConnect VPN Agent v30", TDM_AUTH_DIALECT_CONFIG },
		{ "Open AnyConnect VPN Agent v", TDM_AUTH_DIALECT_CONFIG },
		{ "Open AnyConnect VPN Agent v99999999999999999999", TDM_AUTH_DIALECT_CONFIG },
		{ "AnyConnect-compatible OpenConnect VPN Agent v9.20", TDM_AUTH_DIALECT_CONFIG },
		{ "Cisco AnyConnect VPN Agent for Windows 4.10", TDM_AUTH_DIALECT_CONFIG },
		{ "", TDM_AUTH_DIALECT_CONFIG },
		{ NULL, TDM_AUTH_DIALECT_CONFIG },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(tdm_auth_dialect(cases[i].agent), cases[i].dialect, "%s",
			cases[i].agent ? cases[i].agent : "(none)");
}
