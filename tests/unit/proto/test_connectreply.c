/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: the exact bytes of the 200 reply. Clients compare names by case and addresses as text;
 * a byte that changes here ends every session at the next failover. */
#include <criterion/criterion.h>
#include <string.h>

#include "proto/connect.h"

#define LIST(array)                                                                                \
	{                                                                                          \
		(array), sizeof(array) / sizeof((array)[0])                                        \
	}

static const char *const dns[] = { "10.44.0.1", "fd00:44::1" };
static const char *const nbns[] = { "10.44.0.3" };
static const char *const split_dns[] = { "corp.example", "lab.example" };
static const char *const include[] = { "10.0.0.0/8", "172.16.0.0/255.240.0.0", "fd00:99::/48" };
static const char *const exclude[] = { "10.5.0.0/16", "10.6.0.1", "0.0.0.0/32", "fd00:98::/47" };

static char buf[TDM_CONNECT_REPLY_MAX];
static struct tdm_text text;

static void setup(void)
{
	tdm_text_init(&text, buf, sizeof(buf));
}

TestSuite(connectreply, .init = setup);

static struct tdm_connect_reply smallest(void)
{
	return (struct tdm_connect_reply){ .v4_addr = "10.44.0.50", .mtu = 1434 };
}

Test(connectreply, smallest)
{
	struct tdm_connect_reply r = smallest();

	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
	cr_assert_str_eq(buf, "HTTP/1.1 200 CONNECTED\r\n"
			      "X-CSTP-Version: 1\r\n"
			      "X-CSTP-Address: 10.44.0.50\r\n"
			      "X-CSTP-Tunnel-All-DNS: false\r\n"
			      "X-CSTP-Idle-Timeout: none\r\n"
			      "X-CSTP-Disconnected-Timeout: none\r\n"
			      "X-CSTP-Session-Timeout: none\r\n"
			      "X-CSTP-Session-Timeout-Remaining: none\r\n"
			      "X-CSTP-Client-Bypass-Protocol: false\r\n"
			      "X-CSTP-Smartcard-Removal-Disconnect: false\r\n"
			      "X-CSTP-Keep: true\r\n"
			      "X-CSTP-TCP-Keepalive: true\r\n"
			      "X-CSTP-License: accept\r\n"
			      "X-CSTP-MTU: 1434\r\n"
			      "\r\n");
}

static struct tdm_connect_reply largest(const struct tdm_connect_dtls *dtls)
{
	return (struct tdm_connect_reply){
		.hostname = "clienthost",
		.v4_addr = "10.44.0.50",
		.v4_mask = "255.255.255.0",
		.v6_prefix = "fd00:44::50/64",
		.full_ipv6 = true,
		.dns = LIST(dns),
		.nbns = LIST(nbns),
		.split_dns = LIST(split_dns),
		.split_include = LIST(include),
		.split_exclude = LIST(exclude),
		.default_domain = "corp.example lab.example",
		.banner = "Welcome to 100% of\nthe lab",
		.post_auth_xml = "<config-auth/>",
		.mtu = 1434,
		.base_mtu = 1500,
		.dpd_s = 10,
		.keepalive_s = 5,
		.idle_timeout_s = 1200,
		.disconnected_timeout_s = 1800,
		.session_timeout_s = 86400,
		.session_remaining_s = 86000,
		.lease_s = 86399,
		.rekey = TDM_CONNECT_REKEY_SSL,
		.rekey_s = 7200,
		.tunnel_all_dns = true,
		.client_bypass = true,
		.smartcard_removal_disconnect = true,
		.dtls = dtls,
	};
}

#define APP_ID "22bdd0e5d18e3356053d01600955ef857dc75dd644651d4d52140e07238a64de"

static const struct tdm_connect_dtls psk = { .port = 443,
	.app_id = APP_ID,
	.ciphersuite = "PSK-NEGOTIATE",
	.dpd_s = 10,
	.keepalive_s = 5,
	.mtu = 1434 };

