/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directory of a journal: made, locked, put aside. Used by journal_lmdb.c only. */
#pragma once

#include "replication/journal_lmdb.h"

enum { TDM_JOURNAL_PATH_MAX = 4096 };

/* Make it when it is missing, and lock it: *fd holds the lock. */
enum tdm_err tdm_journal_dir_open(
	const char *directory, int *fd, struct tdm_diag *diag) TDM_MUST_USE;
/* Put it aside; *fd is exchanged for that of the new directory (or stays). to says where the old
 * one is. */
enum tdm_err tdm_journal_dir_aside(const char *directory, tdm_wall wall, int *fd,
	char to[TDM_JOURNAL_PATH_MAX], struct tdm_diag *diag) TDM_MUST_USE;
/* TDM_ERR_FULL for a disk without room, TDM_ERR_IO for the rest. */
enum tdm_err tdm_journal_errno(int error);
