/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/control/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBERS_TEXT_MAX = 48 }; /* "counter.node" */

/* protobuf-c has no const strings; it does not write into what it packs. */
static char *text(const char *s)
{
	return (char *)s;
}

static void fill_member(
	Tandem__Control__Member *out, const struct tdm_member_status *m, char *epoch)
{
	tandem__control__member__init(out);
	out->id = m->id;
	out->name = text(m->name);
	out->role = text(tdm_role_name(m->role));
	out->owner = m->owner;
	snprintf(epoch, NUMBERS_TEXT_MAX, "%" PRIu64 ".%" PRIu32, m->epoch.counter, m->epoch.node);
	out->epoch = epoch;
	out->sessions = m->sessions;
	out->active = m->active;
	out->inactive = m->inactive;
	out->pool_used = m->pool_used;
	out->pool_size = m->pool_size;
}

static void fill_node(Tandem__Control__Node *out, const struct tdm_node_status *n)
{
	tandem__control__node__init(out);
	out->id = n->id;
	out->name = text(n->name);
	out->self = n->self;
	out->configured = n->configured;
	out->present = n->present;
	out->synced = n->synced;
	out->config_differs = n->config_differs;
	out->config_sections = n->config_sections;
	out->records = n->records;
	out->verified_ago = n->verified_ms >= 0 ? (uint64_t)n->verified_ms + 1 : 0;
	out->differ = n->differ;
}

static void fill_counts(Tandem__Control__Status *out, const struct tdm_cluster_status *s)
{
	out->quorate = s->quorate;
	out->connected = s->connected;
	out->pending_commits = s->pending_commits;
	out->unprotected = s->unprotected;
	out->tombstones = s->tombstones;
	out->commits_total = s->commits_total;
	out->demotions_total = s->demotions_total;
	out->mac_failures_total = s->mac_failures_total;
	out->table_differences_total = s->table_differences_total;
}

static void fill_journal(Tandem__Control__Journal *out, const struct tdm_journaler_status *j,
	const struct tdm_cluster_status *status, tdm_wall now)
{
	static const char *const states[] = {
		[TDM_JOURNALER_OK] = "ok",
		[TDM_JOURNALER_FAILING] = "failing",
		[TDM_JOURNALER_INCOMPLETE] = "incomplete",
	};

	tandem__control__journal__init(out);
	out->state = text(states[j->state]);
	out->error = text(j->error);
	out->age_ms = !j->stamp ? -1 : now > j->stamp ? now - j->stamp : 0;
	out->records = status->tombstones;
	for (size_t i = 0; i < status->members_len; i++)
		out->records += status->members[i].sessions;
	out->pending = j->pending;
}

void tdm_control_reply_status(struct tdm_control_out *out, const struct tdm_control_identity *who,
	const struct tdm_cluster_status *status, const struct tdm_journaler_status *journal,
	tdm_wall now)
{
	Tandem__Control__Journal journal_message;
	Tandem__Control__Reply reply = TANDEM__CONTROL__REPLY__INIT;
	Tandem__Control__Status message = TANDEM__CONTROL__STATUS__INIT;
	Tandem__Control__Node nodes[TDM_NODES_MAX], *node_list[TDM_NODES_MAX];
	Tandem__Control__Member members[TDM_MEMBERS_MAX], *member_list[TDM_MEMBERS_MAX];
	char epochs[TDM_MEMBERS_MAX][NUMBERS_TEXT_MAX], ring[NUMBERS_TEXT_MAX];

	for (size_t i = 0; i < status->nodes_len; i++) {
		fill_node(&nodes[i], &status->nodes[i]);
		node_list[i] = &nodes[i];
	}
	for (size_t i = 0; i < status->members_len; i++) {
		fill_member(&members[i], &status->members[i], epochs[i]);
		member_list[i] = &members[i];
	}
	snprintf(ring, sizeof(ring), "%" PRIu32 ".%" PRIu64, status->ring.rep, status->ring.seq);
	message.node = text(who->config->node);
	message.version = text(who->version);
	message.cluster = text(who->config->cluster.none ? "" : who->config->cluster.name);
	message.started_wall_ms = who->started;
	message.ring = ring;
	message.nodes = node_list;
	message.n_nodes = status->nodes_len;
	message.members = member_list;
	message.n_members = status->members_len;
	fill_counts(&message, status);
	if (journal) {
		fill_journal(&journal_message, journal, status, now);
		message.journal = &journal_message;
	}
	if (who->config->cluster.none) /* nobody expects a copy there */
		message.unprotected = 0;
	reply.kind_case = TANDEM__CONTROL__REPLY__KIND_STATUS;
	reply.status = &message;
	tdm_control_out_add(out, &reply);
}

