/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "proto/cstp.h"
#include "tests/unit/node/data_fixture.h"

TestSuite(data_tunnel, .timeout = 30);

static char reply[FIXTURE_REPLY_MAX];

static struct client *tunnel(struct fixture *f, int session)
{
	struct client *c = client_open(f);

	cr_assert_eq(client_connect(c, fixture_token(f, session), reply), 200, "%s", reply);
	return c;
}

/* When this comes back, everything sent before it has been dealt with. */
static void sync_with(struct client *c)
{
	uint8_t type, payload[16];

	client_frame(c, TDM_CSTP_DPD_REQUEST, "sync", 4);
	cr_assert_eq(client_read_frame(c, &type, payload, sizeof(payload)), 4);
	cr_assert_eq(type, TDM_CSTP_DPD_RESPONSE);
	cr_assert_arr_eq(payload, "sync", 4);
}

/* The status line is compared by its first 13 bytes, header names by case; MTU and an address are
 * mandatory; the address is the text of the record. */
Test(data_tunnel, reply_to_connect)
{
	struct fixture *f = fixture_start(&(struct fixture_options){ .dpd_s = 30 });
	struct client *c = tunnel(f, 2);
	struct tdm_msg *msg = fixture_expect(f, TDM_MSG_CONNECT);

	cr_assert_eq(strncmp(reply, "HTTP/1.1 200 ", 13), 0);
	cr_assert(strstr(reply, "\r\nX-CSTP-Address: 10.9.0.12\r\n"));
	cr_assert(strstr(reply, "\r\nX-CSTP-Netmask: 255.255.255.0\r\n"));
	cr_assert(strstr(reply, "\r\nX-CSTP-MTU: 1400\r\n"));
	cr_assert(strstr(reply, "\r\nX-CSTP-DPD: 30\r\n"));
	cr_assert(strstr(reply, "\r\nX-CSTP-Default-Domain: a.example b.example\r\n"));
	cr_assert(strstr(reply, "\r\nX-CSTP-Split-Include: "));
	cr_assert_not(strstr(reply, "X-DTLS"));
	cr_assert_not(strstr(reply, "Content-Length"));
	cr_assert_eq(msg->connect.session, 1002);
	cr_assert_eq(msg->connect.mtu, 1434);
	cr_assert_str_eq(msg->connect.hostname, "laptop");
	cr_assert_eq(msg->connect.tunnel.kind, TDM_TUNNEL_TLS);
	cr_assert_eq(msg->connect.tunnel.local.port, FIXTURE_PORT);
	cr_assert_neq(msg->connect.tunnel.remote.port, 0);
	cr_assert_neq(msg->connect.tunnel.suite[0], '\0');
	tdm_msg_free(msg);
	client_close(c);
	fixture_end(f);
}

Test(data_tunnel, packets_both_ways)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = tunnel(f, 0);
	uint8_t packet[256], got[256], type;
	size_t len = make_packet(packet, "10.9.0.10", "10.20.0.5", "hello");
	struct tdm_msg *down;

	client_frame(c, TDM_CSTP_DATA, packet, len);
	cr_assert_eq(fixture_tun_receive(f, got, sizeof(got)), len);
	cr_assert_arr_eq(got, packet, len);

	len = make_packet(packet, "10.20.0.5", "10.9.0.10", "hello yourself");
	fixture_tun_send(f, packet, len);
	cr_assert_eq(client_read_frame(c, &type, got, sizeof(got)), len);
	cr_assert_eq(type, TDM_CSTP_DATA);
	cr_assert_arr_eq(got, packet, len);

	client_close(c);
	down = fixture_expect(f, TDM_MSG_TUNNEL_DOWN);
	cr_assert_eq(down->tunnel_down.session, 1000);
	cr_assert_eq(down->tunnel_down.generation, 1);
	cr_assert_not(down->tunnel_down.logout);
	cr_assert_eq(down->tunnel_down.rx_bytes, 25);
	cr_assert_eq(down->tunnel_down.tx_bytes, 34);
	tdm_msg_free(down);
	fixture_end(f);
}

/* Neither another's address nor nonsense leaves through the TUN device, and the tunnel stays. */
Test(data_tunnel, spoofed_and_malformed_packets_are_dropped)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = tunnel(f, 0);
	uint8_t packet[256];
	size_t len = make_packet(packet, "10.9.0.11", "10.20.0.5", "not me");

	client_frame(c, TDM_CSTP_DATA, packet, len);
	client_frame(c, TDM_CSTP_DATA, "E", 1);
	client_frame(c, TDM_CSTP_DATA, NULL, 0);
	packet[0] = 0x75;
	client_frame(c, TDM_CSTP_DATA, packet, len);
	len = make_packet(packet, "10.9.0.10", "10.20.0.5", "me");
	packet[2] = 0xff; /* says that it is longer than it is */
	client_frame(c, TDM_CSTP_DATA, packet, len);
	sync_with(c);
	cr_assert(fixture_tun_is_empty(f));
	client_close(c);
	fixture_end(f);
}

