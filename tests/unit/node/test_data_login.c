/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _GNU_SOURCE /* memmem */
#include <criterion/criterion.h>
#include <string.h>

#include "node/data/internal.h"
#include "tests/unit/node/data_fixture_internal.h"

TestSuite(data_login, .timeout = 30);

static const char xml[] = "application/xml; charset=utf-8";
static const char init[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			   "<config-auth client=\"vpn\" type=\"init\" aggregate-auth-version=\"2\">"
			   "<version who=\"vpn\">v9.01</version><device-id>linux-64</device-id>"
			   "<group-access>https://gateway.test/</group-access></config-auth>";

static char reply[FIXTURE_REPLY_MAX];

static void post_password(
	struct client *c, const char *user, const char *password, const char *group)
{
	char body[1024];

	snprintf(body, sizeof(body),
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<config-auth client=\"vpn\" type=\"auth-reply\" aggregate-auth-version=\"2\">"
		"<version who=\"vpn\">v9.01</version><device-id>linux-64</device-id>"
		"<auth><username>%s</username><password>%s</password></auth>%s</config-auth>",
		user, password, group);
	client_post(c, "/auth", xml, body);
}

/* The login as openconnect does it: a form, a wrong password answered with another form, then the
 * right one with both cookies, and CONNECT on the same connection. */
Test(data_login, form_wrong_password_right_password_connect)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);
	struct tdm_msg *msg;

	client_post(c, "/", xml, init);
	cr_assert_eq(client_reply(c, reply), 200);
	cr_assert(strstr(reply, "X-Transcend-Version: 1\r\n"));
	cr_assert(strstr(reply, "name=\"password\""));

	post_password(c, FIXTURE_USER, "wrong", "");
	cr_assert_eq(client_reply(c, reply), 200);
	cr_assert(strstr(reply, "<error id=\"13\""));
	cr_assert(strstr(reply, "name=\"password\""));
	cr_assert_not(strstr(reply, "Set-Cookie: webvpn="));

	post_password(c, FIXTURE_USER, FIXTURE_PASSWORD, "");
	cr_assert_eq(client_reply(c, reply), 200);
	cr_assert(strstr(reply, "id=\"success\""));
	cr_assert(strstr(reply, "Set-Cookie: webvpn="));
	cr_assert(strstr(reply, fixture_token(f, 0)));
	cr_assert(strstr(reply, "&sh:"));
	cr_assert(strstr(reply, "Welcome"));
	cr_assert_eq(client_connect(c, fixture_token(f, 0), reply), 200);

	msg = fixture_expect(f, TDM_MSG_AUTH);
	cr_assert_str_eq(msg->auth.agent, FIXTURE_AGENT);
	cr_assert_str_eq(msg->auth.device, "linux-64");
	tdm_msg_free(msg);
	client_close(c);
	fixture_end(f);
}

/* Guessing costs a new TLS handshake every third time. */
Test(data_login, third_wrong_password_closes_the_connection)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);

	for (int i = 0; i < 3; i++) {
		post_password(c, FIXTURE_USER, "wrong", "");
		cr_assert_eq(client_reply(c, reply), 200);
		cr_assert_eq(!!strstr(reply, "Connection: close\r\n"), i == 2);
	}
	cr_assert(client_sees_end(c));
	client_close(c);
	fixture_end(f);
}

/* With two groups the client chooses one, asks for the form again, and answers that; the label is
 * as good as the name. */
