/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control socket as a file: its directory, what was left of an earlier daemon, who may use it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/err.h"

/* Make path free for a new socket. TDM_ERR_EXISTS: a daemon listens there. TDM_ERR_IO. */
enum tdm_err tdm_control_bind_prepare(const char *path, struct tdm_diag *diag) TDM_MUST_USE;
/* root and, when there is such a group, "tandem". *gid is that group or -1. TDM_ERR_IO. */
enum tdm_err tdm_control_bind_permit(
	const char *path, int64_t *gid, struct tdm_diag *diag) TDM_MUST_USE;
