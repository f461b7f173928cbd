/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client sees of a daemon that dies: nothing; and of one that closes: everything. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kernel/capture.h"
#include "tests/kernel/net.h"
#include "tests/kernel/server.h"

enum { CONNECTIONS = 5, WATCH_MS = 600 };

static struct net net;
static struct tdm_config *config;

static void setup(void)
{
	net_setup(&net);
	config = net_config();
}

static void teardown(void)
{
	free(config);
}

TestSuite(death, .init = setup, .fini = teardown, .timeout = 30);

static void settle(int fd)
{
	(void)capture_run(fd, 100);
}

static void say(int fd)
{
	(void)!send(fd, "hello", 5, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Idle connections, busy ones (data unread by the server, more sent after its death), one that is
 * just being made, and datagrams. */
Test(death, killed_daemon_puts_nothing_on_the_wire)
{
	struct server_options options = { .config = config, .listens = true };
	pid_t child = net_child(server_run, &options);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(NET_PORT) };
	int capture = capture_open(&net), fds[CONNECTIONS], udp;
	struct capture seen;

	inet_pton(AF_INET, NET_SERVICE, &to.sin_addr);
	for (int i = 0; i < CONNECTIONS; i++)
		fds[i] = server_connect(&net);
	say(fds[0]);
	udp = net_client_socket(&net, AF_INET, SOCK_DGRAM, 0);
	settle(capture);
	net_kill(child);
	/* No guardian here: the lease goes on for up to 200 ms, the hardest case. */
	say(fds[1]);
	(void)server_begin_connect(&net);
	(void)!sendto(udp, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to));
	seen = capture_run(capture, WATCH_MS);
	cr_expect_eq(seen.fin, 0);
	cr_expect_eq(seen.rst_ack, 0);
	cr_expect_eq(seen.rst, 0);
	cr_expect_eq(seen.icmp_errors, 0);
}

Test(death, closing_on_purpose_is_seen)
{
	struct server_options options = { .config = config, .listens = true, .closes = true };
	pid_t child = net_child(server_run, &options);
	int capture = capture_open(&net), fd = server_connect(&net);
	struct capture seen = capture_run(capture, WATCH_MS);
	char byte;

	cr_expect_geq(seen.fin, 1);
	cr_expect_eq(recv(fd, &byte, 1, 0), 0);
	net_kill(child);
}

/* The new owner has no socket for the dead owner's connections; with and without a listener. */
static void expect_stale_segment_reset(bool listens)
{
	struct server_options first = { .config = config, .listens = true };
	struct server_options second = { .config = config, .listens = listens };
	int capture = capture_open(&net), fd;
	pid_t child = net_child(server_run, &first);
	struct capture seen;

	fd = server_connect(&net);
	/* The dead owner is on another machine. Here its socket must not linger: one with unread
	 * data goes at once. */
	say(fd);
	settle(capture);
	net_kill(child);
	child = net_child(server_run, &second);
	say(fd);
	seen = capture_run(capture, WATCH_MS);
	cr_expect_geq(seen.rst, 1);
	cr_expect_eq(seen.rst_ack, 0);
	net_kill(child);
}

Test(death, stale_segment_is_reset_by_the_next_owner)
{
	expect_stale_segment_reset(false);
}

Test(death, stale_segment_is_reset_beside_a_listener)
{
	expect_stale_segment_reset(true);
}

Test(death, new_connections_are_never_refused)
{
	struct server_options options = { .config = config, .listens = false };
	pid_t child = net_child(server_run, &options);
	int capture = capture_open(&net);
	struct capture seen;

	(void)server_begin_connect(&net);
	seen = capture_run(capture, WATCH_MS);
	cr_expect_eq(seen.packets, 0);
	net_kill(child);
}

/* A router that is not the owner: whoever sends it something for the service address hears nothing,
 * neither an error nor a redirect to the owner, and nothing is forwarded. */
Test(death, bystander_that_forwards_says_nothing)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(NET_PORT) };
	struct server_options options = { .config = config };
	struct capture seen;
	int capture, udp;
	pid_t child;

	net_run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=1 "
		"net.ipv4.conf.lan.send_redirects=1");
	child = net_child(server_run, &options);
	net_kill(child);    /* leaves the rules */
	net_pause_ms(3500); /* and the address, for a while */
	net_run("! ip addr show dev lan | grep " NET_SERVICE "/");
	inet_pton(AF_INET, NET_SERVICE, &to.sin_addr);
	net_run("nsenter --net=/proc/%d/fd/%d ip route add " NET_SERVICE "/32 via 10.91.0.1",
		(int)getpid(), net.client_ns);
	capture = capture_open(&net);
	udp = net_client_socket(&net, AF_INET, SOCK_DGRAM, 0);
	for (int i = 0; i < CONNECTIONS; i++)
		cr_expect_eq(sendto(udp, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	(void)server_begin_connect(&net);
	seen = capture_run(capture, 4000); /* host unreachable would come after 3 s */
	cr_expect_eq(seen.icmp_errors, 0);
	cr_expect_eq(seen.packets, 0);
}

Test(death, taking_is_announced_at_once_and_again)
{
	struct server_options options = { .config = config };
	int capture = capture_open(&net);
	struct capture seen;
	pid_t child = net_child(server_run, &options);

	seen = capture_run(capture, 50);
	cr_expect_geq(seen.arp_requests, 1);
	cr_expect_geq(seen.arp_replies, 1);
	cr_expect_geq(seen.advertisements, 1);
	seen = capture_run(capture, 1200);
	cr_expect_geq(seen.arp_requests, 2);
	cr_expect_geq(seen.advertisements, 2);
	net_kill(child);
}
