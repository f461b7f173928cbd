/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The journal: what a node remembers over a restart. Sessions (ended ones too: a revocation that
 * is forgotten is none), the two counters that must never go back, and a stamp that says how old
 * all this is. journal_lmdb.h keeps it on disk, journal_mem.h in memory for tests and simulations.
 *
 * Changes are collected in a batch; a batch is written whole or not at all. The format is described
 * in docs/journal.md.
 */
#pragma once

#include "proto/envelope.h"
#include "proto/record.h"
#include "replication/event.h"

/* A session as it is kept. Its version and what was left of its clocks are in the record. */
struct tdm_journal_session {
	tdm_session_id id;
	struct tdm_blob record, policy; /* wire forms, borrowed */
	tdm_wall written;               /* wall clock when this version was written */
	tdm_wall dropped; /* when its tunnel was lost with its owner; 0 = it was not */
};

/* When the journal was last known to be up to date. */
struct tdm_journal_stamp {
	tdm_boot_id boot; /* daemon start that wrote it */
	tdm_wall wall;    /* of the last write */
	tdm_wall synced;  /* of the last write while the node had the whole table; 0 = never */
};

/* --- a batch: changes in order; the later one of a session counts --- */

struct tdm_journal_op;

struct tdm_journal_batch {
	struct tdm_journal_op *ops;
	size_t len, cap;
	uint8_t *bytes; /* what the ops point into */
	size_t bytes_len, bytes_cap;
	size_t sessions; /* put and dropped */
	uint64_t policy; /* the last one put into the batch, so that it does not come again */
	bool has_policy;
};

void tdm_journal_batch_init(struct tdm_journal_batch *batch);
/* Empty it; keeps the memory. */
void tdm_journal_batch_reset(struct tdm_journal_batch *batch);
void tdm_journal_batch_deinit(struct tdm_journal_batch *batch);

/* All four copy what they are given. On failure it is not in the batch: TDM_ERR_NOMEM;
 * TDM_ERR_TOO_LONG: the record or its policy is more than a journal holds. */
enum tdm_err tdm_journal_put(
	struct tdm_journal_batch *batch, const struct tdm_journal_session *session) TDM_MUST_USE;
/* Forget a session. Unknown is fine. */
enum tdm_err tdm_journal_drop(struct tdm_journal_batch *batch, tdm_session_id id) TDM_MUST_USE;
enum tdm_err tdm_journal_numbers(
	struct tdm_journal_batch *batch, const struct tdm_numbers *numbers) TDM_MUST_USE;
enum tdm_err tdm_journal_stamp(
	struct tdm_journal_batch *batch, const struct tdm_journal_stamp *stamp) TDM_MUST_USE;
/* All of from at the end of batch. TDM_ERR_NOMEM. */
enum tdm_err tdm_journal_append(
	struct tdm_journal_batch *batch, const struct tdm_journal_batch *from) TDM_MUST_USE;

/* --- the journal itself --- */

/* For each session, in no order. session and record are borrowed for the call. */
typedef void tdm_journal_visit(
	void *ctx, const struct tdm_journal_session *session, const struct tdm_record *record);

struct tdm_journal;

struct tdm_journal_ops {
	enum tdm_err (*load)(struct tdm_journal *journal, tdm_journal_visit *visit, void *ctx,
		struct tdm_diag *diag);
	enum tdm_err (*commit)(struct tdm_journal *journal, const struct tdm_journal_batch *batch,
		struct tdm_diag *diag);
	void (*close)(struct tdm_journal *journal);
};

struct tdm_journal {
	const struct tdm_journal_ops *ops;
	/* as found when it was opened; zeros in a new one */
	struct tdm_numbers numbers;
	struct tdm_journal_stamp stamp;
	size_t sessions;
	/* What was there could not be used and was put aside: why.text says what and where. Else
	 * why.code is TDM_OK. The numbers are kept when they could still be read. */
	struct tdm_diag why;
};

/* Every session of a journal that was just opened. All of it has been checked by then; what fails
 * is memory or the disk. */
static inline enum tdm_err tdm_journal_load(
	struct tdm_journal *journal, tdm_journal_visit *visit, void *ctx, struct tdm_diag *diag)
{
	return journal->ops->load(journal, visit, ctx, diag);
}

/* Write a batch: durable when it returns TDM_OK, else as if it had not been called (after
 * TDM_ERR_IO it may be there all the same). TDM_ERR_FULL: no room on the disk, try again later.
 * TDM_ERR_IO: the disk failed, and this journal is not written again. May take as long as the disk
 * likes. */
static inline enum tdm_err tdm_journal_commit(
	struct tdm_journal *journal, const struct tdm_journal_batch *batch, struct tdm_diag *diag)
{
	return journal->ops->commit(journal, batch, diag);
}

/* NULL is fine. */
static inline void tdm_journal_close(struct tdm_journal *journal)
{
	if (journal)
		journal->ops->close(journal);
}

/* --- how old is it --- */

struct tdm_journal_age {
	bool clock_went_back; /* the wall clock is behind the last stamp: ages are not known */
	bool stale;           /* last synced too long ago: its sessions must not be used */
	int64_t stamp_ms;     /* since the last stamp; 0 when not known */
};

/* keep_ms: how long ended sessions are remembered. */
struct tdm_journal_age tdm_journal_age(
	const struct tdm_journal_stamp *stamp, tdm_wall now, int64_t keep_ms);
/* Milliseconds since a wall stamp of the journal; 0 when the clock cannot tell. */
int64_t tdm_journal_since(const struct tdm_journal_age *age, tdm_wall then, tdm_wall now);
