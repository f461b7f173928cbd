/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Filling a list of actions. Private to the core; the shell only reads lists. */
#pragma once

#include "replication/event.h"

/* Append an action of a kind, all else zero. Never NULL: without memory the list is marked lost and
 * the action goes nowhere. The pointer is good until the next call. */
struct tdm_action *tdm_actions_add(struct tdm_actions *actions, enum tdm_action_kind kind);
/* The same, in front of everything but earlier calls of this: for roles that are let go. */
struct tdm_action *tdm_actions_add_first(struct tdm_actions *actions, enum tdm_action_kind kind);
/* A copy of data that lives until the next reset; NULL without memory (the list is lost then). */
uint8_t *tdm_actions_keep(struct tdm_actions *actions, const void *data, size_t len);
/* A line for the log. */
void tdm_actions_note(struct tdm_actions *actions, bool warning, const char *fmt, ...)
	TDM_PRINTF(3, 4);
