/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LMDB believes its file: a page with a wrong offset in it makes it read, or write, outside of its
 * memory. So the file's structure is checked once before LMDB gets to see it. Only what our own
 * journals look like passes: one unnamed database with plain keys.
 */
#pragma once

#include "proto/err.h"
#include "proto/types.h"
#include "replication/event.h"

/* The data file of LMDB 0.9 on a 64-bit machine with this byte order. TDM_OK: LMDB can read all of
 * it and write to it. TDM_ERR_MALFORMED: *what (static text) is wrong. TDM_ERR_NOMEM. */
enum tdm_err tdm_journal_lmdb_check(
	const uint8_t *file, size_t len, const char **what) TDM_MUST_USE;

/* The highest numbers that can be found in what is left of a damaged file: they only ever rise, so
 * an old copy does no harm. Zeros when there are none. */
struct tdm_numbers tdm_journal_lmdb_salvage(const uint8_t *file, size_t len);
