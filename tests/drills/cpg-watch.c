/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bare member of a CPG group of its own: prints every membership change with the time at which it
 * arrived. The drills measure with it how long Corosync alone takes to notice a failure, in the
 * same run in which the gateway is measured.
 *
 * One line per change:  SECONDS.MICROS members 1 2 joined - left 2:nodedown
 */
#include <corosync/cpg.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONNECT_TRIES = 100, CONNECT_PAUSE_MS = 50, NS_PER_US = 1000, NS_PER_MS = 1000000 };

static const char *reason_name(uint32_t reason)
{
	switch (reason) {
	case CPG_REASON_JOIN:
		return "join";
	case CPG_REASON_LEAVE:
		return "leave";
	case CPG_REASON_NODEDOWN:
		return "nodedown";
	case CPG_REASON_NODEUP:
		return "nodeup";
	case CPG_REASON_PROCDOWN:
		return "procdown";
	default:
		return "unknown";
	}
}

static void print_list(
	const char *name, const struct cpg_address *list, size_t count, bool with_reason)
{
	printf(" %s", name);
	if (count == 0)
		printf(" -");
	for (size_t i = 0; i < count; i++) {
		printf(" %u", list[i].nodeid);
		if (with_reason)
			printf(":%s", reason_name(list[i].reason));
	}
}

static void on_confchg(cpg_handle_t handle, const struct cpg_name *group,
	const struct cpg_address *members, size_t member_count, const struct cpg_address *left,
	size_t left_count, const struct cpg_address *joined, size_t joined_count)
{
	struct timespec now;

	(void)handle;
	(void)group;
	clock_gettime(CLOCK_REALTIME, &now);
	printf("%lld.%06ld", (long long)now.tv_sec, now.tv_nsec / NS_PER_US);
	print_list("members", members, member_count, false);
	print_list("joined", joined, joined_count, true);
	print_list("left", left, left_count, true);
	printf("\n");
	fflush(stdout);
}

static void on_deliver(cpg_handle_t handle, const struct cpg_name *group, uint32_t node_id,
	uint32_t pid, void *message, size_t length)
{
	(void)handle;
	(void)group;
	(void)node_id;
	(void)pid;
	(void)message;
	(void)length;
}

/* Corosync may still be starting: it refuses connections for some hundred milliseconds. */
static cs_error_t join(cpg_handle_t *handle, const char *name)
{
	static cpg_callbacks_t callbacks = {
		.cpg_deliver_fn = on_deliver,
		.cpg_confchg_fn = on_confchg,
	};
	const struct timespec pause = { .tv_nsec = (long)CONNECT_PAUSE_MS * NS_PER_MS };
	struct cpg_name group = { .length = (uint32_t)strlen(name) };
	cs_error_t err = CS_ERR_LIBRARY;

	memcpy(group.value, name, group.length);
	for (int i = 0; i < CONNECT_TRIES; i++) {
		err = cpg_initialize(handle, &callbacks);
		if (err == CS_OK) {
			err = cpg_join(*handle, &group);
			if (err == CS_OK)
				return CS_OK;
			cpg_finalize(*handle);
		}
		nanosleep(&pause, NULL);
	}
	return err;
}

int main(int argc, char **argv)
{
	struct pollfd pfd = { .events = POLLIN };
	cpg_handle_t handle;
	cs_error_t err;

	if (argc != 2 || strlen(argv[1]) == 0 || strlen(argv[1]) > CPG_MAX_NAME_LENGTH) {
		fprintf(stderr, "usage: cpg-watch GROUP\n");
		return 2;
	}
	err = join(&handle, argv[1]);
	if (err == CS_OK)
		err = cpg_fd_get(handle, &pfd.fd);
	while (err == CS_OK) {
		if (poll(&pfd, 1, -1) < 0 && errno != EINTR) {
			perror("cpg-watch: poll");
			return 1;
		}
		err = cpg_dispatch(handle, CS_DISPATCH_ALL);
		if (err == CS_ERR_TRY_AGAIN)
			err = CS_OK;
	}
	fprintf(stderr, "cpg-watch: corosync: error %d\n", (int)err);
	return 1;
}
