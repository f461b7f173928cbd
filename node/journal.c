/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/journal.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/clock.h"
#include "node/log.h"
#include "node/queue.h"

enum {
	HANDED_MAX = 64, /* batches on their way; more wait with the control thread, as one */
	RETRY_MS = 1000,
	STAMP_MS = 60 * 1000, /* so often even when nothing changes */
	STOP_PATIENCE_S = 5,
	ORDER_BYTES = 256 * 1024, /* more is handed over at once */
	FULL_PAUSE_NS = 1000000,
};

enum order_kind { ORDER_WRITE, ORDER_SAVE };

/* From the control thread. */
struct order {
	enum order_kind kind;
	/* write: the thread's afterwards */
	struct tdm_journal_batch batch;
	uint64_t last; /* number of its last change */
	bool urgent, missing, complete;
	/* save: the control thread's, which waits */
	struct tdm_numbers numbers;
	sem_t done;
	enum tdm_err err;
	struct tdm_diag diag;
};

struct tdm_journaler {
	struct tdm_journaler_config config;
	pthread_t thread;
	sem_t ended;
	uv_async_t *told; /* on the control thread's loop */
	struct tdm_queue orders;

	/* the control thread's */
	struct order *collect; /* not handed over yet, or NULL */
	uint64_t last;
	bool missing; /* changes were dropped before they were handed over */

	/* both */
	atomic_uint_fast64_t durable;
	atomic_int state;
	atomic_bool synced, stopping;
	pthread_mutex_t lock;
	struct tdm_journaler_status shown;

	/* the journal thread's */
	uv_loop_t loop;
	uv_async_t wake;
	uv_timer_t commit_timer, stamp_timer;
	struct tdm_journal_batch group;
	uint64_t group_last;
	tdm_wall synced_wall;
	bool incomplete, failing;
	bool completing; /* with the group all sessions are there again */
};

/* --- the journal thread --- */

static void tell(struct tdm_journaler *j)
{
	if (!atomic_load(&j->stopping))
		uv_async_send(j->told);
}

static void set_state(struct tdm_journaler *j)
{
	int state = j->failing                        ? TDM_JOURNALER_FAILING
		    : j->incomplete && !j->completing ? TDM_JOURNALER_INCOMPLETE
						      : TDM_JOURNALER_OK;

	atomic_store(&j->state, state);
}

static void lose_group(struct tdm_journaler *j)
{
	tdm_journal_batch_deinit(&j->group);
	j->incomplete = true;
	j->completing = false;
}

static void failed(struct tdm_journaler *j, const struct tdm_diag *diag)
{
	if (!j->failing)
		tdm_log_error("%s: sessions are NOT kept over a restart until it can be written",
			diag->text);
	j->failing = true;
	pthread_mutex_lock(&j->lock);
	snprintf(j->shown.error, sizeof(j->shown.error), "%.255s", diag->text);
	pthread_mutex_unlock(&j->lock);
	if (j->group.bytes_len > j->config.bytes_max)
		lose_group(j);
	set_state(j);
}

static void went_well(
	struct tdm_journaler *j, const struct tdm_journal_batch *batch, tdm_wall wall, tdm_ms took)
{
	if (j->failing)
		tdm_log_info("journal: it can be written again");
	j->failing = false;
	pthread_mutex_lock(&j->lock);
	j->shown.commits++;
	j->shown.written += batch->sessions;
	j->shown.stamp = wall;
	if (took > j->shown.slowest_ms)
		j->shown.slowest_ms = took;
	pthread_mutex_unlock(&j->lock);
}

/* batch gets a stamp and is written. */
static enum tdm_err write_stamped(
	struct tdm_journaler *j, struct tdm_journal_batch *batch, struct tdm_diag *diag)
{
	struct tdm_journal_stamp stamp = { .boot = j->config.boot, .wall = tdm_clock_wall() };
	tdm_ms start = tdm_clock_ms();
	enum tdm_err err;

	/* what is incomplete must look as old as it is */
	if (atomic_load(&j->synced) && !j->incomplete)
		j->synced_wall = stamp.wall;
	stamp.synced = j->synced_wall;
	err = tdm_journal_stamp(batch, &stamp);
	if (err)
		(void)tdm_diag_set(diag, err, "journal: %s", tdm_err_text(err));
	else
		err = tdm_journal_commit(j->config.journal, batch, diag);
	if (!err)
		went_well(j, batch, stamp.wall, tdm_clock_ms() - start);
	return err;
}

static void on_commit_timer(uv_timer_t *timer);

