/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people want to see; changes nothing. */
#include <string.h>

#include "replication/core.h"

static void node_status(const struct tdm_cluster *c, size_t i, struct tdm_node_status *out)
{
	const struct tdm_peer *p = &c->peers[i];

	out->id = p->id;
	memcpy(out->name, p->name, sizeof(out->name));
	out->configured = p->configured;
	out->present = p->present;
	out->synced = p->synced;
	out->self = i == c->self;
	out->boot = out->self ? c->config.boot : p->boot;
	out->config_differs =
		p->present && p->boot && !out->self && p->config != c->config.config_fingerprint;
	out->config_sections = out->config_differs ? tdm_settings_differ(c, p) : 0;
	out->records = out->self ? c->table.live + c->table.ended : p->records;
	out->verified_ms = p->verified ? c->now - p->verified_at : -1;
	out->differ = p->verify_differ;
}

static bool has_tunnel(const struct tdm_entry *e)
{
	return e->state == TDM_SESSION_ACTIVE && e->dropped == TDM_NEVER;
}

static void member_status(const struct tdm_member *m, struct tdm_member_status *out)
{
	out->id = m->config.id;
	memcpy(out->name, m->config.name, sizeof(out->name));
	out->role = m->role;
	out->owner = m->owner;
	out->epoch = m->epoch;
	out->pool_size = m->pool.size;
}

bool tdm_cluster_synced(const struct tdm_cluster *c)
{
	return c->connected && !c->deaf && c->peers[c->self].synced &&
	       tdm_view_verdict(c) == TDM_VERDICT_YES;
}

void tdm_cluster_status(const struct tdm_cluster *c, struct tdm_cluster_status *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < c->peers_len; i++)
		node_status(c, i, &out->nodes[out->nodes_len++]);
	for (size_t i = 0; i < c->members_len; i++)
		member_status(&c->members[i], &out->members[out->members_len++]);
	for (size_t i = 0; i < c->table.slots_len; i++) {
		const struct tdm_entry *e = c->table.slots[i];

		for (size_t k = 0; e && k < out->members_len; k++) {
			struct tdm_member_status *m = &out->members[k];

			if (m->id != e->member || !tdm_state_is_live(e->state))
				continue;
			m->sessions++;
			m->active += has_tunnel(e);
			m->inactive += e->state != TDM_SESSION_NEW && !has_tunnel(e);
			m->pool_used += e->addr_linked;
		}
	}
	out->ring = c->ring;
	out->connected = c->connected;
	out->quorate = tdm_view_verdict(c) == TDM_VERDICT_YES;
	out->pending_commits = c->commits.len;
	out->unprotected = c->unprotected;
	out->tombstones = c->table.ended;
	out->commits_total = c->commits_total;
	out->demotions_total = c->demotions_total;
	out->mac_failures_total = c->mac_failures_total;
	out->table_differences_total = c->verify.differences_total;
	out->verify = (struct tdm_verify_status){ c->verify.demand, c->verify.done,
		c->verify.result, c->verify.result_shards };
}

/* Its tunnel went with its owner: nobody wrote that down, everybody knows it. */
static bool has_lost_tunnel(const struct tdm_entry *e)
{
	return e->state == TDM_SESSION_ACTIVE && e->dropped != TDM_NEVER;
}

void tdm_cluster_orphans(
	const struct tdm_cluster *c, tdm_member_id member, tdm_orphan_visit *visit, void *ctx)
{
	struct tdm_record rec;

	for (size_t i = 0; i < c->table.slots_len; i++) {
		const struct tdm_entry *e = c->table.slots[i];

		if (!e || e->member != member || !has_lost_tunnel(e) || e->guessed ||
			tdm_entry_record(e, &rec))
			continue;
		for (size_t t = 0; t < rec.tunnels_len; t++)
			if (!visit(ctx, e->id, &rec.tunnels[t]))
				return;
	}
}

enum { LOOKS_PER_VISIT = 64 }; /* to pass over a session is that much cheaper */

static bool is_wanted(const struct tdm_session_walk *walk, const struct tdm_entry *e)
{
	if (!e || (walk->index && walk->index != e->index))
		return false;
	return !walk->user || strcmp(walk->user, (const char *)e->user->bytes) == 0;
}

bool tdm_cluster_walk(const struct tdm_cluster *c, tdm_ms now, struct tdm_session_walk *walk,
	size_t max, tdm_session_visit *visit, void *ctx)
{
	size_t looks = max < SIZE_MAX / LOOKS_PER_VISIT ? max * LOOKS_PER_VISIT : SIZE_MAX;
	struct tdm_record rec;

	for (; max > 0 && looks > 0 && walk->at < c->table.slots_len; walk->at++, looks--) {
		const struct tdm_entry *e = c->table.slots[walk->at];

		if (!is_wanted(walk, e) || tdm_entry_record(e, &rec))
			continue;
		if (has_lost_tunnel(e)) {
			rec.state = TDM_SESSION_INACTIVE;
			rec.inactive_since = c->wall - (c->now - e->dropped);
			rec.tunnels_len = 0;
		}
		max--;
		if (!visit(ctx, &rec, tdm_entry_policy(e), now - e->written, e->unprotected))
			max = 0;
	}
	return walk->at >= c->table.slots_len;
}

void tdm_cluster_sessions(
	const struct tdm_cluster *c, tdm_ms now, tdm_session_visit *visit, void *ctx)
{
	struct tdm_session_walk walk = { .at = 0 };

	(void)tdm_cluster_walk(c, now, &walk, SIZE_MAX, visit, ctx);
}

bool tdm_cluster_find_address(const struct tdm_cluster *c, const char *addr, tdm_session_id *id)
{
	const struct tdm_entry *e;
	struct tdm_ip ip;

	if (tdm_ip_parse(addr, &ip) || ip.family != 4)
		return false;
	e = tdm_table_find_addr(&c->table, tdm_ip_v4(&ip));
	if (e)
		*id = e->id;
	return e != NULL;
}