Test(data_login, group_is_chosen_by_name_or_label)
{
	static const char *const chosen[] = { "guests", "The guests" };
	struct fixture *f = fixture_start(&(struct fixture_options){ .tunnel_groups = 2 });
	struct client *c = client_open(f);
	char group[128];

	client_post(c, "/", xml, init);
	cr_assert_eq(client_reply(c, reply), 200);
	cr_assert(strstr(reply, "group_list"));
	cr_assert_lt(strstr(reply, "The staff"), strstr(reply, "The guests"));
	for (int i = 0; i < 2; i++) {
		struct tdm_msg *msg;

		snprintf(group, sizeof(group), "<group-select>%s</group-select>", chosen[i]);
		post_password(c, FIXTURE_USER, FIXTURE_PASSWORD, group);
		cr_assert_eq(client_reply(c, reply), 200);
		msg = fixture_expect(f, TDM_MSG_AUTH);
		cr_assert_str_eq(msg->auth.tunnel_group, "guests");
		tdm_msg_free(msg);
	}
	post_password(c, FIXTURE_USER, FIXTURE_PASSWORD, "<group-select>none</group-select>");
	cr_assert_eq(client_reply(c, reply), 200);
	cr_assert(strstr(reply, "<error"));
	cr_assert_eq(fixture_count(f, TDM_MSG_AUTH), 0);
	client_close(c);
	fixture_end(f);
}

/* The round with group-select lists the chosen group first. */
Test(data_login, init_with_group_gives_a_form_for_it)
{
	struct fixture *f = fixture_start(&(struct fixture_options){ .tunnel_groups = 2 });
	struct client *c = client_open(f);

	client_post(c, "/auth", xml,
		"<config-auth client=\"vpn\" type=\"init\"><group-select>guests</group-select>"
		"</config-auth>");
	cr_assert_eq(client_reply(c, reply), 200);
	cr_assert_lt(strstr(reply, "The guests"), strstr(reply, "The staff"));
	client_close(c);
	fixture_end(f);
}

/* openconnect --no-xmlpost and older clients. */
Test(data_login, plain_form)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);

	client_get(c, "GET", "/",
		"Accept: */*\r\nContent-Type: application/x-www-form-urlencoded\r\n"
		"Content-Length: 0\r\nX-Pad: 0000\r\n");
	cr_assert_eq(client_reply(c, reply), 200);
	cr_assert(strstr(reply, "name=\"password\""));
	client_post(c, "/auth", "application/x-www-form-urlencoded",
		"username=" FIXTURE_USER "&password=correct%20horse");
	cr_assert_eq(client_reply(c, reply), 200);
	cr_assert(strstr(reply, "Set-Cookie: webvpn="));
	client_close(c);
	fixture_end(f);
}

/* Overload is said with 503 and a reason: the client tries again instead of giving up. */
Test(data_login, busy_is_503)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);

	post_password(c, FIXTURE_BUSY, "x", "");
	cr_assert_eq(client_reply(c, reply), 503);
	cr_assert(strstr(reply, "X-Reason: come back later\r\n"));
	client_close(c);
	fixture_end(f);
}

Test(data_login, logout_in_all_dialects)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);
	char text[512];

	snprintf(text, sizeof(text),
		"<config-auth client=\"vpn\" type=\"logout\"><session-token>%s</session-token>"
		"</config-auth>",
		fixture_token(f, 1));
	client_post(c, "/", xml, text);
	cr_assert_eq(client_reply(c, reply), 200);
	snprintf(text, sizeof(text), "Cookie: webvpn=%s\r\n", fixture_token(f, 2));
	client_get(c, "GET", "/logout", text);
	cr_assert_eq(client_reply(c, reply), 200);
	client_get(c, "GET", "/+webvpn+/webvpn_logout.html", text);
	cr_assert_eq(client_reply(c, reply), 200);
	for (int i = 0; i < 3; i++) {
		struct tdm_msg *msg = fixture_expect(f, TDM_MSG_LOGOUT);

		cr_assert_eq(msg->logout.session, i == 0 ? 1001 : 1002);
		tdm_msg_free(msg);
	}
	client_close(c);
	fixture_end(f);
}

struct page {
	const char *method, *path, *headers;
	unsigned status;
	const char *has;
};

