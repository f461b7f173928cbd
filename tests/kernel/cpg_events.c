/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The corosync threads of the daemon on their own: prints what they hand to the control thread, one
 * line per event, and does what standard input says.
 *
 *   cpg-events CLUSTER-NAME
 *   stdin: "send TEXT", "flood N", "rejoin", "stall MS" (the control thread does nothing),
 *   "quit" or end of file
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "node/clock.h"
#include "node/cluster_thread.h"

enum {
	QUEUE = 256,
	LINE_MAX_ = 512,
	FIRST_CONNECT_MS = 1000,
	SILENT_MS = 150,
	CHECK_MS = 20,
	US_PER_MS = 1000,
};

static uv_loop_t *loop;
static uv_async_t wake;
static uv_timer_t timer;
static uv_poll_t input;
static struct tdm_queue from_cluster;
static struct tdm_cluster_thread *corosync;
static uint32_t connection;
static unsigned long received, out_of_order;
static _Atomic(tdm_ms) alive_at;
static bool silent;

static void alive(void *ctx)
{
	(void)ctx;
	atomic_store(&alive_at, tdm_clock_ms());
}

static const char *left_name(enum tdm_left_reason reason)
{
	static const char *const names[] = { "leave", "procdown", "nodedown" };

	return names[reason];
}

static void print_view(const struct tdm_event_view *view)
{
	printf("view members");
	for (size_t i = 0; i < view->members_len; i++)
		printf(" %u", view->members[i].node);
	for (size_t i = 0; i < view->joined_len; i++)
		printf(" joined %u:%s", view->joined[i].who.node,
			view->joined[i].nodeup ? "nodeup" : "join");
	for (size_t i = 0; i < view->left_len; i++)
		printf(" left %u:%s", view->left[i].who.node, left_name(view->left[i].reason));
	printf("\n");
}

static void print_message(const struct tdm_event_message *message)
{
	unsigned long number;
	char text[LINE_MAX_];

	snprintf(text, sizeof(text), "%.*s", (int)message->len, (const char *)message->data);
	if (sscanf(text, "flood %lu", &number) != 1) {
		printf("message %u %s\n", message->node, text);
		return;
	}
	out_of_order += number != received;
	received++;
	if (text[strlen(text) - 1] == '.')
		printf("flooded %lu wrong %lu\n", received, out_of_order);
}

static void print_event(const struct tdm_event *event)
{
	switch (event->kind) {
	case TDM_EVENT_VIEW:
		print_view(&event->view);
		break;
	case TDM_EVENT_RING:
		printf("ring %u.%" PRIx64 "\n", event->ring.rep, event->ring.seq);
		break;
	case TDM_EVENT_QUORUM:
		printf("quorum %u.%" PRIx64 " %s\n", event->quorum.ring.rep, event->quorum.ring.seq,
			event->quorum.quorate ? "yes" : "no");
		break;
	case TDM_EVENT_MESSAGE:
		print_message(&event->message);
		break;
	default:
		break;
	}
}

static void print_msg(const struct tdm_cluster_msg *msg)
{
	switch (msg->kind) {
	case TDM_CLUSTER_CONNECTED:
		connection = msg->connection;
		printf("connected self %u two_node %d crypto %d detect %u nodes", msg->info.self,
			msg->info.two_node, msg->info.crypto, msg->info.detect_ms);
		for (size_t i = 0; i < msg->info.nodes_len; i++)
			printf(" %u=%s", msg->info.nodes[i].id, msg->info.nodes[i].name);
		printf("\n");
		break;
	case TDM_CLUSTER_EVENT:
		print_event(&msg->event);
		break;
	case TDM_CLUSTER_DISCONNECTED:
		printf("disconnected\n");
		break;
	case TDM_CLUSTER_FAILED:
		printf("failed %s\n", msg->diag.text);
		break;
	}
}

static void on_wake(uv_async_t *handle)
{
	struct tdm_cluster_msg *msg;

	(void)handle;
	while ((msg = tdm_queue_pop(&from_cluster))) {
		print_msg(msg);
		free(msg);
	}
}

static void on_timer(uv_timer_t *handle)
{
	bool now = tdm_clock_ms() - atomic_load(&alive_at) > SILENT_MS;

	(void)handle;
	if (now != silent)
		printf("%s\n", now ? "silent" : "alive");
	silent = now;
}

static void send_text(const char *text)
{
	if (tdm_cluster_thread_send(corosync, connection, (const uint8_t *)text, strlen(text)))
		printf("not sent\n");
}

static void flood(unsigned long count)
{
	char text[LINE_MAX_];

	for (unsigned long i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "flood %lu%s", i, i + 1 == count ? "." : "");
		send_text(text);
	}
}

static void on_input(uv_poll_t *handle, int status, int events)
{
	char line[LINE_MAX_];
	size_t len = 0;

	(void)status;
	(void)events;
	while (len + 1 < sizeof(line) && read(STDIN_FILENO, line + len, 1) == 1 &&
		line[len] != '\n')
		len++;
	line[len] = '\0';
	if (len == 0 || strcmp(line, "quit") == 0) {
		uv_poll_stop(handle);
		uv_stop(loop);
	} else if (strncmp(line, "send ", 5) == 0) {
		send_text(line + 5);
	} else if (strncmp(line, "flood ", 6) == 0) {
		flood(strtoul(line + 6, NULL, 10));
	} else if (strncmp(line, "stall ", 6) == 0) {
		usleep((useconds_t)strtoul(line + 6, NULL, 10) * US_PER_MS);
	} else if (strcmp(line, "rejoin") == 0) {
		tdm_cluster_thread_rejoin(corosync);
	}
}

int main(int argc, char **argv)
{
	struct tdm_cluster_thread_config config = {
		.first_connect_ms = FIRST_CONNECT_MS, .to_control = &from_cluster, .alive = alive
	};

	if (argc != 2) {
		fprintf(stderr, "usage: cpg-events CLUSTER-NAME\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	loop = uv_default_loop();
	uv_async_init(loop, &wake, on_wake);
	uv_timer_init(loop, &timer);
	uv_timer_start(&timer, on_timer, CHECK_MS, CHECK_MS);
	uv_poll_init(loop, &input, STDIN_FILENO);
	uv_poll_start(&input, UV_READABLE, on_input);
	alive(NULL);
	config.cpg.cluster_name = argv[1];
	if (tdm_queue_init(&from_cluster, QUEUE, &wake) ||
		tdm_cluster_thread_start(&config, &corosync))
		return 1;
	uv_run(loop, UV_RUN_DEFAULT);
	tdm_cluster_thread_stop(corosync);
	on_wake(&wake);
	printf("stopped\n");
	return 0;
}