/* Write the group. What fails stays in it, and is tried again: but nobody waits for it. */
static void commit(struct tdm_journaler *j)
{
	struct tdm_diag diag = { 0 };

	uv_timer_stop(&j->commit_timer);
	if (write_stamped(j, &j->group, &diag)) {
		failed(j, &diag);
		uv_timer_start(&j->commit_timer, on_commit_timer, RETRY_MS, 0);
	} else {
		tdm_journal_batch_reset(&j->group);
		if (j->completing)
			j->incomplete = j->completing = false;
		set_state(j);
	}
	atomic_store(&j->durable, j->group_last);
	tell(j);
}

static void on_commit_timer(uv_timer_t *timer)
{
	commit(timer->data);
}

static void on_stamp_timer(uv_timer_t *timer)
{
	struct tdm_journaler *j = timer->data;

	if (!uv_is_active((uv_handle_t *)&j->commit_timer))
		commit(j);
}

/* The numbers go alone: there is room for them on a disk that is full for others. */
static void save(struct tdm_journaler *j, struct order *order)
{
	struct tdm_journal_batch batch;

	tdm_journal_batch_init(&batch);
	order->err = tdm_journal_numbers(&batch, &order->numbers);
	if (order->err)
		(void)tdm_diag_set(
			&order->diag, order->err, "journal: %s", tdm_err_text(order->err));
	else
		order->err = tdm_journal_commit(j->config.journal, &batch, &order->diag);
	tdm_journal_batch_deinit(&batch);
	sem_post(&order->done);
}

static void free_write(struct order *order)
{
	if (!order)
		return;
	tdm_journal_batch_deinit(&order->batch);
	free(order);
}

/* Returns whether somebody waits for it. */
static bool take_write(struct tdm_journaler *j, struct order *order)
{
	bool urgent = order->urgent;

	if (order->missing || tdm_journal_append(&j->group, &order->batch))
		j->incomplete = true;
	else if (order->complete)
		j->completing = true;
	if (j->failing && j->group.bytes_len > j->config.bytes_max)
		lose_group(j);
	j->group_last = order->last;
	free_write(order);
	return urgent;
}

static void take_orders(struct tdm_journaler *j)
{
	struct order *order;
	bool now = false, any = false;

	while ((order = tdm_queue_pop(&j->orders))) {
		if (order->kind == ORDER_SAVE) {
			save(j, order);
			continue;
		}
		now |= take_write(j, order);
		any = true;
	}
	set_state(j);
	if (!any)
		return;
	if (j->failing) {
		/* nothing is written before the timer says so */
		atomic_store(&j->durable, j->group_last);
		tell(j);
	} else if (now || j->group.sessions >= j->config.sessions_max) {
		commit(j);
	} else if (!uv_is_active((uv_handle_t *)&j->commit_timer)) {
		uv_timer_start(&j->commit_timer, on_commit_timer, j->config.delay_ms, 0);
	}
}

static void on_wake(uv_async_t *wake)
{
	struct tdm_journaler *j = wake->data;

	if (atomic_load(&j->stopping)) {
		take_orders(j);
		commit(j);
		uv_close((uv_handle_t *)&j->wake, NULL);
		uv_close((uv_handle_t *)&j->commit_timer, NULL);
		uv_close((uv_handle_t *)&j->stamp_timer, NULL);
		return;
	}
	take_orders(j);
}

static void *journal_main(void *arg)
{
	struct tdm_journaler *j = arg;

	uv_timer_start(&j->stamp_timer, on_stamp_timer, STAMP_MS, STAMP_MS);
	uv_run(&j->loop, UV_RUN_DEFAULT);
	tdm_journal_close(j->config.journal);
	sem_post(&j->ended);
	return NULL;
}

/* --- the control thread --- */

static struct order *collecting(struct tdm_journaler *j)
{
	if (!j->collect)
		j->collect = calloc(1, sizeof(*j->collect));
	return j->collect;
}

/* Nothing of what waits can be kept. */
static void lose_collected(struct tdm_journaler *j)
{
	if (j->collect)
		tdm_journal_batch_deinit(&j->collect->batch);
	j->missing = true;
}

uint64_t tdm_journaler_put(struct tdm_journaler *j, const struct tdm_journal_session *session)
{
	struct order *order = collecting(j);

	if (!order || order->batch.bytes_len > j->config.bytes_max ||
		tdm_journal_put(&order->batch, session))
		lose_collected(j);
	j->last++;
	if (order && order->batch.bytes_len > ORDER_BYTES)
		tdm_journaler_flush(j, false);
	return j->last;
}

uint64_t tdm_journaler_drop(struct tdm_journaler *j, tdm_session_id id)
{
	struct order *order = collecting(j);

	if (!order || tdm_journal_drop(&order->batch, id))
		lose_collected(j);
	return ++j->last;
}

void tdm_journaler_flush(struct tdm_journaler *j, bool urgent)
{
	struct order *order = j->collect;

	if (!order)
		return;
	order->urgent |= urgent;
	order->last = j->last;
	order->missing = j->missing;
	if (tdm_queue_push(&j->orders, order))
		return; /* it is busy; on_told tries again */
	j->collect = NULL;
	j->missing = false;
}

