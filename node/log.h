/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line per event: time, level, text. Thread-safe. Control characters are escaped, secrets
 * are never passed in.
 */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

enum tdm_log_level { TDM_LOG_DEBUG, TDM_LOG_INFO, TDM_LOG_WARNING, TDM_LOG_ERROR };

/* Lines go to path (appended, reopened by tdm_log_reopen), or to stderr when path is NULL or "".
 * node is printed in each line. TDM_ERR_IO with diag when the file cannot be opened. */
enum tdm_err tdm_log_open(const char *path, enum tdm_log_level level, const char *node,
	struct tdm_diag *diag) TDM_MUST_USE;
void tdm_log_reopen(void);
void tdm_log(enum tdm_log_level level, const char *fmt, ...) TDM_PRINTF(2, 3);

/* For lines that strangers can cause as often as they like: a hundred at once, then twenty a
 * second. Zeroed to start with; belongs to one thread. */
struct tdm_log_limit {
	tdm_ms full_at; /* when there is room for all again */
	uint64_t left_out;
};

/* True when such a line may be written now; how many could not be before is logged first. */
bool tdm_log_may(struct tdm_log_limit *limit, const char *what, tdm_ms now);

#define tdm_log_debug(...)   tdm_log(TDM_LOG_DEBUG, __VA_ARGS__)
#define tdm_log_info(...)    tdm_log(TDM_LOG_INFO, __VA_ARGS__)
#define tdm_log_warning(...) tdm_log(TDM_LOG_WARNING, __VA_ARGS__)
#define tdm_log_error(...)   tdm_log(TDM_LOG_ERROR, __VA_ARGS__)