void tdm_control_reply_verify(
	struct tdm_control_out *out, uint64_t ticket, const struct tdm_cluster_status *status)
{
	Tandem__Control__Reply reply = TANDEM__CONTROL__REPLY__INIT;
	Tandem__Control__Verify verify = TANDEM__CONTROL__VERIFY__INIT;
	Tandem__Control__Node nodes[TDM_NODES_MAX], *node_list[TDM_NODES_MAX];

	for (size_t i = 0; i < status->nodes_len; i++) {
		fill_node(&nodes[i], &status->nodes[i]);
		node_list[i] = &nodes[i];
	}
	verify.ticket = ticket;
	verify.done = status->verify.done >= ticket;
	verify.result = text(tdm_verify_result_name(status->verify.result));
	verify.parts = TDM_DIGEST_SHARDS;
	verify.differed = status->verify.differed;
	verify.nodes = node_list;
	verify.n_nodes = status->nodes_len;
	reply.kind_case = TANDEM__CONTROL__REPLY__KIND_VERIFY;
	reply.verify = &verify;
	tdm_control_out_add(out, &reply);
}

bool tdm_control_matches(const Tandem__Control__Filter *filter, const struct tdm_record *record)
{
	bool live = tdm_state_is_live(record->state);

	if (!filter)
		return live;
	if (filter->index && filter->index != record->index)
		return false;
	if (filter->user[0] && strcmp(filter->user, record->user) != 0)
		return false;
	if (filter->group[0] && strcmp(filter->group, record->group) != 0)
		return false;
	if (!filter->state[0])
		return live;
	if (!strcmp(filter->state, "ended"))
		return !live;
	return !strcmp(filter->state, tdm_session_state_name(record->state));
}

/* What is left of a clock that had left_ms when the record was written age_ms ago. */
static int64_t left_now(int64_t left_ms, tdm_ms age_ms)
{
	if (left_ms == TDM_NEVER)
		return -1;
	return left_ms > age_ms ? left_ms - age_ms : 0;
}

static void fill_clocks(Tandem__Control__Session *out, const struct tdm_record *r,
	const struct tdm_policy *p, tdm_ms age_ms, tdm_wall now)
{
	bool inactive = r->state == TDM_SESSION_INACTIVE;
	tdm_wall end = tdm_state_is_live(r->state) ? now : r->ended;

	out->login_wall_ms = r->login;
	out->duration_ms = end > r->login ? end - r->login : 0;

	out->inactive_ms = inactive && now > r->inactive_since ? now - r->inactive_since : 0;
	/* Idle clocks stand still while there is a tunnel. */
	out->idle_left_ms = left_now(r->idle_left_ms, inactive ? age_ms : 0);
	out->disconnected_left_ms = left_now(r->disconnected_left_ms, inactive ? age_ms : 0);
	out->session_left_ms = left_now(r->session_left_ms, age_ms);
	out->idle_timeout_s = p->idle_timeout_s;
	out->disconnected_timeout_s = p->disconnected_timeout_s;
	out->session_timeout_s = p->session_timeout_s;
}

static void fill_strings(
	Tandem__Control__Session *out, const struct tdm_config *config, const struct tdm_record *r)
{
	bool known = r->member >= 1 && r->member <= config->members_len;
	bool live = tdm_state_is_live(r->state);

	out->member = text(known ? config->members[r->member - 1].name : "");
	out->state = text(live ? tdm_session_state_name(r->state) : "ended");
	out->end_reason = text(live ? "" : tdm_reason_name(r->reason));
	out->user = text(r->user);
	out->group = text(r->group);
	out->tunnel_group = text(r->tunnel_group);
	out->auth_method = text(r->auth_method);
	out->agent = text(r->agent);
	out->device = text(r->device);
	out->hostname = text(r->hostname);
	out->address4 = text(r->addr4);
	out->mask4 = text(r->mask4);
	out->address6 = text(r->addr6);
}

