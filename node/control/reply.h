/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the core's structs to messages of the control socket. */
#pragma once

#include "node/config/config.h"
#include "node/control/out.h"
#include "node/journal.h"
#include "replication/cluster.h"

struct tdm_control_identity {
	const struct tdm_config *config;
	const char *version;
	tdm_wall started;
};

/* journal: NULL = none. */
void tdm_control_reply_status(struct tdm_control_out *out, const struct tdm_control_identity *who,
	const struct tdm_cluster_status *status, const struct tdm_journaler_status *journal,
	tdm_wall now);
/* One session; more follows. now is the wall clock. */
void tdm_control_reply_session(struct tdm_control_out *out, const struct tdm_config *config,
	const struct tdm_record *record, const struct tdm_policy *policy, tdm_ms age_ms,
	bool unprotected, tdm_wall now);
/* The end of the list. */
void tdm_control_reply_sessions_end(struct tdm_control_out *out);
/* The comparison with that number, done or not. */
void tdm_control_reply_verify(
	struct tdm_control_out *out, uint64_t ticket, const struct tdm_cluster_status *status);
void tdm_control_reply_logoff(struct tdm_control_out *out, uint32_t ended, uint32_t failed);

/* True when a session is one of those asked for; filter may be NULL. */
bool tdm_control_matches(const Tandem__Control__Filter *filter, const struct tdm_record *record);
