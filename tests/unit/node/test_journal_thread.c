/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal's thread: what is durable when, what it does with a slow, full or broken disk. */
#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "node/clock.h"
#include "node/journal.h"
#include "node/log.h"
#include "replication/journal_mem.h"

enum { PATIENCE_MS = 5000, LONG_DELAY_MS = 60000, BYTES_MAX = 16 * 1024 };

/* A disk in memory behind a gate: commits wait for the gate when it is closed. */
struct bench_disk {
	struct tdm_journal base;
	struct tdm_journal *inner;
	struct tdm_journal_disk *disk;
	sem_t gate;
	atomic_bool gated;
	atomic_int failing, commits;
};

static enum tdm_err gate_commit(
	struct tdm_journal *journal, const struct tdm_journal_batch *batch, struct tdm_diag *diag)
{
	struct bench_disk *d = (struct bench_disk *)journal;
	enum tdm_err err = (enum tdm_err)atomic_load(&d->failing);

	if (atomic_load(&d->gated))
		sem_wait(&d->gate);
	atomic_fetch_add(&d->commits, 1);
	if (err)
		return tdm_diag_set(diag, err, "journal: the test says so");
	return tdm_journal_commit(d->inner, batch, diag);
}

static void gate_close(struct tdm_journal *journal)
{
	tdm_journal_close(((struct bench_disk *)journal)->inner);
}

static const struct tdm_journal_ops gate_ops = { .commit = gate_commit, .close = gate_close };

struct fixture {
	struct bench_disk disk;
	struct tdm_journaler *j;
	uv_loop_t loop;
	uv_timer_t timer;
	size_t told;
	uint64_t seq;
};

static void on_done(void *ctx)
{
	((struct fixture *)ctx)->told++;
}

static void on_timer(uv_timer_t *timer)
{
	(void)timer;
}

static struct fixture *setup(uint32_t delay_ms, size_t sessions_max)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tdm_diag diag = { 0 };
	struct tdm_journaler_config config = { .journal = &f->disk.base,
		.boot = 5,
		.loop = &f->loop,
		.done = on_done,
		.ctx = f,
		.delay_ms = delay_ms,
		.sessions_max = sessions_max,
		.bytes_max = BYTES_MAX };

	cr_assert_not(tdm_log_open("/dev/null", TDM_LOG_ERROR, "test", &diag));
	f->disk.base.ops = &gate_ops;
	f->disk.disk = tdm_journal_disk_new();
	sem_init(&f->disk.gate, 0, 0);
	cr_assert_not(tdm_journal_mem_open(f->disk.disk, "c", "n", &f->disk.inner, &diag));
	cr_assert_not(uv_loop_init(&f->loop));
	uv_timer_init(&f->loop, &f->timer);
	/* so that a wait looks at the time, too */
	uv_timer_start(&f->timer, on_timer, 5, 5);
	cr_assert_not(tdm_journaler_start(&config, &f->j, &diag), "%s", diag.text);
	return f;
}

static void stop(struct fixture *f)
{
	tdm_journaler_stop(f->j);
	f->j = NULL;
}

