/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the session table and its journal: what goes in, and what comes back at a start. */
#pragma once

#include "replication/cluster.h"
#include "replication/journal.h"

/* A session for the journal, borrowed until the next step. False: the journal is to drop it. */
bool tdm_journal_describe(const struct tdm_cluster *cluster, tdm_session_id id, tdm_wall wall,
	struct tdm_journal_session *out);

struct tdm_restored {
	struct tdm_journal_age age;
	size_t sessions;
	size_t unusable; /* one by one; they stay in the journal */
};

/* Put the sessions of a journal that was just opened into a new core. What is too old is dropped
 * from the journal instead: it might bring back what was ended meanwhile. keep_ms: how long ended
 * sessions are remembered. Errors: memory, or the disk; with diag. */
enum tdm_err tdm_journal_restore(struct tdm_journal *journal, struct tdm_cluster *cluster,
	tdm_wall wall, int64_t keep_ms, struct tdm_restored *out,
	struct tdm_diag *diag) TDM_MUST_USE;