Test(connectreply, everything)
{
	struct tdm_connect_reply r = largest(&psk);

	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
	cr_assert_str_eq(buf, "HTTP/1.1 200 CONNECTED\r\n"
			      "X-CSTP-Version: 1\r\n"
			      "X-CSTP-Hostname: clienthost\r\n"
			      "X-CSTP-Address: 10.44.0.50\r\n"
			      "X-CSTP-Netmask: 255.255.255.0\r\n"
			      "X-CSTP-Address-IP6: fd00:44::50/64\r\n"
			      "X-CSTP-DNS: 10.44.0.1\r\n"
			      "X-CSTP-DNS-IP6: fd00:44::1\r\n"
			      "X-CSTP-NBNS: 10.44.0.3\r\n"
			      "X-CSTP-Default-Domain: corp.example lab.example\r\n"
			      "X-CSTP-Split-DNS: corp.example\r\n"
			      "X-CSTP-Split-DNS: lab.example\r\n"
			      "X-CSTP-Tunnel-All-DNS: true\r\n"
			      "X-CSTP-Split-Include: 10.0.0.0/255.0.0.0\r\n"
			      "X-CSTP-Split-Include: 172.16.0.0/255.240.0.0\r\n"
			      "X-CSTP-Split-Include-IP6: fd00:99::/48\r\n"
			      "X-CSTP-Split-Exclude: 10.5.0.0/255.255.0.0\r\n"
			      "X-CSTP-Split-Exclude: 10.6.0.1/255.255.255.255\r\n"
			      "X-CSTP-Split-Exclude: 0.0.0.0/255.255.255.255\r\n"
			      "X-CSTP-Split-Exclude-IP6: fd00:98::/47\r\n"
			      "X-CSTP-DPD: 10\r\n"
			      "X-CSTP-Keepalive: 5\r\n"
			      "X-CSTP-Idle-Timeout: 1200\r\n"
			      "X-CSTP-Disconnected-Timeout: 1800\r\n"
			      "X-CSTP-Rekey-Time: 7200\r\n"
			      "X-CSTP-Rekey-Method: ssl\r\n"
			      "X-CSTP-Lease-Duration: 86399\r\n"
			      "X-CSTP-Session-Timeout: 86400\r\n"
			      "X-CSTP-Session-Timeout-Remaining: 86000\r\n"
			      "X-CSTP-Client-Bypass-Protocol: true\r\n"
			      "X-CSTP-Smartcard-Removal-Disconnect: true\r\n"
			      "X-CSTP-Keep: true\r\n"
			      "X-CSTP-TCP-Keepalive: true\r\n"
			      "X-CSTP-License: accept\r\n"
			      "X-CSTP-Post-Auth-XML: <config-auth/>\r\n"
			      "X-CSTP-Banner: Welcome to 100%25 of%0Athe lab\r\n"
			      "X-DTLS-Port: 443\r\n"
			      "X-DTLS-App-ID: " APP_ID "\r\n"
			      "X-DTLS-CipherSuite: PSK-NEGOTIATE\r\n"
			      "X-DTLS-DPD: 10\r\n"
			      "X-DTLS-Keepalive: 5\r\n"
			      "X-DTLS-MTU: 1434\r\n"
			      "X-CSTP-Base-MTU: 1500\r\n"
			      "X-CSTP-MTU: 1434\r\n"
			      "\r\n");
}

Test(connectreply, same_input_same_bytes)
{
	struct tdm_connect_reply r = largest(&psk);
	static char again[sizeof(buf)];
	struct tdm_text t;

	tdm_text_init(&t, again, sizeof(again));
	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
	cr_assert_eq(tdm_connect_reply_write(&t, &r), TDM_OK);
	cr_assert_str_eq(buf, again);
}

Test(connectreply, addresses_are_sent_as_stored)
{
	/* not the canonical text: what the first node sent counts */
	struct tdm_connect_reply r = { .v4_addr = "10.044.0.50",
		.v4_mask = "255.255.255.000",
		.v6_prefix = "FD00:0044::0050/64",
		.full_ipv6 = true,
		.mtu = 1 };

	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
	cr_assert_not_null(strstr(buf, "X-CSTP-Address: 10.044.0.50\r\n"
				       "X-CSTP-Netmask: 255.255.255.000\r\n"
				       "X-CSTP-Address-IP6: FD00:0044::0050/64\r\n"));
}

Test(connectreply, old_form_of_ipv6)
{
	struct tdm_connect_reply r = { .v6_prefix = "fd00:44::50/64", .mtu = 1434 };

	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
	cr_assert_not_null(strstr(buf, "X-CSTP-Version: 1\r\n"
				       "X-CSTP-Address: fd00:44::50\r\n"
				       "X-CSTP-Netmask: fd00:44::50/64\r\n"
				       "X-CSTP-Tunnel"));
}

Test(connectreply, mask_needs_its_address)
{
	struct tdm_connect_reply r = { .v4_addr = "",
		.v4_mask = "255.255.255.0",
		.v6_prefix = "fd00::1/64",
		.full_ipv6 = true,
		.mtu = 1434 };

	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
	cr_assert_null(strstr(buf, "Netmask"));
}

Test(connectreply, what_clients_cannot_do_without)
{
	struct tdm_connect_reply r = smallest();

	r.mtu = 0;
	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_ERR_INVAL);
	r = smallest();
	r.v4_addr = "";
	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_ERR_INVAL);
	cr_assert_eq(text.len, 0, "nothing is written then");
}

Test(connectreply, bad_routes_are_refused)
{
	static const char *const bad[] = { "10.0.0.0/33", "any", "", "10.0.0.0/8\r\nX: y" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tdm_connect_reply r = smallest();

		setup();
		r.split_include = (struct tdm_connect_list){ &bad[i], 1 };
		cr_expect_eq(tdm_connect_reply_write(&text, &r), TDM_ERR_INVAL, "%s", bad[i]);
		setup();
		r.split_include.count = 0;
		r.split_exclude = (struct tdm_connect_list){ &bad[i], 1 };
		cr_expect_eq(tdm_connect_reply_write(&text, &r), TDM_ERR_INVAL, "%s", bad[i]);
	}
}

