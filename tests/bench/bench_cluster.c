/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commits over real Corosync, without clients: the core and its threads as in the daemon.
 * tests/bench/run-cluster starts it twice, on two nodes:
 *
 *   bench-cluster standby      stdin: "join", "leave", "quit"
 *   bench-cluster active FIFO  drives the other one through FIFO; prints the results
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/cluster_flood.h"
#include "tests/bench/cluster_node.h"

enum {
	SESSIONS = 100000,
	SAMPLES_MAX = 1 << 20,
	ROUNDS = 9, /* yardstick and commits in turn: others work on this machine too */
	WINDOW = 64,
	FILL_WINDOW = 256,
	PACED_PER_S = 1000,
	PATIENCE_S = 30,
	PACE_MS = 1,
	LINE = 64,
	MS_PER_S = 1000,
};

static const double measure_s = 1, settle_s = 1;

static struct bench_node node;

/* --- commits of the active node --- */

static double asked[SAMPLES_MAX]; /* by request */
static double waits[SAMPLES_MAX];
static uint32_t next_request = 1, answered;
static size_t waits_len;
static unsigned window;  /* so many at once; 0 = none are asked for */
static double pace_from; /* or PACED_PER_S since then; 0 = not */
static uint32_t paced, stop_at;

static uint32_t outstanding(void)
{
	return next_request - 1 - answered;
}

static void on_login(struct bench_node *n, uint64_t request, enum tdm_err err)
{
	(void)n;
	if (err)
		bench_fail(tdm_err_text(err));
	waits[waits_len++] = bench_now() - asked[request];
	answered++;
}

static void ask(struct bench_node *n, double since)
{
	if (next_request == SAMPLES_MAX)
		bench_fail("making room for more commits");
	asked[next_request] = since;
	bench_node_log_in(n, next_request++);
}

