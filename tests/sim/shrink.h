/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/sim/sim.h"

/* Leave out steps as long as the history breaks the same invariant; h->dropped says which. Returns
 * how many are left. */
size_t sim_shrink(struct sim *sim, struct sim_history *h);
