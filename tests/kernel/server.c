/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernel/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "node/address/address.h"

enum { SIGN_MS = 10, BACKLOG = 16 };

static struct sockaddr_in service_address(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(NET_PORT) };

	inet_pton(AF_INET, NET_SERVICE, &address.sin_addr);
	return address;
}

static int bound(int type)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(NET_PORT) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	cr_assert_eq(
		bind(fd, (struct sockaddr *)&address, sizeof(address)), 0, "%s", strerror(errno));
	return fd;
}

static void on_connection(const struct server_options *options, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), live = TDM_SOCKET_LIVE_MARK,
	    mark = TDM_SOCKET_MARK;

	cr_assert_geq(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_MARK, &live, sizeof(live));
	if (!options->closes)
		return;
	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	close(fd);
}

static void open_slow_things(void)
{
	const int sockets = 200; /* each costs the kernel some 0.2 ms to close */
	struct ifreq request = { .ifr_name = "slow0" };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	request.ifr_flags = IFF_TUN | IFF_NO_PI;
	cr_assert_eq(ioctl(fd, TUNSETIFF, &request), 0);
	for (int i = 0; i < sockets; i++)
		cr_assert_geq(socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ARP)), 0);
}

void server_run(void *ctx)
{
	const struct server_options *options = ctx;
	struct pollfd listener = { .fd = -1, .events = POLLIN };
	struct tdm_address *address;
	struct tdm_diag diag = { 0 };

	if (options->slow_to_die)
		open_slow_things();
	if (options->listens) {
		listener.fd = bound(SOCK_STREAM);
		cr_assert_eq(listen(listener.fd, BACKLOG), 0);
		bound(SOCK_DGRAM);
	}
	cr_assert_eq(tdm_address_new(options->config, &address, &diag), TDM_OK, "%s", diag.text);
	tdm_address_alive_control(address);
	tdm_address_alive_cluster(address);
	cr_assert_eq(tdm_address_take(address, 1, NULL, &diag), TDM_OK, "%s", diag.text);
	net_ready();
	for (;;) {
		tdm_address_alive_control(address);
		tdm_address_alive_cluster(address);
		if (poll(&listener, 1, SIGN_MS) > 0)
			on_connection(options, listener.fd);
	}
}

int server_begin_connect(const struct net *net)
{
	struct sockaddr_in address = service_address();
	int fd = net_client_socket(net, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)!connect(fd, (struct sockaddr *)&address, sizeof(address));
	return fd;
}

int server_connect(const struct net *net)
{
	int fd = server_begin_connect(net), error = 0;
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(error);

	cr_assert_eq(poll(&pfd, 1, 5000), 1, "no connection");
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	cr_assert_eq(error, 0, "connect: %s", strerror(error));
	return fd;
}
