/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Executes the core's actions, in their order. Nothing here feeds the core: that would be re-entry.
 */
#include <inttypes.h>

#include "node/control/internal.h"

void tdm_node_fail(struct tdm_node *node, enum tdm_err err, const char *why)
{
	if (node->result == TDM_OK) {
		node->result = err;
		if (why != node->diag->text)
			(void)tdm_diag_set(node->diag, err, "%s", why);
	}
	uv_stop(&node->loop);
}

static bool serves(enum tdm_role role)
{
	return role == TDM_ROLE_OWNER || role == TDM_ROLE_PAUSED;
}

static void serve(struct tdm_node *node, tdm_member_id member, bool on)
{
	struct tdm_msg msg = { .kind = TDM_MSG_SERVE, .member = member };

	msg.serve = (struct tdm_msg_serve){ .member = member, .on = on };
	tdm_node_to_all_workers(node, &msg);
}

/* Address first, then the connections, without a word on the wire; then listen again, ready for the
 * next time. */
static void let_go(struct tdm_node *node, tdm_member_id member)
{
	struct tdm_node_member *m = &node->members[member];

	tdm_wake_stop(node, member);
	tdm_address_drop(node->address, member);
	tdm_take_stop(node, member);
	m->listening = 0;
	serve(node, member, false);
	tdm_node_forget_requests(node, member);
	if (!node->stopping)
		serve(node, member, true);
}

static void on_role(struct tdm_node *node, const struct tdm_action *a)
{
	tdm_member_id member = a->role.member;
	struct tdm_node_member *m = &node->members[member];
	enum tdm_role before = m->role;

	m->role = a->role.role;
	tdm_log_info("member %s: %s, was %s, epoch %" PRIu64 ".%" PRIu32 ": %s",
		node->config->members[member - 1].name, tdm_role_name(m->role),
		tdm_role_name(before), a->role.epoch.counter, a->role.epoch.node,
		a->role.why ? a->role.why : "");
	if (serves(before) && !serves(m->role))
		let_go(node, member);
	else if (m->role == TDM_ROLE_PAUSED)
		tdm_address_pause(node->address, member, true);
	else if (m->role == TDM_ROLE_OWNER && m->taken)
		tdm_address_pause(node->address, member, false);
	else if (m->role == TDM_ROLE_OWNER)
		tdm_take_start(node, member, a->role.vacated);
}

void tdm_node_on_serving(struct tdm_node *node, const struct tdm_msg *msg)
{
	if (msg->serving.err) {
		tdm_node_fail(node, msg->serving.err, msg->serving.why);
		return;
	}
	node->members[msg->member].listening++;
	tdm_take_go_on(node, msg->member);
}

static void on_save(struct tdm_node *node, const struct tdm_numbers *numbers)
{
	enum tdm_err err = tdm_journaler_save(node->journaler, numbers, node->diag);

	if (err)
		tdm_node_fail(node, err, node->diag->text);
	tdm_address_alive_control(node->address); /* the disk may have been slow */
}

static void on_close(struct tdm_node *node, const struct tdm_action *a)
{
	struct tdm_msg msg = { .kind = TDM_MSG_TUNNEL_CLOSE };

	msg.tunnel_close.session = a->close.id;
	msg.tunnel_close.generation = a->close.generation;
	msg.tunnel_close.goodbye = a->close.reason != TDM_REASON_NONE;
	tdm_node_to_all_workers(node, &msg);
}

static void execute(struct tdm_node *node, const struct tdm_action *a)
{
	switch (a->kind) {
	case TDM_ACTION_MCAST:
		tdm_node_mcast(node, a->mcast.data, a->mcast.len);
		break;
	case TDM_ACTION_SAVE:
		on_save(node, &a->save);
		break;
	case TDM_ACTION_ROLE:
		on_role(node, a);
		break;
	case TDM_ACTION_LOGIN_RESULT:
		tdm_node_login_result(node, a);
		break;
	case TDM_ACTION_RESUME_RESULT:
		tdm_node_resume_result(node, a);
		break;
	case TDM_ACTION_LOGOUT_RESULT:
		tdm_control_socket_logoff_done(node->socket, a->logout.request, a->logout.err);
		break;
	case TDM_ACTION_CLOSE_TUNNEL:
		on_close(node, a);
		break;
	case TDM_ACTION_JOURNAL:
		tdm_node_journal_put(node, a);
		break;
	case TDM_ACTION_JOURNAL_ALL:
		tdm_journaler_complete(node->journaler);
		break;
	case TDM_ACTION_NOTE:
		tdm_log(a->note.warning ? TDM_LOG_WARNING : TDM_LOG_INFO, "%s", a->note.text);
		break;
	}
}

void tdm_node_act(struct tdm_node *node)
{
	/* after a failed SAVE nothing that follows may happen */
	for (size_t i = 0; i < node->actions.len && node->result == TDM_OK; i++)
		execute(node, &node->actions.items[i]);
	tdm_node_journal_flush(node);
	if (node->actions.lost)
		tdm_node_fail(node, TDM_ERR_NOMEM, "out of memory");
}