struct tunnel_parts {
	Tandem__Control__Tunnel message;
	char local[TDM_ADDR_TEXT_MAX], remote[TDM_ADDR_TEXT_MAX];
};

static void fill_tunnel(struct tunnel_parts *parts, const struct tdm_tunnel_desc *t)
{
	Tandem__Control__Tunnel *out = &parts->message;

	tandem__control__tunnel__init(out);
	tdm_ip_text(&t->local.ip, parts->local);
	tdm_ip_text(&t->remote.ip, parts->remote);
	out->dtls = t->kind == TDM_TUNNEL_DTLS;
	out->local_address = parts->local;
	out->local_port = t->local.port;
	out->remote_address = parts->remote;
	out->remote_port = t->remote.port;
	out->suite = text(t->suite);
	out->started_wall_ms = t->started;
}

struct public_parts {
	Tandem__Control__PublicAddress message;
	char address[TDM_ADDR_TEXT_MAX];
};

static void fill_public(struct public_parts *parts, const struct tdm_public_addr *p)
{
	tandem__control__public_address__init(&parts->message);
	tdm_ip_text(&p->ip, parts->address);
	parts->message.address = parts->address;
	parts->message.since_wall_ms = p->since;
}

static void add_session(struct tdm_control_out *out, Tandem__Control__Session *session)
{
	Tandem__Control__Reply reply = TANDEM__CONTROL__REPLY__INIT;
	Tandem__Control__Sessions sessions = TANDEM__CONTROL__SESSIONS__INIT;

	sessions.sessions = &session;
	sessions.n_sessions = session ? 1 : 0;
	reply.kind_case = TANDEM__CONTROL__REPLY__KIND_SESSIONS;
	reply.sessions = &sessions;
	reply.more = session != NULL;
	tdm_control_out_add(out, &reply);
}

void tdm_control_reply_session(struct tdm_control_out *out, const struct tdm_config *config,
	const struct tdm_record *r, const struct tdm_policy *policy, tdm_ms age_ms,
	bool unprotected, tdm_wall now)
{
	Tandem__Control__Session session = TANDEM__CONTROL__SESSION__INIT;
	struct tunnel_parts tunnels[2];
	Tandem__Control__Tunnel *tunnel_list[2];
	struct public_parts addresses[TDM_PUBLIC_ADDRS_MAX];
	Tandem__Control__PublicAddress *address_list[TDM_PUBLIC_ADDRS_MAX];

	for (size_t i = 0; i < r->tunnels_len; i++) {
		fill_tunnel(&tunnels[i], &r->tunnels[i]);
		tunnel_list[i] = &tunnels[i].message;
	}
	for (size_t i = 0; i < r->public_len; i++) {
		fill_public(&addresses[i], &r->public_addrs[i]);
		address_list[i] = &addresses[i].message;
	}
	session.id = r->id;
	session.index = r->index;
	session.mtu = r->mtu;
	session.unprotected = unprotected && !config->cluster.none;
	fill_strings(&session, config, r);
	fill_clocks(&session, r, policy, age_ms, now);
	session.tunnels = tunnel_list;
	session.n_tunnels = r->tunnels_len;
	session.public_addresses = address_list;
	session.n_public_addresses = r->public_len;
	add_session(out, &session);
}

void tdm_control_reply_sessions_end(struct tdm_control_out *out)
{
	add_session(out, NULL);
}

void tdm_control_reply_logoff(struct tdm_control_out *out, uint32_t ended, uint32_t failed)
{
	Tandem__Control__Reply reply = TANDEM__CONTROL__REPLY__INIT;
	Tandem__Control__Logoff logoff = TANDEM__CONTROL__LOGOFF__INIT;

	logoff.ended = ended;
	logoff.failed = failed;
	reply.kind_case = TANDEM__CONTROL__REPLY__KIND_LOGOFF;
	reply.logoff = &logoff;
	tdm_control_out_add(out, &reply);
}
