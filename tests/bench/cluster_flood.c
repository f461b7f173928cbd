/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench/cluster_flood.h"

#include <corosync/corotypes.h>
#include <corosync/cpg.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "node/thread.h"
#include "tests/bench/bench.h"

enum {
	STACK = 8 << 20,
	POLL_MS = 1,
	WAIT_MS = 100,
	WAITS_MAX = 100,
	DISPATCH_EVERY = 16, /* messages; more often costs, less often fills the queue */
};

static struct cpg_name name = { .length = 11, .value = "bench-flood" };

/* of the sender */
static unsigned self;
static uint64_t delivered;
static double last;
static size_t members;

static void on_deliver(cpg_handle_t handle, const struct cpg_name *group, uint32_t node,
	uint32_t pid, void *data, size_t len)
{
	(void)handle;
	(void)group;
	(void)pid;
	(void)data;
	(void)len;
	if (node != self)
		return;
	delivered++;
	last = bench_now();
}

static void on_change(cpg_handle_t handle, const struct cpg_name *group,
	const struct cpg_address *list, size_t list_len, const struct cpg_address *left,
	size_t left_len, const struct cpg_address *joined, size_t joined_len)
{
	(void)handle;
	(void)group;
	(void)list;
	(void)left;
	(void)left_len;
	(void)joined;
	(void)joined_len;
	members = list_len;
}

static cpg_handle_t join(void)
{
	cpg_model_v1_data_t model = {
		.model = CPG_MODEL_V1, .cpg_deliver_fn = on_deliver, .cpg_confchg_fn = on_change
	};
	cpg_handle_t handle;

	if (cpg_model_initialize(&handle, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL) !=
			CS_OK ||
		cpg_local_get(handle, &self) != CS_OK || cpg_join(handle, &name) != CS_OK)
		bench_fail("joining the group of the yardstick");
	return handle;
}

static void dispatch(cpg_handle_t handle, int timeout_ms)
{
	struct pollfd fd = { .events = POLLIN };
	cs_error_t cs;

	if (cpg_fd_get(handle, &fd.fd) != CS_OK)
		bench_fail("the descriptor of the yardstick");
	if (poll(&fd, 1, timeout_ms) <= 0)
		return;
	cs = cpg_dispatch(handle, CS_DISPATCH_ALL);
	if (cs != CS_OK && cs != CS_ERR_TRY_AGAIN)
		bench_fail("reading from the group of the yardstick");
}

static void listen_main(void *arg)
{
	cpg_handle_t handle = join();

	(void)arg;
	self = 0;
	while (true)
		dispatch(handle, -1);
}

void bench_flood_listen(void)
{
	static struct tdm_thread thread;

	if (tdm_thread_start(&thread, STACK, listen_main, NULL))
		bench_fail("the thread of the yardstick");
}

static void await_listener(cpg_handle_t handle)
{
	for (int i = 0; members < 2; i++) {
		if (i == WAITS_MAX)
			bench_fail("waiting for a listener");
		dispatch(handle, WAIT_MS);
	}
}

/* Returns how many were taken. */
static uint64_t send_until(cpg_handle_t handle, void *data, size_t size, double end)
{
	struct iovec iov = { data, size };
	uint64_t sent = 0;

	while (bench_now() < end) {
		cs_error_t cs = cpg_mcast_joined(handle, CPG_TYPE_AGREED, &iov, 1);

		if (cs == CS_OK && ++sent % DISPATCH_EVERY == 0)
			dispatch(handle, 0);
		else if (cs == CS_ERR_TRY_AGAIN)
			dispatch(handle, POLL_MS);
		else if (cs != CS_OK)
			bench_fail("sending to the group of the yardstick");
	}
	return sent;
}

double bench_flood(size_t size, double seconds)
{
	cpg_handle_t handle = join();
	void *data = calloc(1, size);
	uint64_t sent;
	double start;

	if (!data)
		bench_fail("calloc");
	members = 0;
	await_listener(handle);
	delivered = 0;
	start = bench_now();
	sent = send_until(handle, data, size, start + seconds);
	for (int i = 0; i < WAITS_MAX && delivered < sent; i++)
		dispatch(handle, WAIT_MS);
	cpg_leave(handle, &name);
	cpg_finalize(handle);
	free(data);
	if (delivered != sent)
		bench_fail("getting back what was sent");
	return (double)delivered / (last - start);
}