static void teardown(struct fixture *f)
{
	stop(f);
	uv_close((uv_handle_t *)&f->timer, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	cr_expect_not(uv_loop_close(&f->loop));
	sem_destroy(&f->disk.gate);
	tdm_journal_disk_free(f->disk.disk);
	free(f);
}

static uint64_t put(struct fixture *f, tdm_session_id id)
{
	uint8_t wire[TDM_RECORD_WIRE_MAX], policy_wire[64];
	struct tdm_record rec = { .id = id, .member = 1, .state = TDM_SESSION_ACTIVE };
	struct tdm_journal_session s = { .id = id, .written = 1 };
	static struct tdm_policy policy;
	size_t len, policy_len;

	rec.version.seq = ++f->seq;
	cr_assert_not(tdm_record_encode(&rec, NULL, 0, wire, sizeof(wire), &len));
	cr_assert_not(tdm_policy_encode(&policy, policy_wire, sizeof(policy_wire), &policy_len));
	s.record = (struct tdm_blob){ wire, len };
	s.policy = (struct tdm_blob){ policy_wire, policy_len };
	return tdm_journaler_put(f->j, &s);
}

#define WAIT_FOR(f, condition)                                                                     \
	do {                                                                                       \
		tdm_ms start_ms = tdm_clock_ms();                                                  \
		while (!(condition)) {                                                             \
			cr_assert_lt(tdm_clock_ms() - start_ms, PATIENCE_MS, #condition);          \
			uv_run(&(f)->loop, UV_RUN_ONCE);                                           \
		}                                                                                  \
	} while (0)

static void count(void *ctx, const struct tdm_journal_session *s, const struct tdm_record *rec)
{
	(void)s;
	(void)rec;
	++*(size_t *)ctx;
}

/* What the disk holds after the process is gone. */
static size_t on_disk(struct fixture *f, struct tdm_journal_stamp *stamp)
{
	struct tdm_diag diag = { 0 };
	struct tdm_journal *j;
	size_t n = 0;

	cr_assert_not(tdm_journal_mem_open(f->disk.disk, "c", "n", &j, &diag));
	cr_assert_not(j->why.code);
	cr_assert_not(tdm_journal_load(j, count, &n, &diag));
	if (stamp)
		*stamp = j->stamp;
	tdm_journal_close(j);
	return n;
}

/* Changes become durable within the delay, and many of them in one commit. */
Test(journal_thread, group_commit)
{
	struct fixture *f = setup(TDM_JOURNALER_DELAY_MS, TDM_JOURNALER_SESSIONS);
	tdm_ms start = tdm_clock_ms();
	uint64_t last = 0;

	for (tdm_session_id id = 1; id <= 100; id++) {
		last = put(f, id);
		tdm_journaler_flush(f->j, false);
		if (id == 50)
			cr_expect_lt(tdm_journaler_durable(f->j), last);
	}
	cr_expect_eq(last, 100);
	WAIT_FOR(f, tdm_journaler_durable(f->j) == last);
	cr_expect_geq(tdm_clock_ms() - start, TDM_JOURNALER_DELAY_MS - 1);
	cr_expect_leq(atomic_load(&f->disk.commits), 20);
	stop(f);
	cr_expect_eq(on_disk(f, NULL), 100);
	teardown(f);
}

/* A revocation does not wait for company, and takes along what does. */
Test(journal_thread, urgent)
{
	struct fixture *f = setup(LONG_DELAY_MS, TDM_JOURNALER_SESSIONS);
	uint64_t n;

	put(f, 1);
	tdm_journaler_flush(f->j, false);
	n = put(f, 2);
	tdm_journaler_flush(f->j, true);
	WAIT_FOR(f, tdm_journaler_durable(f->j) == n);
	cr_expect_gt(f->told, 0);
	teardown(f);
}

/* So many changes do not wait either. */
Test(journal_thread, enough_is_enough)
{
	struct fixture *f = setup(LONG_DELAY_MS, 10);
	uint64_t n = 0;

	for (tdm_session_id id = 1; id <= 10; id++)
		n = put(f, id);
	tdm_journaler_flush(f->j, false);
	WAIT_FOR(f, tdm_journaler_durable(f->j) == n);
	teardown(f);
}

/* Stopping writes what waits, with a stamp that says how far it goes. */
Test(journal_thread, stop_flushes)
{
	struct fixture *f = setup(LONG_DELAY_MS, TDM_JOURNALER_SESSIONS);
	struct tdm_journal_stamp stamp;

	tdm_journaler_synced(f->j, true);
	put(f, 1);
	tdm_journaler_flush(f->j, false);
	put(f, 2); /* not even handed over */
	stop(f);
	cr_expect_eq(on_disk(f, &stamp), 2);
	cr_expect_eq(stamp.boot, 5);
	cr_expect_gt(stamp.wall, 0);
	cr_expect_eq(stamp.synced, stamp.wall);
	teardown(f);
}

/* Numbers are on the disk when save returns, whatever else waits. */
Test(journal_thread, save)
{
	struct fixture *f = setup(LONG_DELAY_MS, TDM_JOURNALER_SESSIONS);
	struct tdm_diag diag = { 0 };
	struct tdm_journal *j;

	put(f, 1);
	tdm_journaler_flush(f->j, false);
	cr_assert_not(tdm_journaler_save(f->j, &(struct tdm_numbers){ 3, 4 }, &diag));
	cr_assert_not(tdm_journal_mem_open(f->disk.disk, "c", "n", &j, &diag));
	cr_expect_eq(j->numbers.epoch_counter, 3);
	tdm_journal_close(j);
	atomic_store(&f->disk.failing, TDM_ERR_IO);
	cr_expect_eq(tdm_journaler_save(f->j, &(struct tdm_numbers){ 5, 6 }, &diag), TDM_ERR_IO);
	cr_expect_not_null(strstr(diag.text, "the test says so"));
	atomic_store(&f->disk.failing, TDM_OK);
	teardown(f);
}

/* A full disk: nobody waits for it, the state says so; with room again all that came meanwhile is
 * written. */
Test(journal_thread, full_and_again)
{
	struct fixture *f = setup(1, TDM_JOURNALER_SESSIONS);
	struct tdm_journaler_status status;
	uint64_t n;

	atomic_store(&f->disk.failing, TDM_ERR_FULL);
	put(f, 1);
	tdm_journaler_flush(f->j, false);
	WAIT_FOR(f, tdm_journaler_state(f->j) == TDM_JOURNALER_FAILING);
	n = put(f, 2);
	tdm_journaler_flush(f->j, true);
	WAIT_FOR(f, tdm_journaler_durable(f->j) == n);
	tdm_journaler_status(f->j, &status);
	cr_expect_eq(status.state, TDM_JOURNALER_FAILING);
	cr_expect_not_null(strstr(status.error, "the test says so"));
	cr_expect_eq(status.pending, 0);
	atomic_store(&f->disk.failing, TDM_OK);
	WAIT_FOR(f, tdm_journaler_state(f->j) == TDM_JOURNALER_OK);
	stop(f);
	cr_expect_eq(on_disk(f, NULL), 2);
	teardown(f);
}

/* Memory for what cannot be written is bounded. What is dropped is asked for again, and until then
 * the journal does not call itself up to date. */
Test(journal_thread, incomplete_is_made_complete)
{
	struct fixture *f = setup(1, TDM_JOURNALER_SESSIONS);
	struct tdm_journaler_status status;
	struct tdm_journal_stamp stamp;

	tdm_journaler_synced(f->j, true);
	atomic_store(&f->disk.failing, TDM_ERR_FULL);
	for (tdm_session_id id = 1; id <= 1000; id++) {
		put(f, id);
		tdm_journaler_flush(f->j, false);
	}
	WAIT_FOR(f, tdm_journaler_state(f->j) == TDM_JOURNALER_FAILING);
	WAIT_FOR(f, tdm_journaler_durable(f->j) == 1000);
	atomic_store(&f->disk.failing, TDM_OK);
	WAIT_FOR(f, tdm_journaler_state(f->j) == TDM_JOURNALER_INCOMPLETE);
	tdm_journaler_status(f->j, &status);
	cr_expect_gt(status.commits, 0);
	for (tdm_session_id id = 1; id <= 50; id++)
		put(f, id);
	tdm_journaler_complete(f->j);
	WAIT_FOR(f, tdm_journaler_state(f->j) == TDM_JOURNALER_OK);
	WAIT_FOR(f, tdm_journaler_durable(f->j) == 1050);
	put(f, 51);
	stop(f);
	cr_expect_geq(on_disk(f, &stamp), 51);
	cr_expect_eq(stamp.synced, stamp.wall);
	teardown(f);
}

/* A disk that takes its time: the control thread never waits for it, changes pile up as one. */
Test(journal_thread, slow_disk)
{
	struct fixture *f = setup(0, 1);
	uint64_t n = 0;
	int commits;

	atomic_store(&f->disk.gated, true);
	for (tdm_session_id id = 1; id <= 80; id++) {
		n = put(f, id);
		tdm_journaler_flush(f->j, id % 2);
	}
	cr_expect_lt(tdm_journaler_durable(f->j), n);
	cr_expect_eq(tdm_journaler_state(f->j), TDM_JOURNALER_OK);
	atomic_store(&f->disk.gated, false);
	sem_post(&f->disk.gate);
	WAIT_FOR(f, tdm_journaler_durable(f->j) == n);
	commits = atomic_load(&f->disk.commits);
	cr_expect_leq(commits, 20, "%d commits", commits);
	stop(f);
	cr_expect_eq(on_disk(f, NULL), 80);
	teardown(f);
}
