/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control thread: owns the session table, feeds the core with events and executes its actions.
 */
#pragma once

#include "node/config/config.h"

/* Serve until SIGTERM or SIGINT. Returns TDM_OK after a clean end; otherwise diag says in one line
 * what was wrong, and nothing is left half done. */
enum tdm_err tdm_node_run(const struct tdm_config *config, struct tdm_diag *diag) TDM_MUST_USE;
