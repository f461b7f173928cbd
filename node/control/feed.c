/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "node/clock.h"
#include "node/control/internal.h"

static void step(struct tdm_node *node, struct tdm_event *event)
{
	event->wall = tdm_clock_wall();
	tdm_cluster_step(node->core, event, tdm_clock_ms(), &node->actions);
	tdm_node_act(node);
	tdm_actions_reset(&node->actions);
}

/* Deliver what the core sent to itself; it may send more meanwhile. */
static void drain_loop(struct tdm_node *node)
{
	struct tdm_event end = { .kind = TDM_EVENT_BATCH_END };

	while (node->loop_head) {
		struct tdm_loop_message *m = node->loop_head;
		struct tdm_event event = { .kind = TDM_EVENT_MESSAGE };

		node->loop_head = m->next;
		if (!node->loop_head)
			node->loop_tail = &node->loop_head;
		event.message.node = 1;
		event.message.pid = 1;
		event.message.data = m->data;
		event.message.len = m->len;
		step(node, &event);
		free(m);
		if (!node->loop_head)
			step(node, &end);
	}
}

/* Nobody holds the token of these: they would keep their addresses until the connect timeout. */
static void end_orphans(struct tdm_node *node)
{
	while (node->orphans_len > 0) {
		struct tdm_event event = { .kind = TDM_EVENT_LOGOUT };

		event.logout.id = node->orphans[--node->orphans_len];
		event.logout.reason = TDM_REASON_CONNECT_TIMEOUT;
		step(node, &event);
		drain_loop(node);
	}
}

void tdm_node_feed(struct tdm_node *node, struct tdm_event *event)
{
	if (!node->core)
		return;
	step(node, event);
	drain_loop(node);
	end_orphans(node);
}
