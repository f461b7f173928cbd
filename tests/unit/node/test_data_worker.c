/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/cstp.h"
#include "proto/http.h"
#include "tests/unit/node/data_fixture.h"

TestSuite(data_worker, .timeout = 30);

static char reply[FIXTURE_REPLY_MAX];

/* What is not TLS gets an alert and the end; the next client is served. */
Test(data_worker, garbage_instead_of_tls)
{
	struct fixture *f = fixture_start(NULL);
	int fd = client_raw(f);
	char buf[256];
	ssize_t n;
	struct client *c;

	cr_assert_eq(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL), 18);
	do
		n = recv(fd, buf, sizeof(buf), 0);
	while (n > 0);
	cr_assert(n == 0 || errno == ECONNRESET);
	close(fd);
	c = client_open(f);
	client_get(c, "GET", "/1/binaries/update.txt", "");
	cr_assert_eq(client_reply(c, reply), 200);
	client_close(c);
	fixture_end(f);
}

Test(data_worker, oversized_head_and_garbage_http)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);
	size_t len = TDM_HTTP_HEAD_MAX + 1024;
	char *big = malloc(len);

	memset(big, 'a', len);
	memcpy(big, "GET / HTTP/1.1\r\nX-Big: ", 23);
	client_send(c, big, len);
	cr_assert_eq(client_reply(c, reply), 431);
	cr_assert(client_sees_end(c));
	client_close(c);
	free(big);

	c = client_open(f);
	client_send(c, "\x16\x03\x01 nonsense\r\n\r\n", 16);
	cr_assert_eq(client_reply(c, reply), 501);
	cr_assert(client_sees_end(c));
	client_close(c);

	c = client_open(f);
	client_send(c, "GET / HTTP/1.1\r\nnonsense\r\n\r\n", 28);
	cr_assert_eq(client_reply(c, reply), 400);
	cr_assert(client_sees_end(c));
	client_close(c);

	c = client_open(f);
	client_post(c, "/", "application/xml", "<!DOCTYPE a [<!ENTITY b \"c\">]><config-auth/>");
	cr_assert_eq(client_reply(c, reply), 400);
	client_close(c);
	fixture_end(f);
}

/* Nobody may send on while control is asked: there is one question per connection. */
Test(data_worker, data_before_the_answer_ends_the_connection)
{
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);
	char text[512];

	fixture_hold(f, 0);
	snprintf(text, sizeof(text),
		"CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\nHost: a\r\nCookie: webvpn=%s\r\n\r\n"
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		fixture_token(f, 0));
	client_send(c, text, strlen(text));
	tdm_msg_free(fixture_expect(f, TDM_MSG_CONN_CLOSED));
	cr_assert(client_sees_end(c));
	client_close(c);
	fixture_end(f);
}

/* SERVE off ends all, and the port can be opened again at once. */
Test(data_worker, serve_off_and_on)
{
	struct fixture *f = fixture_start(&(struct fixture_options){ .cluster = true });
	struct client *idle = client_open(f), *c = client_open(f);

	cr_assert_eq(client_connect(c, fixture_token(f, 0), reply), 200);
	fixture_serve(f, false);
	fixture_serve(f, true);
	cr_assert_eq(fixture_serving(f), TDM_OK);
	tdm_msg_free(fixture_expect(f, TDM_MSG_TUNNEL_DOWN));
	client_close(idle);
	client_close(c);
	c = client_open(f);
	cr_assert_eq(client_connect(c, fixture_token(f, 0), reply), 200);
	client_close(c);
	fixture_end(f);
}

/* A port in use is known at once, with address and port. */
Test(data_worker, port_in_use)
{
	struct fixture *f = fixture_start(NULL);
	struct fixture *second =
		fixture_start(&(struct fixture_options){ .address = fixture_address(f) });
	struct tdm_msg *msg = fixture_expect(second, TDM_MSG_SERVING);

	cr_assert_eq(msg->serving.err, TDM_ERR_IO);
	cr_assert(strstr(msg->serving.why, fixture_address(f)), "%s", msg->serving.why);
	cr_assert(strstr(msg->serving.why, ":4443"), "%s", msg->serving.why);
	cr_assert(strstr(msg->serving.why, "in use"), "%s", msg->serving.why);
	tdm_msg_free(msg);
	fixture_end(second);
	fixture_end(f);
}

/* Stopping with connections in every state frees all of them (the leak checker looks). */
Test(data_worker, stop_with_open_connections)
{
	struct fixture *f = fixture_start(NULL);
	int raw = client_raw(f);
	struct client *idle = client_open(f), *waiting = client_open(f), *up = client_open(f);
	char headers[256];

	fixture_hold(f, 1);
	snprintf(headers, sizeof(headers), "Cookie: webvpn=%s\r\n", fixture_token(f, 1));
	client_get(waiting, "CONNECT", "/CSCOSSLC/tunnel", headers);
	tdm_msg_free(fixture_expect(f, TDM_MSG_CONNECT));
	cr_assert_eq(client_connect(up, fixture_token(f, 0), reply), 200);
	fixture_stop(f);
	cr_assert(client_sees_end(up));
	close(raw);
	client_close(idle);
	client_close(waiting);
	client_close(up);
	fixture_end(f);
}

