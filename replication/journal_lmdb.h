/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal in a directory, with LMDB. */
#pragma once

#include "replication/journal.h"

/* The file in the journal's directory. */
#define TDM_JOURNAL_FILE "journal.mdb"

struct tdm_journal_lmdb_config {
	const char *directory;      /* made when it is missing; its parent has to exist */
	const char *cluster, *node; /* whose journal it has to be */
	tdm_wall wall;              /* now: names what is put aside */
};

/*
 * Open, check every byte, or make a new one. What cannot be used (damaged, another cluster's or
 * node's, of a newer release) is put aside as "<directory>.bad-<time>", or as
 * "<directory>/journal.mdb.bad-<time>" where the directory cannot be renamed; then a new journal is
 * there, and journal->why says so. TDM_ERR_EXISTS: another process has it. TDM_ERR_IO,
 * TDM_ERR_FULL, TDM_ERR_NOMEM, TDM_ERR_TOO_LONG: with diag. The caller closes it; all calls from
 * one thread at a time.
 */
enum tdm_err tdm_journal_lmdb_open(const struct tdm_journal_lmdb_config *config,
	struct tdm_journal **out, struct tdm_diag *diag) TDM_MUST_USE;