static void after(struct bench_node *n)
{
	if (!n->core)
		return;
	while (outstanding() < window && next_request < stop_at)
		ask(n, bench_now());
	/* waits count from when it should have been asked */
	while (pace_from > 0 && pace_from + (double)paced / PACED_PER_S < bench_now())
		ask(n, pace_from + (double)paced++ / PACED_PER_S);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of all waits since the last reset, in ms. */
static double percentile(double share)
{
	qsort(waits, waits_len, sizeof(waits[0]), by_size);
	return waits_len ? waits[(size_t)((double)(waits_len - 1) * share)] * MS_PER_S : 0;
}

/* --- the loop --- */

static void run_for(double seconds)
{
	double end = bench_now() + seconds;

	while (bench_now() < end)
		uv_run(&node.loop, UV_RUN_ONCE);
}

static void run_until_synced(size_t want)
{
	double end = bench_now() + PATIENCE_S;
	size_t synced;

	while (!bench_node_owns(&node, &synced) || synced != want) {
		if (bench_now() > end)
			bench_fail("waiting for the nodes to be synced");
		uv_run(&node.loop, UV_RUN_ONCE);
	}
}

static void drain(void)
{
	double end = bench_now() + PATIENCE_S;

	window = 0;
	pace_from = 0;
	while (outstanding()) {
		if (bench_now() > end)
			bench_fail("waiting for the last commits");
		uv_run(&node.loop, UV_RUN_ONCE);
	}
}

/* Commits per second with so many at once. */
static double commits(unsigned at_once)
{
	double start = bench_now();
	uint32_t before = answered;
	double rate;

	stop_at = UINT32_MAX;
	window = at_once;
	after(&node);
	run_for(measure_s);
	rate = (answered - before) / (bench_now() - start);
	drain();
	return rate;
}

/* --- what is measured --- */

static void tell(int fifo, const char *what)
{
	if (write(fifo, what, strlen(what)) != (ssize_t)strlen(what))
		bench_fail("telling the other node");
}

static void report_waits(const char *p50, const char *p99, const char *p999)
{
	bench_report((struct bench_result){ p50, "ms", percentile(0.5), 0, BENCH_NO_GOAL, 0 });
	bench_report((struct bench_result){ p99, "ms", percentile(0.99), 0, BENCH_NO_GOAL, 0 });
	bench_report((struct bench_result){ p999, "ms", percentile(0.999), 0, BENCH_NO_GOAL, 0 });
}

static double median(double *values, size_t len)
{
	qsort(values, len, sizeof(*values), by_size);
	return values[len / 2];
}

static void bench_commits(void)
{
	double bare[ROUNDS], ours[ROUNDS], middle;
	uint64_t sent, bytes;
	size_t size;

	commits(1); /* alone, our messages are updates and nothing else */
	sent = node.sent;
	bytes = node.sent_bytes;
	middle = commits(1);
	size = (size_t)((node.sent_bytes - bytes) / (node.sent - sent));
	bench_report(
		(struct bench_result){ "update_message", "B", (double)size, 0, BENCH_NO_GOAL, 0 });
	bench_report(
		(struct bench_result){ "commits_window_1", "1/s", middle, 0, BENCH_NO_GOAL, 0 });
	report_waits("commits_window_1_wait_p50", "commits_window_1_wait_p99",
		"commits_window_1_wait_p99.9");
	waits_len = 0;
	for (int i = 0; i < ROUNDS; i++) {
		bare[i] = bench_flood(size, measure_s);
		ours[i] = commits(WINDOW);
	}
	middle = median(bare, ROUNDS);
	bench_report((struct bench_result){
		"bare_messages_of_that_size", "1/s", middle, 0, BENCH_NO_GOAL, 0 });
	bench_report((struct bench_result){ "commits_window_64", "1/s", median(ours, ROUNDS),
		middle, BENCH_RATIO_AT_LEAST, 0.6 });
	report_waits("commits_window_64_wait_p50", "commits_window_64_wait_p99",
		"commits_window_64_wait_p99.9");
}

static void fill(void)
{
	double end = bench_now() + PATIENCE_S;

	stop_at = next_request + SESSIONS;
	window = FILL_WINDOW;
	after(&node);
	while (next_request < stop_at || outstanding()) {
		if (bench_now() > end)
			bench_fail("filling the table");
		uv_run(&node.loop, UV_RUN_ONCE);
	}
	window = 0;
}

static void on_pace(uv_timer_t *timer)
{
	after(timer->data);
}

static void bench_joiner(int fifo)
{
	uv_timer_t timer;
	double start, spent;

	tell(fifo, "leave\n");
	bench_node_leave(&node);
	bench_node_join(&node);
	run_until_synced(1);
	fill();
	uv_timer_init(&node.loop, &timer);
	timer.data = &node;
	uv_timer_start(&timer, on_pace, PACE_MS, PACE_MS);
	paced = 0;
	pace_from = bench_now();
	run_for(settle_s);
	waits_len = 0;
	start = bench_now();
	tell(fifo, "join\n");
	run_until_synced(2);
	spent = bench_now() - start;
	run_for(settle_s);
	drain();
	uv_close((uv_handle_t *)&timer, NULL);
	bench_report((struct bench_result){
		"joiner_100000_sessions_1000_commits_per_s", "s", spent, 0, BENCH_AT_MOST, 3 });
	bench_report((struct bench_result){
		"joiner_commit_wait_p50", "ms", percentile(0.5), 0, BENCH_NO_GOAL, 0 });
	bench_report((struct bench_result){
		"joiner_commit_wait_p99.9", "ms", percentile(0.999), 0, BENCH_AT_MOST, 100 });
	run_for(0);
}

static void active(const char *path)
{
	int fifo = open(path, O_WRONLY | O_CLOEXEC);

	if (fifo < 0)
		bench_fail("opening the way to the other node");
	node.on_login = on_login;
	node.after = after;
	bench_node_join(&node);
	run_until_synced(1);
	tell(fifo, "join\n");
	run_until_synced(2);
	bench_open();
	bench_commits();
	bench_joiner(fifo);
	bench_close();
	tell(fifo, "quit\n");
	bench_node_leave(&node);
}

/* --- the standby --- */

static bool quit;

static void on_input(uv_poll_t *poll, int status, int events)
{
	char line[LINE];
	size_t len = 0;

	(void)poll;
	(void)status;
	(void)events;
	while (len + 1 < sizeof(line) && read(STDIN_FILENO, line + len, 1) == 1 &&
		line[len] != '\n')
		len++;
	line[len] = '\0';
	if (strcmp(line, "join") == 0)
		bench_node_join(&node);
	else if (strcmp(line, "leave") == 0)
		bench_node_leave(&node);
	else
		quit = true;
}

static void standby(void)
{
	uv_poll_t input;

	bench_flood_listen();
	if (uv_poll_init(&node.loop, &input, STDIN_FILENO))
		bench_fail("standard input");
	uv_poll_start(&input, UV_READABLE, on_input);
	while (!quit)
		uv_run(&node.loop, UV_RUN_ONCE);
	bench_node_leave(&node);
}

int main(int argc, char **argv)
{
	bench_node_init(&node);
	if (argc == 2 && strcmp(argv[1], "standby") == 0) {
		standby();
	} else if (argc == 3 && strcmp(argv[1], "active") == 0) {
		active(argv[2]);
	} else {
		fprintf(stderr, "usage: bench-cluster standby | active FIFO\n");
		return 2;
	}
	return 0;
}