/* Clients talk to each other only when both groups allow it; never by way of the kernel. */
static void talk(bool first, bool second, bool expected)
{
	struct fixture *f =
		fixture_start(&(struct fixture_options){ .client_to_client = { first, second } });
	struct client *a = tunnel(f, 0), *b = tunnel(f, 1);
	uint8_t packet[256], got[256], type;
	size_t len = make_packet(packet, "10.9.0.10", "10.9.0.11", "psst");

	client_frame(a, TDM_CSTP_DATA, packet, len);
	sync_with(a);
	if (expected) {
		cr_assert_eq(client_read_frame(b, &type, got, sizeof(got)), len);
		cr_assert_arr_eq(got, packet, len);
	}
	sync_with(b);
	fixture_tun_send(f, packet, len); /* as if the kernel had routed it back */
	len = make_packet(packet, "10.9.0.10", "10.9.0.77", "nobody there");
	client_frame(a, TDM_CSTP_DATA, packet, len);
	sync_with(a);
	cr_assert(fixture_tun_is_empty(f));
	len = make_packet(packet, "10.20.0.5", "10.9.0.11", "last");
	fixture_tun_send(f, packet, len);
	cr_assert_eq(client_read_frame(b, &type, got, sizeof(got)), len);
	cr_assert_arr_eq(got, packet, len);
	client_close(a);
	client_close(b);
	fixture_end(f);
}

Test(data_tunnel, client_to_client_allowed)
{
	talk(true, true, true);
}

Test(data_tunnel, client_to_client_needs_both)
{
	talk(true, false, false);
	talk(false, true, false);
}

/* The gateway's own inner address lies in the pool, but is no client. */
Test(data_tunnel, gateway_address_is_reachable)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = tunnel(f, 0);
	uint8_t packet[256], got[256], type;
	size_t len = make_packet(packet, "10.9.0.10", "10.9.0.1", "ping");

	client_frame(c, TDM_CSTP_DATA, packet, len);
	cr_assert_eq(fixture_tun_receive(f, got, sizeof(got)), len);
	len = make_packet(packet, "10.9.0.1", "10.9.0.10", "pong");
	fixture_tun_send(f, packet, len);
	cr_assert_eq(client_read_frame(c, &type, got, sizeof(got)), len);
	client_close(c);
	fixture_end(f);
}

/* Two packets in one record are thrown away, and the connection stays. */
Test(data_tunnel, two_packets_in_one_record)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = tunnel(f, 0);
	uint8_t both[256];
	size_t len = make_packet(both + TDM_CSTP_HEADER_LEN, "10.9.0.10", "10.20.0.5", "twice");

	tdm_cstp_write_header(both, TDM_CSTP_DATA, (uint16_t)len);
	len += TDM_CSTP_HEADER_LEN;
	memcpy(both + len, both, len);
	client_send(c, both, 2 * len);
	sync_with(c);
	cr_assert(fixture_tun_is_empty(f));
	client_close(c);
	fixture_end(f);
}

static void expect_end(struct fixture *f, struct client *c, tdm_session_id session, bool logout)
{
	struct tdm_msg *down = fixture_expect(f, TDM_MSG_TUNNEL_DOWN);

	cr_assert_eq(down->tunnel_down.session, session);
	cr_assert_eq(down->tunnel_down.logout, logout);
	tdm_msg_free(down);
	cr_assert(client_sees_end(c));
	client_close(c);
}

Test(data_tunnel, bad_magic_and_bad_types_end_the_tunnel)
{
	static const uint8_t types[] = { 1, 2, 6, 8, 9, 10, 255 };
	struct fixture *f = fixture_start(NULL);
	struct client *c = tunnel(f, 0);

	client_send(c, "GET / HTTP/1.1\r\n\r\n", 18);
	expect_end(f, c, 1000, false);
	for (size_t i = 0; i < sizeof(types); i++) {
		c = tunnel(f, 0);
		client_frame(c, types[i], "x", 1);
		expect_end(f, c, 1000, false);
	}
	fixture_end(f);
}

/* 0xb0 ends the session, any other reason, or none, only the tunnel. */
Test(data_tunnel, goodbye)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = tunnel(f, 0);

	client_frame(c, TDM_CSTP_DISCONNECT,
		"\xb0"
		"Aborted by caller",
		18);
	expect_end(f, c, 1000, true);
	c = tunnel(f, 0);
	client_frame(c, TDM_CSTP_DISCONNECT, "\xb1", 1);
	expect_end(f, c, 1000, false);
	c = tunnel(f, 0);
	client_frame(c, TDM_CSTP_DISCONNECT, NULL, 0);
	expect_end(f, c, 1000, false);
	fixture_end(f);
}

/* A newer tunnel of the same session closes the older one, without the frame that makes clients
 * quit, and packets go to the newer. */