/* A client that does not read loses packets; memory stays bounded, and the tunnel lives on. */
Test(data_worker, client_that_does_not_read)
{
	enum { PACKETS = 20000, SIZE = 1300 };
	struct fixture *f = fixture_start(NULL);
	struct client *c = client_open(f);
	uint8_t packet[SIZE + 64], got[SIZE + 64], type;
	char text[SIZE];
	size_t len, received = 0;

	cr_assert_eq(client_connect(c, fixture_token(f, 0), reply), 200);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	len = make_packet(packet, "10.20.0.5", "10.9.0.10", text);
	for (int i = 0; i < PACKETS; i++)
		fixture_tun_send(f, packet, len);
	len = make_packet(packet, "10.20.0.5", "10.9.0.10", "the end");
	do { /* the rest of what was queued, then the connection works as before */
		fixture_tun_send(f, packet, len);
		received++;
	} while (client_read_frame(c, &type, got, sizeof(got)) != len);
	cr_assert_lt(received, PACKETS / 2);
	client_close(c);
	fixture_end(f);
}

/* Clients that say nothing do not hold their place. */
Test(data_worker, silent_clients)
{
	struct fixture *f =
		fixture_start(&(struct fixture_options){ .handshake_ms = 200, .request_ms = 300 });
	int raw = client_raw(f);
	struct client *idle = client_open(f);
	char byte;

	cr_assert_eq(recv(raw, &byte, 1, 0), 0);
	cr_assert(client_sees_end(idle));
	close(raw);
	client_close(idle);
	fixture_end(f);
}

/* When strangers have taken half of the room, the later ones have to be quick: who is real gets a
 * place long before the usual time is over. */
Test(data_worker, silent_clients_cannot_take_all_places)
{
	struct fixture *f = fixture_start(&(struct fixture_options){ .pending = 4 });
	int raw[4];
	struct client *c;

	for (int i = 0; i < 4; i++)
		raw[i] = client_raw(f);
	c = client_open(f);
	client_get(c, "GET", "/1/binaries/update.txt", "");
	cr_assert_eq(client_reply(c, reply), 200);
	for (int i = 0; i < 4; i++)
		close(raw[i]);
	client_close(c);
	fixture_end(f);
}

/* More handshakes than fit into one turn of the loop: all get theirs. */
Test(data_worker, handshakes_take_turns)
{
	enum { CLIENTS = 100 };
	struct fixture *f = fixture_start(NULL);
	struct client *clients[CLIENTS];

	client_open_all(f, clients, CLIENTS);
	for (int i = 0; i < CLIENTS; i++) {
		client_get(clients[i], "GET", "/1/binaries/update.txt", "");
		cr_assert_eq(client_reply(clients[i], reply), 200);
	}
	for (int i = 0; i < CLIENTS; i++)
		client_close(clients[i]);
	fixture_end(f);
}

/* A byte now and then does not prolong the time for a request. */
Test(data_worker, slowloris)
{
	struct fixture *f = fixture_start(&(struct fixture_options){ .request_ms = 300 });
	struct client *c = client_open(f);
	int sent = 0;

	client_send(c, "GET / HTTP/1.1\r\nX: ", 19);
	while (!client_has_news(c, 20)) {
		client_send(c, "a", 1);
		cr_assert_lt(++sent, 100);
	}
	cr_assert(client_sees_end(c));
	client_close(c);
	fixture_end(f);
}

/* Above the limit connections wait in the kernel, unanswered but not refused, until there is room;
 * tunnels do not count. */
Test(data_worker, pending_connections_are_limited)
{
	struct fixture *f = fixture_start(&(struct fixture_options){ .pending = 2 });
	struct client *up = client_open(f), *third;
	int first, second;

	cr_assert_eq(client_connect(up, fixture_token(f, 0), reply), 200);
	first = client_raw(f);
	second = client_raw(f);
	third = client_open_after(f, first); /* its handshake needs the place of the first */
	client_get(third, "GET", "/1/binaries/update.txt", "");
	cr_assert_eq(client_reply(third, reply), 200);
	close(second);
	client_close(third);
	client_close(up);
	fixture_end(f);
}

/* Nothing is left behind by many tunnels (the leak checker looks). */
Test(data_worker, many_connections)
{
	struct fixture *f = fixture_start(NULL);

	for (int i = 0; i < 100; i++) {
		struct client *c = client_open(f);

		cr_assert_eq(client_connect(c, fixture_token(f, i % FIXTURE_SESSIONS), reply), 200);
		client_close(c);
		tdm_msg_free(fixture_expect(f, TDM_MSG_CONNECT));
		tdm_msg_free(fixture_expect(f, TDM_MSG_TUNNEL_DOWN));
	}
	fixture_end(f);
}
