/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notices when somebody changes the nftables tables. */
#pragma once

#include <stdbool.h>

#include "proto/err.h"

/* A non-blocking socket that becomes readable when rules, chains, sets or tables are removed (by
 * anybody, of any table). Lease renewals do not wake it. TDM_ERR_IO. */
enum tdm_err tdm_watch_open(int *fd) TDM_MUST_USE;
/* Read what is there: true when there was something, lost notices included. */
bool tdm_watch_drain(int fd);