Test(connectreply, dpd_is_never_one)
{
	static const struct {
		uint32_t in;
		const char *line; /* NULL: none */
	} cases[] = { { 0, NULL }, { 1, "X-CSTP-DPD: 2\r\n" }, { 2, "X-CSTP-DPD: 2\r\n" },
		{ 30, "X-CSTP-DPD: 30\r\n" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tdm_connect_dtls d = { .port = 443, .dpd_s = cases[i].in };
		struct tdm_connect_reply r = smallest();

		setup();
		r.dpd_s = cases[i].in;
		r.dtls = &d;
		cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
		if (cases[i].line) {
			cr_expect_not_null(strstr(buf, cases[i].line));
			cr_expect_null(strstr(buf, "DPD: 1\r\n"));
			cr_expect_not_null(strstr(buf, "X-DTLS-DPD: "));
		} else {
			cr_expect_null(strstr(buf, "DPD"));
		}
	}
}

Test(connectreply, rekey)
{
	struct tdm_connect_reply r = smallest();

	r.rekey_s = 100;
	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
	cr_assert_null(strstr(buf, "Rekey"), "no method, no rekey");
	setup();
	r.rekey = TDM_CONNECT_REKEY_NEW_TUNNEL;
	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
	cr_assert_not_null(strstr(buf, "X-CSTP-Rekey-Time: 100\r\nX-CSTP-Rekey-Method: "
				       "new-tunnel\r\n"));
	setup();
	r.rekey_s = 0;
	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
	cr_assert_null(strstr(buf, "Rekey"));
}

Test(connectreply, legacy_dtls)
{
	struct tdm_connect_dtls d = { .port = 4433,
		.session_id = APP_ID,
		.ciphersuite = "ECDHE-RSA-AES256-GCM-SHA384",
		.dtls12_header = true };
	struct tdm_connect_reply r = smallest();

	r.dtls = &d;
	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
	cr_assert_not_null(strstr(buf, "X-DTLS-Port: 4433\r\nX-DTLS-Session-ID: " APP_ID
				       "\r\nX-DTLS12-CipherSuite: ECDHE-RSA-AES256-GCM-SHA384\r\n"
				       "X-CSTP-MTU: 1434\r\n"));
	cr_assert_null(strstr(buf, "X-DTLS-Rekey"));
}

Test(connectreply, remaining_time_comes_last_of_the_times)
{
	struct tdm_connect_reply r = largest(&psk);
	const char *remaining;

	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
	remaining = strstr(buf, "X-CSTP-Session-Timeout-Remaining:");
	cr_assert_not_null(remaining);
	cr_assert_null(strstr(remaining, "X-CSTP-Lease-Duration"));
	cr_assert_null(strstr(remaining, "X-CSTP-Session-Timeout:"));
}

/* Every line of a reply, whatever is in its fields, is one of ours. */
Test(connectreply, no_field_can_add_a_line)
{
	static const char evil[] = "a\r\nX-Evil: 1\n\r\nX-Evil: 2\x01\x7f";
	struct tdm_connect_dtls d = {
		.port = 1, .app_id = evil, .session_id = evil, .ciphersuite = evil
	};
	const char *const twice[] = { evil, evil };
	struct tdm_connect_list list = LIST(twice);
	struct tdm_connect_reply r = { .hostname = evil,
		.v4_addr = evil,
		.v4_mask = evil,
		.v6_prefix = evil,
		.dns = list,
		.nbns = list,
		.split_dns = list,
		.default_domain = evil,
		.banner = evil,
		.post_auth_xml = evil,
		.mtu = 1434,
		.dtls = &d };

	for (int full = 0; full < 2; full++) {
		setup();
		r.full_ipv6 = full;
		cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
		cr_assert_null(strstr(buf, "\nX-Evil"));
		for (size_t i = 0; i < text.len; i++) {
			unsigned char c = (unsigned char)buf[i];

			if (c == '\r')
				cr_assert_eq(buf[i + 1], '\n');
			else if (c == '\n')
				cr_assert_eq(buf[i - 1], '\r');
			else
				cr_assert(c >= ' ' && c != 0x7f);
		}
		cr_assert_eq(strstr(buf, "\r\n\r\n"), buf + text.len - 4, "one head, one end");
	}
}

Test(connectreply, every_short_buffer_is_full)
{
	struct tdm_connect_reply r = largest(&psk);
	size_t len;

	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
	len = text.len;
	for (size_t cap = 1; cap <= len; cap++) {
		tdm_text_init(&text, buf, cap);
		cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_ERR_FULL, "%zu", cap);
	}
	tdm_text_init(&text, buf, len + 1);
	cr_assert_eq(tdm_connect_reply_write(&text, &r), TDM_OK);
}
