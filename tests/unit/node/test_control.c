/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket with a real tandemctl at the other end: what is asked is answered, changes are
 * passed on and awaited, and nobody who is rude gets far.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/control/client.h"
#include "node/control/socket.h"
#include "tools/ctl/client.h"
#include "tools/ctl/ctl.h"

enum { SESSIONS_MAX = 2000 };

struct fixture {
	uv_loop_t loop;
	struct tdm_config *config;
	struct tdm_control_socket *socket;
	char dir[64];
	size_t sessions; /* how many the table has */
	size_t pieces;   /* times that it was asked for some */
	/* logoffs asked for */
	uint64_t ticket;
	tdm_session_id ended[SESSIONS_MAX];
	size_t ended_len;
	bool answer_at_once;
	enum tdm_err refuse; /* what logoff returns */
	struct tdm_verify_status verify;
	size_t looks; /* times that the status was asked for */
};

static struct fixture f;

static void on_status(void *ctx, struct tdm_cluster_status *out)
{
	(void)ctx;
	out->nodes_len = 1;
	out->nodes[0] = (struct tdm_node_status){
		.id = 1, .name = "n1", .present = true, .synced = true, .self = true
	};
	out->members_len = 1;
	out->members[0] = (struct tdm_member_status){ .id = 1,
		.name = "vpn",
		.role = TDM_ROLE_OWNER,
		.owner = 1,
		.epoch = { .counter = 3, .node = 1 },
		.sessions = f.sessions,
		.active = f.sessions,
		.pool_size = 1021 };
	out->ring = (struct tdm_ring){ .rep = 1, .seq = 9 };
	out->quorate = out->connected = true;
	if (++f.looks == 3) {
		f.verify.done = f.verify.demand;
		f.verify.result = TDM_VERIFY_REPAIRED;
		f.verify.differed = 2;
	}
	out->verify = f.verify;
}

static bool on_sessions(void *ctx, struct tdm_session_walk *walk, size_t max,
	tdm_session_visit *visit, void *visit_ctx)
{
	static struct tdm_policy policy = { .name = "staff" };
	static struct tdm_record record;

	(void)ctx;
	f.pieces++;
	for (; max && walk->at < f.sessions; walk->at++) {
		size_t i = walk->at;

		record = (struct tdm_record){ .id = i + 1,
			.index = (uint32_t)(i + 1) * 32,
			.member = 1,
			.state = i % 2 ? TDM_SESSION_INACTIVE : TDM_SESSION_ACTIVE,
			.group = "staff" };
		snprintf(record.user, sizeof(record.user), "user%zu", i % 10);
		max--;
		if (!visit(visit_ctx, &record, &policy, 0, false))
			max = 0;
	}
	return walk->at == f.sessions;
}

static enum tdm_err on_logoff(void *ctx, uint64_t ticket, tdm_session_id id)
{
	(void)ctx;
	if (f.refuse)
		return f.refuse;
	f.ticket = ticket;
	f.ended[f.ended_len++] = id;
	if (f.answer_at_once)
		tdm_control_socket_logoff_done(f.socket, ticket, TDM_OK);
	return TDM_OK;
}

static enum tdm_err on_verify(void *ctx)
{
	(void)ctx;
	f.verify.demand++;
	return f.refuse;
}

static enum tdm_err open_socket(struct tdm_control_socket **out, struct tdm_diag *diag)
{
	struct tdm_control_config config = {
		.loop = &f.loop,
		.config = f.config,
		.version = "1.2.3",
		.ops = { .status = on_status,
			.sessions = on_sessions,
			.logoff = on_logoff,
			.verify = on_verify },
	};

	return tdm_control_socket_new(&config, out, diag);
}

static void setup(void)
{
	struct tdm_diag diag = { .text = "" };

	memset(&f, 0, sizeof(f));
	uv_loop_init(&f.loop);
	strcpy(f.dir, "/tmp/tandem-control-XXXXXX");
	cr_assert_not_null(mkdtemp(f.dir));
	f.config = calloc(1, sizeof(*f.config));
	strcpy(f.config->node, "n1");
	f.config->cluster.none = true;
	f.config->members_len = 1;
	strcpy(f.config->members[0].name, "vpn");
	snprintf(
		f.config->control_socket, sizeof(f.config->control_socket), "%s/run/c.sock", f.dir);
	cr_assert_eq(open_socket(&f.socket, &diag), TDM_OK, "%s", diag.text);
}

