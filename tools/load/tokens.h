/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of session tokens, one a line. What is in them opens sessions: mode 0600. */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

struct tdm_load_tokens {
	size_t count;
	char **items; /* secret */
};

/* Read all tokens; empty lines are skipped. TDM_ERR_IO, TDM_ERR_MALFORMED (with the line),
 * TDM_ERR_NOT_FOUND when there is none, TDM_ERR_NOMEM; diag says which. */
enum tdm_err tdm_load_tokens_read(
	const char *path, struct tdm_load_tokens *out, struct tdm_diag *diag) TDM_MUST_USE;
/* Wipe and free; allowed on a zeroed one. */
void tdm_load_tokens_free(struct tdm_load_tokens *tokens);

/* Open for appending. *fd >= 0 on success. */
enum tdm_err tdm_load_tokens_open(const char *path, int *fd, struct tdm_diag *diag) TDM_MUST_USE;
/* Append one line in one write: it is in the file when this returns, whatever is killed next. */
enum tdm_err tdm_load_tokens_append(int fd, const char *token) TDM_MUST_USE;

/* First line of a file ("-": standard input) without its end. */
enum tdm_err tdm_load_read_secret(
	const char *path, char *out, size_t cap, struct tdm_diag *diag) TDM_MUST_USE;
