/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the control socket asks for. */
#include "node/clock.h"
#include "node/control/internal.h"

static void status(void *ctx, struct tdm_cluster_status *out)
{
	struct tdm_node *node = ctx;

	*out = (struct tdm_cluster_status){ 0 };
	if (node->core)
		tdm_cluster_status(node->core, out);
}

static bool sessions(void *ctx, struct tdm_session_walk *walk, size_t max, tdm_session_visit *visit,
	void *visit_ctx)
{
	struct tdm_node *node = ctx;

	return !node->core ||
	       tdm_cluster_walk(node->core, tdm_clock_ms(), walk, max, visit, visit_ctx);
}

static enum tdm_err logoff(void *ctx, uint64_t ticket, tdm_session_id id)
{
	struct tdm_node *node = ctx;
	struct tdm_event event = { .kind = TDM_EVENT_LOGOUT };

	if (!node->core)
		return TDM_ERR_CLUSTER_LOST;
	event.logout.request = ticket;
	event.logout.id = id;
	event.logout.reason = TDM_REASON_ADMIN;
	tdm_node_feed(node, &event);
	return TDM_OK;
}

static bool journal(void *ctx, struct tdm_journaler_status *out)
{
	struct tdm_node *node = ctx;

	if (node->journaler)
		tdm_journaler_status(node->journaler, out);
	return node->journaler != NULL;
}

static enum tdm_err verify(void *ctx)
{
	struct tdm_node *node = ctx;
	struct tdm_event event = { .kind = TDM_EVENT_VERIFY };

	if (!node->core)
		return TDM_ERR_CLUSTER_LOST;
	tdm_node_feed(node, &event);
	return TDM_OK;
}

struct tdm_control_ops tdm_node_control_ops(void)
{
	return (struct tdm_control_ops){
		.status = status,
		.journal = journal,
		.sessions = sessions,
		.logoff = logoff,
		.verify = verify,
	};
}
