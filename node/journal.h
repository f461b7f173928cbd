/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The thread that writes the journal, so that a slow disk holds up nobody else. The control thread
 * hands changes over and is told when they are durable. Changes that come close together share one
 * commit. When the disk fails or is full the node goes on without a journal and says so; what can
 * be written again later is written then.
 */
#pragma once

#include <uv.h>

#include "replication/journal.h"

enum {
	TDM_JOURNALER_DELAY_MS = 50,
	TDM_JOURNALER_SESSIONS = 512,
	TDM_JOURNALER_BYTES = 64 << 20,
};

enum tdm_journaler_state {
	TDM_JOURNALER_OK,
	TDM_JOURNALER_FAILING,    /* nothing can be written; it is tried again */
	TDM_JOURNALER_INCOMPLETE, /* it can be written again, but changes are missing: put all
				   * sessions, then call tdm_journaler_complete */
};

struct tdm_journaler_config {
	struct tdm_journal *journal; /* belongs to the thread from a successful start on */
	tdm_boot_id boot;            /* of this daemon start */
	uv_loop_t *loop;             /* the control thread's */
	void (*done)(void *ctx);     /* on that loop: look at durable and state again */
	void *ctx;
	uint32_t delay_ms;   /* a change waits so long for others to come along */
	size_t sessions_max; /* or until there are so many */
	size_t bytes_max;    /* memory for changes that cannot be written, on either side */
};

struct tdm_journaler;

/* TDM_ERR_NOMEM, with diag. All functions are for the control thread. */
enum tdm_err tdm_journaler_start(const struct tdm_journaler_config *config,
	struct tdm_journaler **out, struct tdm_diag *diag) TDM_MUST_USE;
/* Write what is left, end the thread, close the journal. Waits for the disk, at most some seconds:
 * after that the thread is left behind, and so is its memory. NULL is fine. Before the loop ends.
 */
void tdm_journaler_stop(struct tdm_journaler *j);

/* Changes are numbered from 1; a put or drop returns its number. It never fails: what cannot be
 * kept in memory makes the journal incomplete. They are handed over by tdm_journaler_flush. */
uint64_t tdm_journaler_put(struct tdm_journaler *j, const struct tdm_journal_session *session);
uint64_t tdm_journaler_drop(struct tdm_journaler *j, tdm_session_id id);
/* At the end of a step. urgent: somebody waits, do not wait for other changes. */
void tdm_journaler_flush(struct tdm_journaler *j, bool urgent);
/* All changes up to this number are on the disk, or cannot be written anyway (state). */
uint64_t tdm_journaler_durable(const struct tdm_journaler *j);
enum tdm_journaler_state tdm_journaler_state(const struct tdm_journaler *j);
/* After INCOMPLETE: all sessions were put. */
void tdm_journaler_complete(struct tdm_journaler *j);

/* On the disk when it returns TDM_OK; waits for it. Goes before all changes handed over. */
enum tdm_err tdm_journaler_save(struct tdm_journaler *j, const struct tdm_numbers *numbers,
	struct tdm_diag *diag) TDM_MUST_USE;
/* Whether this node has the whole table, for the stamps from now on. */
void tdm_journaler_synced(struct tdm_journaler *j, bool synced);

struct tdm_journaler_status {
	enum tdm_journaler_state state;
	char error[256];           /* why it fails, or failed last; "" = never */
	uint64_t pending;          /* changes that are not durable */
	uint64_t commits, written; /* since the start; written: changes */
	int64_t slowest_ms;        /* the longest commit */
	tdm_wall stamp;            /* of the last commit, 0 = none yet */
};
void tdm_journaler_status(struct tdm_journaler *j, struct tdm_journaler_status *out);
