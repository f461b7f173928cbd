/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/cluster.h"

#include <stdlib.h>
#include <string.h>

#include "replication/core.h"

struct tdm_peer *tdm_core_self(struct tdm_cluster *c)
{
	return &c->peers[c->self];
}

struct tdm_peer *tdm_core_peer(struct tdm_cluster *c, tdm_node_id id)
{
	for (size_t i = 0; i < c->peers_len; i++)
		if (c->peers[i].id == id)
			return &c->peers[i];
	return NULL;
}

struct tdm_member *tdm_core_member(struct tdm_cluster *c, tdm_member_id id)
{
	for (size_t i = 0; i < c->members_len; i++)
		if (c->members[i].config.id == id)
			return &c->members[i];
	return NULL;
}

static enum tdm_err take_nodes(struct tdm_cluster *c)
{
	bool found = false;

	for (size_t i = 0; i < c->config.nodes_len; i++) {
		struct tdm_peer *p = &c->peers[c->peers_len++];

		p->id = c->config.nodes[i].id;
		p->configured = true;
		memcpy(p->name, c->config.nodes[i].name, sizeof(p->name));
		if (p->id == c->config.self) {
			p->config = c->config.config_fingerprint;
			p->config_any = c->config.allow_config_difference;
			memcpy(p->sections, c->config.config_sections, sizeof(p->sections));
			c->self = i;
			found = true;
		}
	}
	return found ? TDM_OK : TDM_ERR_INVAL;
}

static enum tdm_err take_members(struct tdm_cluster *c)
{
	for (size_t i = 0; i < c->config.members_len; i++) {
		struct tdm_member *m = &c->members[c->members_len];
		enum tdm_err err;

		m->config = c->config.members[i];
		if (!m->config.id || tdm_core_member(c, m->config.id) ||
			m->config.nodes_len > TDM_NODES_MAX || m->config.pools_len > TDM_POOLS_MAX)
			return TDM_ERR_INVAL;
		for (size_t k = 0; k < m->config.nodes_len; k++)
			m->ours = m->ours || m->config.nodes[k] == c->config.self;
		m->role = m->ours ? TDM_ROLE_ISOLATED : TDM_ROLE_NONE;
		err = tdm_pool_init(
			&m->pool, m->config.pools, m->config.pools_len, &m->config.reserved);
		if (err)
			return err;
		c->members_len++;
	}
	return TDM_OK;
}

static enum tdm_err take_memory(struct tdm_cluster *c)
{
	uint8_t *out = malloc(TDM_ENVELOPE_ARENA), *in = malloc(TDM_ENVELOPE_ARENA);

	tdm_arena_init(&c->arena, out, out ? TDM_ENVELOPE_ARENA : 0);
	tdm_arena_init(&c->in_arena, in, in ? TDM_ENVELOPE_ARENA : 0);
	c->out = malloc(TDM_ENVELOPE_MAX);
	return out && in && c->out ? TDM_OK : TDM_ERR_NOMEM;
}

enum tdm_err tdm_cluster_new(
	const struct tdm_cluster_config *config, tdm_ms now, struct tdm_cluster **out)
{
	struct tdm_cluster *c;
	enum tdm_err err;

	*out = NULL;
	if (!config->self || !config->boot || !config->mac || config->nodes_len > TDM_NODES_MAX ||
		config->members_len > TDM_MEMBERS_MAX)
		return TDM_ERR_INVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return TDM_ERR_NOMEM;
	c->config = *config;
	c->now = now;
	c->numbers = config->numbers;
	if (!c->numbers.index_counter)
		c->numbers.index_counter = 1; /* index 0 would mean none */
	c->epoch_saved = c->numbers.epoch_counter;
	c->index_saved = config->numbers.index_counter;
	c->round_since = TDM_NEVER;
	tdm_commits_init(&c->commits);
	err = tdm_table_init(&c->table, config->seed);
	if (!err)
		err = take_nodes(c);
	if (!err)
		err = take_members(c);
	if (!err)
		err = take_memory(c);
	if (err)
		tdm_cluster_free(c);
	else
		*out = c;
	return err;
}

void tdm_cluster_free(struct tdm_cluster *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < TDM_MEMBERS_MAX; i++)
		tdm_pool_deinit(&c->members[i].pool);
	tdm_commits_deinit(&c->commits);
	free(c->verify.sent);
	tdm_table_deinit(&c->table);
	free(c->arena.base);
	free(c->in_arena.base);
	free(c->out);
	free(c);
}

void tdm_core_settle(struct tdm_cluster *c)
{
	tdm_role_settle(c);
	tdm_sync_settle(c);
	tdm_verify_settle(c);
	tdm_bulk_settle(c);
	if (!c->no_answers)
		tdm_wait_settle(c);
	tdm_wait_fences(c);
}

static void handle(struct tdm_cluster *c, const struct tdm_event *event)
{
	switch (event->kind) {
	case TDM_EVENT_TICK:
		tdm_wait_tick(c);
		tdm_sync_tick(c);
		tdm_verify_tick(c);
		tdm_expire_tick(c);
		tdm_journal_tick(c);
		break;
	case TDM_EVENT_VIEW:
		tdm_view_change(c, &event->view);
		break;
	case TDM_EVENT_RING:
		tdm_view_ring(c, event->ring);
		break;
	case TDM_EVENT_QUORUM:
		tdm_view_quorum(c, &event->quorum);
		break;
	case TDM_EVENT_MESSAGE:
		tdm_message_receive(c, &event->message);
		break;
	case TDM_EVENT_BATCH_END:
		tdm_message_acks(c);
		break;
	case TDM_EVENT_DISCONNECTED:
		tdm_view_lost(c);
		break;
	case TDM_EVENT_LOGIN:
		tdm_session_login(c, &event->login);
		c->no_answers = true;
		break;
	case TDM_EVENT_RESUME:
		tdm_session_resume(c, &event->resume);
		break;
	case TDM_EVENT_TUNNEL_DOWN:
		tdm_session_tunnel_down(c, &event->tunnel);
		break;
	case TDM_EVENT_LOGOUT:
		tdm_session_logout(c, &event->logout);
		break;
	case TDM_EVENT_JOURNALED:
		tdm_journal_durable(c, &event->journaled);
		break;
	case TDM_EVENT_VERIFY:
		c->verify.demand++;
		break;
	}
}

/* A node that stood still may have been replaced meanwhile, and the news of it wait in a queue
 * behind requests: for a while it is not sure of anything. */
static void notice_gap(struct tdm_cluster *c, tdm_ms now)
{
	enum { GAP_MS = 500, BLIND_MS = 2000 };

	if (now - c->now > GAP_MS)
		c->blind_until = now + BLIND_MS;
}

void tdm_cluster_step(struct tdm_cluster *c, const struct tdm_event *event, tdm_ms now,
	struct tdm_actions *actions)
{
	c->actions = actions;
	notice_gap(c, now);
	c->now = now > c->now ? now : c->now;
	c->wall = event->wall;
	c->no_answers = false;
	handle(c, event);
	tdm_core_settle(c);
	c->actions = NULL;
}