Test(data_tunnel, newer_tunnel_replaces_older)
{
	struct fixture *f = fixture_start(NULL);
	struct client *older = tunnel(f, 0), *newer = tunnel(f, 0);
	uint8_t packet[256], got[256], type;
	size_t len = make_packet(packet, "10.20.0.5", "10.9.0.10", "to the newer");
	struct tdm_msg *down = fixture_expect(f, TDM_MSG_TUNNEL_DOWN);

	cr_assert_eq(down->tunnel_down.generation, 1);
	tdm_msg_free(down);
	cr_assert(client_sees_end(older));
	fixture_tun_send(f, packet, len);
	cr_assert_eq(client_read_frame(newer, &type, got, sizeof(got)), len);
	client_close(older);
	client_close(newer);
	fixture_end(f);
}

/* Only the end of a session is told with a disconnect frame. */
Test(data_tunnel, closed_by_control)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = tunnel(f, 0);
	uint8_t payload[64], type;

	fixture_close_tunnel(f, 0, true);
	cr_assert_gt(client_read_frame(c, &type, payload, sizeof(payload)), 0);
	cr_assert_eq(type, TDM_CSTP_DISCONNECT);
	cr_assert_eq(payload[0], TDM_CSTP_BYE_LOGOFF);
	expect_end(f, c, 1000, false);
	c = tunnel(f, 1);
	fixture_close_tunnel(f, 1, false);
	expect_end(f, c, 1001, false);
	fixture_end(f);
}

/* The server probes a silent client and gives up on it; an answer keeps the tunnel. */
Test(data_tunnel, dead_peer_detection)
{
	struct fixture *f = fixture_start(&(struct fixture_options){ .dpd_s = 2 });
	struct client *c = tunnel(f, 0);
	uint8_t payload[64], type;

	cr_assert_eq(client_read_frame(c, &type, payload, sizeof(payload)), 0);
	cr_assert_eq(type, TDM_CSTP_DPD_REQUEST);
	client_frame(c, TDM_CSTP_DPD_RESPONSE, NULL, 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(client_read_frame(c, &type, payload, sizeof(payload)), 0);
		cr_assert_eq(type, TDM_CSTP_DPD_REQUEST);
	}
	expect_end(f, c, 1000, false);
	fixture_end(f);
}

/* Refusals: 401 only when it is sure. */
Test(data_tunnel, refusals)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);
	char token[128];

	cr_assert_eq(client_connect(c, "garbage", reply), 401);
	cr_assert(strstr(reply, "X-Reason: "));
	cr_assert(client_sees_end(c));
	client_close(c);

	c = client_open(f);
	snprintf(token, sizeof(token), "%s", fixture_token(f, 0));
	token[40] = token[40] == 'A' ? 'B' : 'A'; /* well-formed, but nobody's */
	cr_assert_eq(client_connect(c, token, reply), 401);
	client_close(c);

	c = client_open(f);
	snprintf(token, sizeof(token), "%s", fixture_token(f, 0));
	cr_assert_eq(token[1], 'Q');
	token[1] = 'g'; /* version 2: a newer node may know it */
	cr_assert_eq(client_connect(c, token, reply), 503);
	client_close(c);

	c = client_open(f);
	client_get(c, "CONNECT", "/CSCOSSLC/tunnel", "");
	cr_assert_eq(client_reply(c, reply), 401);
	client_close(c);

	c = client_open(f);
	client_get(c, "CONNECT", "/elsewhere", "");
	cr_assert_eq(client_reply(c, reply), 404);
	client_close(c);
	fixture_end(f);
}

/* The data thread waits for control as long as it takes; a client that has gone meanwhile gives
 * its tunnel back. */
Test(data_tunnel, held_connect)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);
	struct tdm_msg *msg;
	char headers[256];

	fixture_hold(f, 0);
	snprintf(headers, sizeof(headers), "Cookie: webvpn=%s\r\n", fixture_token(f, 0));
	client_get(c, "CONNECT", "/CSCOSSLC/tunnel", headers);
	fixture_release(f, 0);
	cr_assert_eq(client_reply(c, reply), 200);
	client_close(c);
	tdm_msg_free(fixture_expect(f, TDM_MSG_TUNNEL_DOWN));

	fixture_hold(f, 0);
	c = client_open(f);
	client_get(c, "CONNECT", "/CSCOSSLC/tunnel", headers);
	msg = fixture_expect(f, TDM_MSG_CONNECT);
	client_close(c);
	tdm_msg_free(fixture_expect(f, TDM_MSG_CONN_CLOSED));
	fixture_release_late(f, 0);
	tdm_msg_free(msg);
	msg = fixture_expect(f, TDM_MSG_TUNNEL_DOWN);
	cr_assert_eq(msg->tunnel_down.session, 1000);
	cr_assert_eq(msg->tunnel_down.generation, 2);
	tdm_msg_free(msg);
	fixture_end(f);
}