static void teardown(void)
{
	char path[128];

	tdm_control_socket_free(f.socket);
	uv_run(&f.loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&f.loop), 0, "a handle was left open");
	cr_expect_eq(access(f.config->control_socket, F_OK), -1, "the socket was left behind");
	snprintf(path, sizeof(path), "%s/run", f.dir);
	cr_expect_eq(rmdir(path), 0);
	cr_expect_eq(rmdir(f.dir), 0);
	free(f.config);
}

TestSuite(control, .init = setup, .fini = teardown, .timeout = 30);

/* --- tandemctl in a thread, the server's loop in this one --- */

struct call {
	int (*run)(const struct tdm_ctl *ctl, int argc, char **argv);
	char *argv[6];
	int argc;
	char *text; /* what it printed */
	int code;
	uv_thread_t thread;
	uv_async_t done;
	bool is_done;
};

static void run_call(void *arg)
{
	struct call *call = arg;
	size_t len;
	struct tdm_ctl ctl = { .socket = f.config->control_socket, .version = "1.2.3" };

	ctl.out = open_memstream(&call->text, &len);
	call->code = call->run(&ctl, call->argc, call->argv);
	fclose(ctl.out);
	uv_async_send(&call->done);
}

static void on_call_done(uv_async_t *async)
{
	((struct call *)async->data)->is_done = true;
	uv_close((uv_handle_t *)async, NULL);
}

static void start(struct call *call)
{
	while (call->argv[call->argc])
		call->argc++;
	uv_async_init(&f.loop, &call->done, on_call_done);
	call->done.data = call;
	uv_thread_create(&call->thread, run_call, call);
}

static void finish(struct call *call)
{
	while (!call->is_done)
		uv_run(&f.loop, UV_RUN_ONCE);
	uv_thread_join(&call->thread);
}

static void run(struct call *call)
{
	start(call);
	finish(call);
}

/* --- what is asked is answered --- */

Test(control, status)
{
	struct call call = { .run = tdm_ctl_status, .argv = { "status", "--json" } };

	f.sessions = 5;
	run(&call);
	cr_expect_eq(call.code, TDM_CTL_OK);
	cr_expect_eq(
		strncmp(call.text,
			"{\"node\":\"n1\",\"version\":\"1.2.3\",\"cluster\":null,"
			"\"ring\":\"1.9\",\"quorate\":true,\"connected\":true,\"synced\":true,",
			100),
		0, "%s", call.text);
	cr_expect_not_null(strstr(call.text, "\"owner\":\"n1\",\"epoch\":\"3.1\",\"sessions\":5,"));
	free(call.text);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

Test(control, sessions_by_the_thousand_and_by_filter)
{
	static const struct {
		char *argv[6];
		size_t sessions;
	} cases[] = {
		{ { "sessions", "--json" }, 2000 },
		{ { "sessions", "--json", "--user", "user3" }, 200 },
		{ { "sessions", "--json", "--state", "inactive" }, 1000 },
		{ { "sessions", "--json", "--state", "inactive", "--user=user4" }, 0 },
		{ { "sessions", "--json", "--group", "none" }, 0 },
		{ { "sessions", "--json", "96" }, 1 },
		{ { "sessions", "--json", "97" }, 0 },
	};

	f.sessions = 2000;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct call call = { .run = tdm_ctl_sessions };

		f.pieces = 0;
		memcpy(call.argv, cases[i].argv, sizeof(call.argv));
		run(&call);
		cr_expect_geq(f.pieces, 2000 / 128, "the loop stood still for all at once");
		cr_expect_eq(call.code, TDM_CTL_OK);
		cr_expect_eq(count(call.text, "\"index\":"), cases[i].sessions, "case %zu", i);
		free(call.text);
	}
}

Test(control, an_unknown_state_is_refused)
{
	struct call call = { .run = tdm_ctl_sessions, .argv = { "sessions", "--state", "idel" } };

	run(&call);
	cr_expect_eq(call.code, TDM_CTL_REFUSED);
	cr_expect_str_eq(call.text, "");
	free(call.text);
}

/* --- changes --- */

