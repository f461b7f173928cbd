/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gets a password from a person or a pipe. */
#pragma once

#include <stdbool.h>

enum { TDM_CTL_PASSWORD_MAX = 256 }; /* with the NUL; what the daemon takes */

/* Twice from the terminal without echo, or one line from a stdin that is none. What is wrong is
 * printed; out is to be wiped by the caller. */
bool tdm_ctl_password(char out[TDM_CTL_PASSWORD_MAX]);