Test(data_login, pages_for_browsers_and_downloaders)
{
	static const struct page pages[] = {
		{ "GET", "/", "Accept: text/html,*/*\r\n", 200, "VPN gateway" },
		{ "GET", "/1/binaries/update.txt", "", 200, "0,0,0000\n" },
		{ "GET", "/1/VPNManifest.xml", "", 200, "<vpn rev=\"1.0\">" },
		{ "GET", "/+CSCOT+/translation-table?type=manifest", "", 200, "<vpn rev" },
		{ "GET", "/1/Linux_64", "", 200, "<html>" },
		{ "GET", "/staff", "", 200, "name=\"password\"" },
		{ "GET", "/CSCOSSLC/config-auth", "", 404, "" },
		{ "GET", "/etc/passwd", "", 404, "" },
	};
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		client_get(c, pages[i].method, pages[i].path, pages[i].headers);
		cr_assert_eq(client_reply(c, reply), pages[i].status, "%s", pages[i].path);
		cr_assert(strstr(reply, pages[i].has), "%s: %s", pages[i].path, reply);
		cr_assert(strstr(reply, "X-Transcend-Version: 1\r\n"));
	}
	client_get(c, "OPTIONS", "/", "");
	cr_assert_eq(client_reply(c, reply), 405);
	cr_assert(client_sees_end(c));
	client_close(c);
	fixture_end(f);
}

/* A client that hangs up while its password is being checked must not be waited for. */
Test(data_login, closed_while_waiting)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);
	struct tdm_msg *ask, *closed;

	fixture_hold(f, 0);
	client_get(c, "CONNECT", "/CSCOSSLC/tunnel", "Cookie: webvpn=");
	client_close(c);
	c = client_open(f);
	{
		char headers[256];

		snprintf(headers, sizeof(headers), "Cookie: webvpn=%s\r\n", fixture_token(f, 0));
		client_get(c, "CONNECT", "/CSCOSSLC/tunnel", headers);
	}
	ask = fixture_expect(f, TDM_MSG_CONNECT);
	client_close(c);
	closed = fixture_expect(f, TDM_MSG_CONN_CLOSED);
	cr_assert_eq(closed->conn, ask->conn);
	tdm_msg_free(closed);
	tdm_msg_free(ask);
	fixture_end(f);
}

/* What was decrypted stays in no buffer of the data thread. */
Test(data_login, password_and_token_are_wiped)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);
	const struct tdm_worker *worker = f->worker;

	post_password(c, FIXTURE_USER, FIXTURE_PASSWORD, "");
	cr_assert_eq(client_reply(c, reply), 200);
	cr_assert_null(memmem(worker, sizeof(*worker), FIXTURE_PASSWORD, strlen(FIXTURE_PASSWORD)));
	cr_assert_eq(client_connect(c, fixture_token(f, 0), reply), 200);
	cr_assert_null(
		memmem(worker, sizeof(*worker), fixture_token(f, 0), strlen(fixture_token(f, 0))));
	client_close(c);
	fixture_end(f);
}

/* The client closes while its login is under way: nobody holds the token, the session must end. */
Test(data_login, token_that_nobody_gets_is_given_back)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);
	struct tdm_msg *msg;
	tdm_session_id session;
	uint8_t verifier[TDM_VERIFIER_LEN];

	post_password(c, FIXTURE_GONE, FIXTURE_PASSWORD, "");
	msg = fixture_expect(f, TDM_MSG_LOGOUT);
	cr_assert_eq(tdm_request_token(fixture_token(f, 0), TDM_TOKEN_TEXT_LEN, &session, verifier),
		TDM_OK);
	cr_assert_eq(msg->logout.session, session);
	cr_assert_arr_eq(msg->logout.verifier, verifier, sizeof(verifier));
	cr_assert_eq(msg->logout.reason, TDM_REASON_CONNECT_TIMEOUT);
	cr_assert_eq(msg->member, 1);
	tdm_msg_free(msg);
	client_close(c);
	fixture_end(f);
}