Test(control, logoff_waits_for_every_result)
{
	struct call call = { .run = tdm_ctl_logoff, .argv = { "logoff", "user", "user1" } };

	f.sessions = 30;
	start(&call);
	while (f.ended_len < 3)
		uv_run(&f.loop, UV_RUN_ONCE);
	cr_expect_eq(f.ended[0], 2);
	cr_expect_eq(f.ended[2], 22);
	tdm_control_socket_logoff_done(f.socket, f.ticket, TDM_OK);
	tdm_control_socket_logoff_done(f.socket, f.ticket + 1, TDM_OK); /* somebody else's */
	tdm_control_socket_logoff_done(f.socket, f.ticket, TDM_ERR_NOT_QUORATE);
	uv_run(&f.loop, UV_RUN_NOWAIT);
	cr_expect(!call.is_done, "answered before the last result");
	tdm_control_socket_logoff_done(f.socket, f.ticket, TDM_OK);
	finish(&call);
	cr_expect_eq(call.code, TDM_CTL_REFUSED, "one of them failed");
	cr_expect_str_eq(call.text, "2 sessions ended\n");
	tdm_control_socket_logoff_done(f.socket, f.ticket, TDM_OK); /* one too many: nothing */
	free(call.text);
}

Test(control, logoff_answered_inside_the_call)
{
	struct call call = { .run = tdm_ctl_logoff, .argv = { "logoff", "64" } };

	f.sessions = 30;
	f.answer_at_once = true;
	run(&call);
	cr_expect_eq(call.code, TDM_CTL_OK);
	cr_expect_str_eq(call.text, "1 session ended\n");
	cr_expect_eq(f.ended_len, 1);
	free(call.text);
}

Test(control, logoff_refused)
{
	struct call none = { .run = tdm_ctl_logoff, .argv = { "logoff", "7" } };
	struct call no = { .run = tdm_ctl_logoff, .argv = { "logoff", "32" } };

	f.sessions = 1;
	run(&none);
	cr_expect_eq(none.code, TDM_CTL_REFUSED);
	f.refuse = TDM_ERR_NOT_QUORATE;
	run(&no);
	cr_expect_eq(no.code, TDM_CTL_REFUSED);
	free(none.text);
	free(no.text);
}

Test(control, verify_asks_until_the_result_is_in)
{
	struct call call = { .run = tdm_ctl_verify, .argv = { "verify", "--json" } };
	struct call no = { .run = tdm_ctl_verify, .argv = { "verify" } };

	run(&call);
	cr_expect_eq(call.code, TDM_CTL_OK);
	cr_expect_eq(f.looks, 3);
	cr_expect_eq(f.verify.demand, 1, "begun once");
	cr_expect_not_null(strstr(call.text,
		"{\"result\":\"repaired\",\"equal\":true,\"parts\":256,\"differed\":2,"));
	f.refuse = TDM_ERR_CLUSTER_LOST;
	run(&no);
	cr_expect_eq(no.code, TDM_CTL_REFUSED);
	free(call.text);
	free(no.text);
}

/* --- the socket itself --- */

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, f.config->control_socket);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/* The loop runs until the server has hung up. */
static bool is_hung_up(int fd)
{
	char byte;

	for (;;) {
		ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return true;
		if (n < 0 && errno != EAGAIN)
			return false;
		uv_run(&f.loop, UV_RUN_ONCE);
	}
}

Test(control, oversized_requests_are_dropped)
{
	int fd = dial();

	cr_expect_eq(send(fd, "\x00\x01\x00\x00", 4, 0), 4);
	cr_expect(is_hung_up(fd));
	close(fd);
}

Test(control, garbage_is_answered_with_an_error)
{
	int fd = dial();
	uint8_t reply[4 + 64] = { 0 };

	cr_expect_eq(send(fd, "\x00\x00\x00\x02\xff\xff", 6, 0), 6);
	while (recv(fd, reply, sizeof(reply), MSG_DONTWAIT) < 0)
		uv_run(&f.loop, UV_RUN_ONCE);
	cr_expect_eq(reply[4], 0x0a, "not an error");
	close(fd);
}

