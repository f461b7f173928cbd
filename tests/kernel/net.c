/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernel/net.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	COMMAND_MAX = 1024,
	US_PER_S = 1000000,
	NS_PER_US = 1000,
	NS_PER_MS = 1000000,
	MS_PER_S = 1000
};

static int ready_pipe = -1;

void net_run(const char *fmt, ...)
{
	char command[COMMAND_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	cr_assert_eq(system(command), 0, "failed: %s", command);
}

static int current_ns(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	return fd;
}

static int new_ns(void)
{
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "these tests need root");
	net_run("ip link set lo up");
	return current_ns();
}

void net_setup(struct net *net)
{
	pid_t holder;

	net->server_ns = new_ns();
	holder = fork(); /* ip wants a process to name the namespace */
	cr_assert_geq(holder, 0);
	if (holder == 0)
		net_sleep_for_ever();
	net->client_ns = new_ns();
	net_run("ip link add c0 type veth peer name lan netns %d", (int)holder);
	net_run("ip addr add " NET_CLIENT "/24 dev c0 && ip link set c0 up && "
		"ip addr add fd91::101/64 dev c0 nodad");
	net->client_index = (int)if_nametoindex("c0");
	cr_assert_eq(setns(net->server_ns, CLONE_NEWNET), 0);
	net_run("ip addr add 10.91.0.1/24 dev lan && ip link set lan up && "
		"ip addr add fd91::1/64 dev lan nodad");
	net_kill(holder);
}

int net_client_socket(const struct net *net, int domain, int type, int protocol)
{
	int fd;

	cr_assert_eq(setns(net->client_ns, CLONE_NEWNET), 0);
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	cr_assert_eq(setns(net->server_ns, CLONE_NEWNET), 0);
	cr_assert_geq(fd, 0);
	return fd;
}

struct tdm_config *net_config(void)
{
	struct tdm_config *config = calloc(1, sizeof(*config));
	struct tdm_config_member *member = &config->members[0];

	strcpy(config->node, "n1");
	strcpy(config->cluster.name, "test");
	config->members_len = 1;
	member->id = 1;
	strcpy(member->name, "vpn");
	strcpy(member->outside_interface, "lan");
	cr_assert_eq(tdm_prefix_parse(NET_SERVICE "/24", &member->outside[0]), TDM_OK);
	cr_assert_eq(tdm_prefix_parse(NET_SERVICE6 "/64", &member->outside[1]), TDM_OK);
	member->outside_len = 2;
	member->port = NET_PORT;
	strcpy(member->inside_interface, "lan");
	cr_assert_eq(tdm_prefix_parse(NET_INSIDE "/24", &member->inside), TDM_OK);
	cr_assert_eq(tdm_prefix_parse("10.93.0.0/24", &member->pools[0]), TDM_OK);
	member->pools_len = 1;
	return config;
}

void net_ready(void)
{
	cr_assert_eq(write(ready_pipe, "r", 1), 1);
}

void net_sleep_for_ever(void)
{
	for (;;)
		pause();
}

pid_t net_child(void (*run)(void *ctx), void *ctx)
{
	int fds[2];
	char byte;
	pid_t child;

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		close(fds[0]);
		ready_pipe = fds[1];
		run(ctx);
		_exit(0);
	}
	close(fds[1]);
	cr_assert_eq(read(fds[0], &byte, 1), 1, "the child has died early");
	close(fds[0]);
	return child;
}

void net_kill(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

int64_t net_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / NS_PER_US;
}

void net_pause_ms(long ms)
{
	struct timespec t = { ms / MS_PER_S, ms % MS_PER_S * NS_PER_MS };

	nanosleep(&t, NULL);
}
