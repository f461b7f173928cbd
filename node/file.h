/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Read a whole small file at once. */
#pragma once

#include <stddef.h>

#include "proto/err.h"

/* *data has *len bytes and a NUL behind them; it is the caller's to free (and to wipe). The reason
 * of a failure is in why as a short phrase: TDM_ERR_IO, TDM_ERR_TOO_LONG, TDM_ERR_NOMEM. */
enum tdm_err tdm_file_read(
	const char *path, size_t max, char **data, size_t *len, char why[static 128]) TDM_MUST_USE;
