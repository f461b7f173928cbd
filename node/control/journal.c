/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the core and the thread that writes the journal (node/journal.h). */
#include <inttypes.h>

#include "node/clock.h"
#include "node/control/internal.h"
#include "replication/journal_lmdb.h"
#include "replication/journal_restore.h"

enum { MS_PER_S = 1000 };

enum tdm_err tdm_node_journal_open(struct tdm_node *node, struct tdm_diag *diag)
{
	const struct tdm_config *config = node->config;
	struct tdm_journal_lmdb_config jc = { .directory = config->journal_directory,
		.cluster = config->cluster.none ? "" : config->cluster.name,
		.node = config->node,
		.wall = tdm_clock_wall() };
	enum tdm_err err = tdm_journal_lmdb_open(&jc, &node->journal, diag);

	if (err)
		return err;
	if (node->journal->why.code)
		tdm_log_error("%s", node->journal->why.text);
	node->numbers = node->journal->numbers;
	return TDM_OK;
}

static void tell(const struct tdm_restored *restored, size_t sessions)
{
	const struct tdm_journal_age *age = &restored->age;

	if (!sessions)
		return;
	if (age->stale)
		tdm_log_warning("journal: its %zu sessions are too old to be used: the node was "
				"last in sync over 7 days ago, or never",
			sessions);
	else
		tdm_log_info("journal: %zu sessions, last written %" PRId64 " s ago",
			restored->sessions, age->stamp_ms / MS_PER_S);
	if (age->clock_went_back && !age->stale)
		tdm_log_warning("journal: the wall clock is behind its last stamp: sessions are "
				"taken for as old as they were then");
	if (restored->unusable)
		tdm_log_warning("journal: %zu sessions could not be used", restored->unusable);
}

/* The loop calls this, so no step is under way. */
static void on_done(void *ctx)
{
	struct tdm_node *node = ctx;
	bool incomplete = tdm_journaler_state(node->journaler) == TDM_JOURNALER_INCOMPLETE;
	struct tdm_event event = { .kind = TDM_EVENT_JOURNALED };

	event.journaled.number = tdm_journaler_durable(node->journaler);
	event.journaled.incomplete = incomplete && !node->journal_all;
	node->journal_all = incomplete;
	tdm_node_feed(node, &event);
}

enum tdm_err tdm_node_journal_start(struct tdm_node *node, tdm_boot_id boot, struct tdm_diag *diag)
{
	struct tdm_journaler_config jc = { .journal = node->journal,
		.boot = boot,
		.loop = &node->loop,
		.done = on_done,
		.ctx = node,
		.delay_ms = TDM_JOURNALER_DELAY_MS,
		.sessions_max = TDM_JOURNALER_SESSIONS,
		.bytes_max = TDM_JOURNALER_BYTES };
	struct tdm_restored restored;
	size_t sessions = node->journal->sessions;
	enum tdm_err err;

	err = tdm_journal_restore(node->journal, node->core, tdm_clock_wall(),
		TDM_TOMBSTONE_KEEP_MS, &restored, diag);
	if (err)
		return err;
	tell(&restored, sessions);
	err = tdm_journaler_start(&jc, &node->journaler, diag);
	if (!err)
		node->journal = NULL;
	return err;
}

void tdm_node_journal_put(struct tdm_node *node, const struct tdm_action *a)
{
	struct tdm_journal_session session;

	/* numbers are counted on both sides, and stay equal because every one comes along here */
	if (tdm_journal_describe(node->core, a->journal.id, tdm_clock_wall(), &session))
		(void)tdm_journaler_put(node->journaler, &session);
	else
		(void)tdm_journaler_drop(node->journaler, a->journal.id);
	node->journal_waits |= a->journal.urgent;
}

void tdm_node_journal_flush(struct tdm_node *node)
{
	if (!node->journaler)
		return; /* it could not be started, and the daemon is about to end */
	tdm_journaler_synced(node->journaler, tdm_cluster_synced(node->core));
	tdm_journaler_flush(node->journaler, node->journal_waits);
	node->journal_waits = false;
}

void tdm_node_journal_stop(struct tdm_node *node)
{
	tdm_journaler_stop(node->journaler);
	node->journaler = NULL;
	tdm_journal_close(node->journal);
	node->journal = NULL;
}
