/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "node/control/internal.h"

void tdm_node_to_worker(struct tdm_node *node, uint32_t thread, struct tdm_msg *msg)
{
	if (!msg) {
		tdm_node_fail(node, TDM_ERR_NOMEM, "out of memory");
		return;
	}
	if (node->stop_sent) { /* nothing may follow STOP */
		tdm_msg_free(msg);
	} else if (tdm_worker_send(node->workers[thread], msg)) {
		tdm_msg_free(msg);
		tdm_node_fail(node, TDM_ERR_FULL, "a data thread does not take its messages");
	}
}

void tdm_node_to_all_workers(struct tdm_node *node, const struct tdm_msg *msg)
{
	for (uint32_t i = 0; i < node->workers_len; i++) {
		struct tdm_msg *copy = tdm_msg_new(msg->kind);

		if (copy && msg->kind == TDM_MSG_SERVE)
			copy->serve = msg->serve;
		else if (copy && msg->kind == TDM_MSG_TUNNEL_CLOSE)
			copy->tunnel_close = msg->tunnel_close;
		if (copy)
			copy->member = msg->member;
		tdm_node_to_worker(node, i, copy);
	}
}

static void on_tunnel_down(struct tdm_node *node, const struct tdm_msg_tunnel_down *down)
{
	struct tdm_event event = { .kind = TDM_EVENT_LOGOUT };

	if (down->logout) {
		event.logout.id = down->session;
		event.logout.generation = down->generation;
		event.logout.reason = TDM_REASON_LOGOUT;
		tdm_node_feed(node, &event);
	}
	/* the tunnel is gone even when the session cannot be ended now */
	event = (struct tdm_event){ .kind = TDM_EVENT_TUNNEL_DOWN };
	event.tunnel.id = down->session;
	event.tunnel.generation = down->generation;
	tdm_node_feed(node, &event);
}

static void on_logout(struct tdm_node *node, const struct tdm_msg_logout *logout)
{
	struct tdm_event event = { .kind = TDM_EVENT_LOGOUT };

	event.logout.id = logout->session;
	event.logout.verifier = logout->verifier;
	event.logout.reason = logout->reason;
	tdm_node_feed(node, &event);
}

/* Takes the message. */
static void dispatch(struct tdm_node *node, struct tdm_msg *msg)
{
	if (node->stopping && msg->kind != TDM_MSG_STOPPED) {
		tdm_msg_free(msg);
		return;
	}
	switch (msg->kind) {
	case TDM_MSG_AUTH:
		tdm_node_on_auth(node, msg);
		return;
	case TDM_MSG_CONNECT:
		tdm_node_on_connect(node, msg);
		return;
	case TDM_MSG_CONN_CLOSED:
		tdm_node_on_conn_closed(node, msg);
		break;
	case TDM_MSG_TUNNEL_DOWN:
		on_tunnel_down(node, &msg->tunnel_down);
		break;
	case TDM_MSG_LOGOUT:
		on_logout(node, &msg->logout);
		break;
	case TDM_MSG_SERVING:
		tdm_node_on_serving(node, msg);
		break;
	case TDM_MSG_STOPPED:
		if (++node->workers_stopped == node->workers_len)
			uv_stop(&node->loop);
		break;
	default:
		break;
	}
	tdm_msg_free(msg);
}

void tdm_node_on_workers(uv_async_t *wake)
{
	struct tdm_node *node = wake->data;

	for (size_t i = 0; i < node->workers_len; i++) {
		struct tdm_msg *msg;

		while ((msg = tdm_queue_pop(&node->from_worker[i])))
			dispatch(node, msg);
	}
}
