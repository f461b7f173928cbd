/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pool of password checks: results come back to the loop, the queue is bounded, the end is
 * clean whatever is under way. */
#include <criterion/criterion.h>
#include <string.h>

#include "node/auth/pool.h"

enum { RESULTS_MAX = 64 };

/* A backend that stops each check until the test lets it go. */
struct gate {
	uv_mutex_t lock;
	uv_cond_t changed;
	unsigned open;    /* checks that may end */
	unsigned started; /* checks that began */
};

struct fixture {
	uv_loop_t loop;
	struct gate gate;
	struct tdm_auth_pool *pool;
	struct {
		uint64_t request;
		enum tdm_err err;
		char group[TDM_NAME_MAX];
	} results[RESULTS_MAX];
	size_t results_len;
};

static enum tdm_err gated_check(
	void *self, const char *user, const char *password, char group[TDM_NAME_MAX])
{
	struct gate *gate = self;

	uv_mutex_lock(&gate->lock);
	gate->started++;
	uv_cond_broadcast(&gate->changed);
	while (!gate->open)
		uv_cond_wait(&gate->changed, &gate->lock);
	gate->open--;
	uv_mutex_unlock(&gate->lock);
	strcpy(group, "staff");
	return !strcmp(user, "alice") && !strcmp(password, "secret") ? TDM_OK : TDM_ERR_AUTH;
}

static void gate_open(struct gate *gate, unsigned checks)
{
	uv_mutex_lock(&gate->lock);
	gate->open += checks;
	uv_cond_broadcast(&gate->changed);
	uv_mutex_unlock(&gate->lock);
}

static void wait_started(struct gate *gate, unsigned checks)
{
	uv_mutex_lock(&gate->lock);
	while (gate->started < checks)
		uv_cond_wait(&gate->changed, &gate->lock);
	uv_mutex_unlock(&gate->lock);
}

static void on_done(void *ctx, uint64_t request, enum tdm_err err, const char *group)
{
	struct fixture *f = ctx;

	cr_assert_lt(f->results_len, RESULTS_MAX);
	f->results[f->results_len].request = request;
	f->results[f->results_len].err = err;
	strcpy(f->results[f->results_len].group, group);
	f->results_len++;
}

static void setup(struct fixture *f, uint32_t threads, uint32_t queue)
{
	struct tdm_auth_pool_config config = {
		.loop = &f->loop,
		.backend = { .self = &f->gate, .method = "gate", .check = gated_check },
		.threads = threads,
		.queue = queue,
		.done = on_done,
		.ctx = f,
	};

	memset(f, 0, sizeof(*f));
	uv_loop_init(&f->loop);
	uv_mutex_init(&f->gate.lock);
	uv_cond_init(&f->gate.changed);
	cr_assert_eq(tdm_auth_pool_new(&config, &f->pool, NULL), TDM_OK);
}

static void teardown(struct fixture *f)
{
	tdm_auth_pool_free(f->pool);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&f->loop), 0, "a handle was left open");
	uv_cond_destroy(&f->gate.changed);
	uv_mutex_destroy(&f->gate.lock);
}

static enum tdm_err submit(struct fixture *f, uint64_t request, const char *password)
{
	struct tdm_auth_job job = { .request = request, .user = "alice", .password = password };

	return tdm_auth_submit(f->pool, &job);
}

static void run_until(struct fixture *f, size_t results)
{
	while (f->results_len < results)
		uv_run(&f->loop, UV_RUN_ONCE);
}

Test(auth_pool, results_come_back)
{
	struct fixture f;
	bool seen[3] = { false };

	setup(&f, 2, 8);
	cr_expect_eq(submit(&f, 0, "secret"), TDM_OK);
	cr_expect_eq(submit(&f, 1, "wrong"), TDM_OK);
	cr_expect_eq(submit(&f, 2, "secret"), TDM_OK);
	gate_open(&f.gate, 3);
	run_until(&f, 3);
	for (size_t i = 0; i < 3; i++) {
		bool right = f.results[i].request != 1;

		seen[f.results[i].request] = true;
		cr_expect_eq(f.results[i].err, right ? TDM_OK : TDM_ERR_AUTH);
		cr_expect_str_eq(f.results[i].group, right ? "staff" : "");
	}
	cr_expect(seen[0] && seen[1] && seen[2]);
	teardown(&f);
}

Test(auth_pool, full_is_said_and_passes)
{
	struct fixture f;

	setup(&f, 2, 3);
	cr_expect_eq(submit(&f, 0, "secret"), TDM_OK);
	cr_expect_eq(submit(&f, 1, "secret"), TDM_OK);
	wait_started(&f.gate, 2); /* both threads are busy, the queue is empty */
	for (uint64_t i = 2; i < 5; i++)
		cr_expect_eq(submit(&f, i, "secret"), TDM_OK);
	cr_expect_eq(submit(&f, 5, "secret"), TDM_ERR_FULL);
	gate_open(&f.gate, 5);
	run_until(&f, 5);
	cr_expect_eq(submit(&f, 6, "secret"), TDM_OK);
	gate_open(&f.gate, 1);
	run_until(&f, 6);
	cr_expect_eq(f.results[5].request, 6);
	teardown(&f);
}

/* A loop that does not look at results must not make them pile up without bound. */
Test(auth_pool, results_that_nobody_fetched_count_too)
{
	struct fixture f;
	unsigned taken = 0;

	setup(&f, 1, 2);
	gate_open(&f.gate, 100);
	while (submit(&f, taken, "secret") == TDM_OK) {
		taken++;
		wait_started(&f.gate, taken);
		cr_assert_leq(taken, 3);
	}
	cr_expect_eq(taken, 3);
	run_until(&f, 3);
	teardown(&f);
}

Test(auth_pool, too_long_is_refused)
{
	struct fixture f;
	char password[TDM_PASSWORD_MAX + 1];

	memset(password, 'x', sizeof(password));
	password[TDM_PASSWORD_MAX] = '\0';
	setup(&f, 1, 1);
	cr_expect_eq(submit(&f, 0, password), TDM_ERR_TOO_LONG);
	teardown(&f);
}

Test(auth_pool, ends_with_checks_under_way_and_waiting)
{
	struct fixture f;

	setup(&f, 2, 8);
	for (uint64_t i = 0; i < 6; i++)
		cr_expect_eq(submit(&f, i, "secret"), TDM_OK);
	wait_started(&f.gate, 2);
	gate_open(&f.gate, 6);
	teardown(&f);
	cr_expect_eq(f.results_len, 0, "a callback came after the end");
}