/* Requests that come in one piece, or byte by byte, are the same requests. */
Test(control, frames_may_be_cut_anywhere)
{
	static const uint8_t two[] = { 0, 0, 0, 2, 0x0a, 0, 0, 0, 0, 2, 0x0a, 0 };
	int fd = dial();
	uint8_t reply[4096];
	size_t frames = 0, got = 0, at = 0;

	for (size_t i = 0; i < sizeof(two); i++) {
		cr_expect_eq(send(fd, two + i, 1, 0), 1);
		if (i < 8)
			uv_run(&f.loop, UV_RUN_NOWAIT);
	}
	while (frames < 2) {
		ssize_t n = recv(fd, reply + got, sizeof(reply) - got, MSG_DONTWAIT);

		if (n > 0)
			got += (size_t)n;
		else
			uv_run(&f.loop, UV_RUN_ONCE);
		while (got - at >= 4 && got - at >= 4u + reply[at + 2] * 256u + reply[at + 3]) {
			at += 4u + reply[at + 2] * 256u + reply[at + 3];
			frames++;
		}
	}
	cr_expect_eq(at, got);
	close(fd);
}

Test(control, clients_are_counted)
{
	enum { MANY = 20, KEPT = 16 };
	int fds[MANY];

	for (size_t i = 0; i < MANY; i++) {
		fds[i] = dial();
		uv_run(&f.loop, UV_RUN_NOWAIT);
	}
	cr_expect(is_hung_up(fds[MANY - 1]));
	cr_expect_eq(f.socket->clients_len, KEPT);
	for (size_t i = 0; i < MANY; i++)
		close(fds[i]);
	while (f.socket->clients_len)
		uv_run(&f.loop, UV_RUN_ONCE);
}

Test(control, permissions)
{
	struct stat st;
	char path[128];

	cr_assert_eq(stat(f.config->control_socket, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0660);
	snprintf(path, sizeof(path), "%s/run", f.dir);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0755);
}

Test(control, a_second_daemon_is_told)
{
	struct tdm_control_socket *second = NULL;
	struct tdm_diag diag = { .text = "" };

	cr_expect_eq(open_socket(&second, &diag), TDM_ERR_EXISTS);
	cr_expect_not_null(
		strstr(diag.text, "another tandemd is running already"), "%s", diag.text);
	uv_run(&f.loop, UV_RUN_NOWAIT);
	cr_expect_eq(access(f.config->control_socket, F_OK), 0, "took the first one's socket");
}

Test(control, what_a_dead_daemon_left_is_replaced)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct tdm_control_socket *second = NULL;
	struct tdm_diag diag = { .text = "" };
	char path[128];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path, sizeof(path), "%s/dead.sock", f.dir);
	strcpy(address.sun_path, path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd); /* the file stays, nobody listens */
	strcpy(f.config->control_socket, path);
	cr_expect_eq(open_socket(&second, &diag), TDM_OK, "%s", diag.text);
	tdm_control_socket_free(second);
	snprintf(
		f.config->control_socket, sizeof(f.config->control_socket), "%s/run/c.sock", f.dir);
}

Test(control, a_file_in_the_way_is_left_alone)
{
	struct tdm_control_socket *second = NULL;
	struct tdm_diag diag = { .text = "" };
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/file", f.dir);
	file = fopen(path, "w");
	fclose(file);
	strcpy(f.config->control_socket, path);
	cr_expect_eq(open_socket(&second, &diag), TDM_ERR_IO);
	cr_expect_not_null(strstr(diag.text, "is not a socket"), "%s", diag.text);
	cr_expect_eq(access(path, F_OK), 0);
	unlink(path);
	snprintf(
		f.config->control_socket, sizeof(f.config->control_socket), "%s/run/c.sock", f.dir);
}

/* Closing with a client in the middle of everything leaks nothing (the sanitizer looks). */
Test(control, closes_with_clients_connected)
{
	int idle = dial(), asking = dial(), listing = dial();

	f.sessions = 100000;
	cr_expect_eq(send(asking, "\x00\x00\x00\x04\x1a\x02\x08\x20", 8, 0), 8); /* logoff 32 */
	cr_expect_eq(send(listing, "\x00\x00\x00\x02\x12\x00", 6, 0), 6);
	while (!f.ended_len)
		uv_run(&f.loop, UV_RUN_ONCE);
	cr_expect_eq(send(idle, "\x00\x00", 2, 0), 2);
	uv_run(&f.loop, UV_RUN_NOWAIT);
	close(idle);
	close(asking);
	close(listing);
}

/* --- without a daemon --- */

Test(ctl, nobody_there)
{
	struct tdm_ctl ctl = { .socket = "/nonexistent/c.sock", .out = stdout };
	char *argv[] = { "status", NULL };

	cr_expect_eq(tdm_ctl_status(&ctl, 1, argv), TDM_CTL_UNREACHABLE);
}
