/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A journal in memory, on a "disk" that outlives the process that uses it: for tests and for
 * simulations. Batches can be on their way to the disk; a crash keeps the oldest of them, and never
 * half of one.
 */
#pragma once

#include "replication/journal.h"

struct tdm_journal_disk;

/* NULL without memory. */
struct tdm_journal_disk *tdm_journal_disk_new(void);
void tdm_journal_disk_free(struct tdm_journal_disk *disk);

/* As tdm_journal_lmdb_open: what cannot be used is put aside (thrown away here, and counted). The
 * disk outlives the journal; one journal at a time. */
enum tdm_err tdm_journal_mem_open(struct tdm_journal_disk *disk, const char *cluster,
	const char *node, struct tdm_journal **out, struct tdm_diag *diag) TDM_MUST_USE;

/* A commit of which the end is not waited for. TDM_ERR_NOMEM. */
enum tdm_err tdm_journal_disk_write(
	struct tdm_journal_disk *disk, const struct tdm_journal_batch *batch) TDM_MUST_USE;
/* Batches that are not durable yet. */
size_t tdm_journal_disk_pending(const struct tdm_journal_disk *disk);
/* The oldest n of them become durable. */
void tdm_journal_disk_sync(struct tdm_journal_disk *disk, size_t n);
/* The power goes: the oldest keep of what is pending happen to be durable, the rest is gone. */
void tdm_journal_disk_crash(struct tdm_journal_disk *disk, size_t keep);

/* From now on commits fail with this error; TDM_OK: they work again. */
void tdm_journal_disk_fail(struct tdm_journal_disk *disk, enum tdm_err err);
/* Change one bit of everything that is durable; at counts from 0 and wraps. */
void tdm_journal_disk_damage(struct tdm_journal_disk *disk, size_t at);
/* Journals that could not be used. */
size_t tdm_journal_disk_aside(const struct tdm_journal_disk *disk);