void tdm_journaler_complete(struct tdm_journaler *j)
{
	struct order *order = collecting(j);

	if (!order)
		return; /* still incomplete: asked for again */
	order->complete = true;
	tdm_journaler_flush(j, false);
}

static void on_told(uv_async_t *told)
{
	struct tdm_journaler *j = told->data;

	tdm_journaler_flush(j, false);
	j->config.done(j->config.ctx);
}

uint64_t tdm_journaler_durable(const struct tdm_journaler *j)
{
	return atomic_load(&j->durable);
}

enum tdm_journaler_state tdm_journaler_state(const struct tdm_journaler *j)
{
	return (enum tdm_journaler_state)atomic_load(&j->state);
}

enum tdm_err tdm_journaler_save(
	struct tdm_journaler *j, const struct tdm_numbers *numbers, struct tdm_diag *diag)
{
	const struct timespec pause = { .tv_nsec = FULL_PAUSE_NS };
	struct order order = { .kind = ORDER_SAVE, .numbers = *numbers };
	struct order *to_thread = &order;

	sem_init(&order.done, 0, 0);
	while (tdm_queue_push(&j->orders, to_thread))
		nanosleep(&pause, NULL);
	while (sem_wait(&order.done))
		;
	sem_destroy(&order.done);
	if (order.err)
		*diag = order.diag;
	return order.err;
}

void tdm_journaler_synced(struct tdm_journaler *j, bool synced)
{
	atomic_store(&j->synced, synced);
}

void tdm_journaler_status(struct tdm_journaler *j, struct tdm_journaler_status *out)
{
	pthread_mutex_lock(&j->lock);
	*out = j->shown;
	pthread_mutex_unlock(&j->lock);
	out->state = tdm_journaler_state(j);
	out->pending = j->last - tdm_journaler_durable(j);
}

/* --- start and stop --- */

static void free_told(uv_handle_t *handle)
{
	free(handle);
}

static void free_journaler(struct tdm_journaler *j)
{
	free_write(j->collect);
	tdm_journal_batch_deinit(&j->group);
	tdm_queue_deinit(&j->orders);
	uv_loop_close(&j->loop);
	pthread_mutex_destroy(&j->lock);
	sem_destroy(&j->ended);
	free(j);
}

/* Signals are for the main thread. */
static bool start_thread(struct tdm_journaler *j)
{
	sigset_t all, before;
	int failure;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failure = pthread_create(&j->thread, NULL, journal_main, j);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return !failure;
}

/* What libuv needs memory for; on the control thread's loop last, since it stays there. */
static bool prepare(struct tdm_journaler *j)
{
	j->told = malloc(sizeof(*j->told));
	if (!j->told || uv_loop_init(&j->loop))
		return false;
	if (uv_async_init(&j->loop, &j->wake, on_wake) ||
		tdm_queue_init(&j->orders, HANDED_MAX, &j->wake))
		return false;
	uv_timer_init(&j->loop, &j->commit_timer);
	uv_timer_init(&j->loop, &j->stamp_timer);
	j->wake.data = j->commit_timer.data = j->stamp_timer.data = j;
	return uv_async_init(j->config.loop, j->told, on_told) == 0;
}

enum tdm_err tdm_journaler_start(const struct tdm_journaler_config *config,
	struct tdm_journaler **out, struct tdm_diag *diag)
{
	struct tdm_journaler *j = calloc(1, sizeof(*j));

	*out = NULL;
	if (!j)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "journal: out of memory");
	j->config = *config;
	j->synced_wall = config->journal->stamp.synced;
	tdm_journal_batch_init(&j->group);
	pthread_mutex_init(&j->lock, NULL);
	sem_init(&j->ended, 0, 0);
	/* a half made one is not taken apart: the process is at its end then */
	if (!prepare(j))
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "journal: out of memory");
	j->told->data = j;
	if (!start_thread(j))
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "journal: cannot start its thread");
	*out = j;
	return TDM_OK;
}

void tdm_journaler_stop(struct tdm_journaler *j)
{
	struct timespec until;
	int failure;

	if (!j)
		return;
	tdm_journaler_flush(j, true);
	atomic_store(&j->stopping, true);
	uv_async_send(&j->wake);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_PATIENCE_S;
	while ((failure = sem_timedwait(&j->ended, &until)) && errno == EINTR)
		;
	if (failure) {
		tdm_log_error("journal: the disk does not answer; the last changes may be lost");
		pthread_detach(j->thread);
		return;
	}
	pthread_join(j->thread, NULL);
	/* what did not fit into the queue at last */
	if (j->collect)
		tdm_log_warning("journal: the last changes were not written");
	uv_close((uv_handle_t *)j->told, free_told);
	free_journaler(j);
}
