/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From "owner" to serving. Listeners first, address last: whoever finds the address finds somebody
 * at home. Before an address is taken from a node that was lost and not seen to end, it is asked
 * for on the wire: with a third vote an answer is an alarm, with two_node it means that the other
 * one is alive and must be left alone.
 */
#include <unistd.h>

#include "node/address/probe.h"
#include "node/control/internal.h"

/* Asked more than once: the other one may just be silent while it waits for its own verdict. */
enum { PROBES = 3, PROBE_AGAIN_MS = 200 };

static const char *name_of(const struct tdm_node *node, tdm_member_id member)
{
	return node->config->members[member - 1].name;
}

static tdm_member_id member_of(const struct tdm_node *node, const struct tdm_node_member *m)
{
	return (tdm_member_id)(m - node->members);
}

static void take(struct tdm_node *node, tdm_member_id member)
{
	struct tdm_node_member *m = &node->members[member];
	enum tdm_err err = tdm_address_take(node->address, member, TDM_TUN_NAME, node->diag);

	if (err) {
		tdm_node_fail(node, err, node->diag->text);
		return;
	}
	m->taken = true;
	tdm_log_info("member %s: serving", name_of(node, member));
	if (!node->config->cluster.none)
		tdm_wake_start(node, member);
}

/* Once, however often it answers. */
static void tell(struct tdm_node *node, struct tdm_node_member *m, const char *holder)
{
	if (!m->told)
		tdm_log_warning("member %s: another node still answers for %s%s",
			name_of(node, member_of(node, m)), holder,
			node->two_node ? ", not taking it: check the links of corosync"
				       : ", taking it by majority");
	m->told = true;
}

static void ask(struct tdm_node *node, struct tdm_node_member *m, unsigned left);

static void on_answer_time(uv_timer_t *timer)
{
	struct tdm_node_member *m = timer->data;
	struct tdm_node *node = timer->loop->data;
	tdm_member_id member = member_of(node, m);
	char holder[TDM_ADDR_TEXT_MAX];

	if (m->state == TDM_TAKE_AGAIN) {
		ask(node, m, PROBES);
		return;
	}
	m->state = TDM_TAKE_CLEAR;
	if (!tdm_probe_answered(node->probe_fd, node->config, member, holder)) {
		if (m->probes_left > 0)
			ask(node, m, m->probes_left);
		else
			tdm_take_go_on(node, member);
		return;
	}
	tell(node, m, holder);
	if (!node->two_node) {
		tdm_take_go_on(node, member);
		return;
	}
	m->state = TDM_TAKE_AGAIN;
	uv_timer_start(timer, on_answer_time, PROBE_AGAIN_MS, 0);
}

static void ask(struct tdm_node *node, struct tdm_node_member *m, unsigned left)
{
	m->state = TDM_TAKE_ASKED;
	m->probes_left = left - 1;
	tdm_probe_send(node->probe_fd, node->config, member_of(node, m));
	uv_timer_start(&m->timer, on_answer_time, TDM_PROBE_ANSWER_MS / PROBES, 0);
}

enum tdm_err tdm_take_init(struct tdm_node *node, struct tdm_diag *diag)
{
	node->loop.data = node;
	for (size_t i = 0; i < node->config->members_len; i++) {
		struct tdm_node_member *m = &node->members[node->config->members[i].id];

		uv_timer_init(&node->loop, &m->timer);
		m->timer.data = m;
	}
	return node->config->cluster.none ? TDM_OK : tdm_probe_open(&node->probe_fd, diag);
}

void tdm_take_deinit(struct tdm_node *node)
{
	if (node->probe_fd >= 0)
		close(node->probe_fd);
	node->probe_fd = -1;
}

void tdm_take_start(struct tdm_node *node, tdm_member_id member, bool vacated)
{
	struct tdm_node_member *m = &node->members[member];

	m->told = false;
	if (vacated || node->config->cluster.none) {
		m->state = TDM_TAKE_CLEAR;
		tdm_take_go_on(node, member);
	} else {
		ask(node, m, PROBES);
	}
}

void tdm_take_go_on(struct tdm_node *node, tdm_member_id member)
{
	const struct tdm_node_member *m = &node->members[member];

	if (!m->taken && m->role == TDM_ROLE_OWNER && m->state == TDM_TAKE_CLEAR &&
		m->listening >= node->workers_len)
		take(node, member);
}

void tdm_take_stop(struct tdm_node *node, tdm_member_id member)
{
	struct tdm_node_member *m = &node->members[member];

	uv_timer_stop(&m->timer);
	m->state = TDM_TAKE_IDLE;
	m->taken = false;
}
