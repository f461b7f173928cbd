/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/ctl/json.h"
#include "tools/ctl/status.h"

enum { MS_PER_S = 1000 };

static void add_sections(struct tdm_json *json, uint32_t mask)
{
	static const char *const names[] = { "members", "groups", "tunnel-groups" };

	tdm_json_list(json, "config_differs_in");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mask >> i & 1)
			tdm_json_text(json, NULL, names[i]);
	tdm_json_list_end(json);
}

static void add_nodes(struct tdm_json *json, const Tandem__Control__Status *status)
{
	tdm_json_list(json, "nodes");
	for (size_t i = 0; i < status->n_nodes; i++) {
		const Tandem__Control__Node *node = status->nodes[i];

		tdm_json_object(json, NULL);
		tdm_json_unsigned(json, "id", node->id);
		tdm_json_text(json, "name", node->name);
		tdm_json_bool(json, "self", node->self);
		tdm_json_bool(json, "configured", node->configured);
		tdm_json_bool(json, "present", node->present);
		tdm_json_bool(json, "synced", node->synced);
		tdm_json_bool(json, "config_differs", node->config_differs);
		add_sections(json, node->config_sections);
		if (node->verified_ago)
			tdm_json_unsigned(json, "verified_s", (node->verified_ago - 1) / MS_PER_S);
		else
			tdm_json_null(json, "verified_s");
		tdm_json_object_end(json);
	}
	tdm_json_list_end(json);
}

static void add_members(struct tdm_json *json, const Tandem__Control__Status *status)
{
	tdm_json_list(json, "members");
	for (size_t i = 0; i < status->n_members; i++) {
		const Tandem__Control__Member *member = status->members[i];

		tdm_json_object(json, NULL);
		tdm_json_text(json, "name", member->name);
		tdm_json_text(json, "role", member->role);
		if (member->owner)
			tdm_json_text(json, "owner", tdm_status_node_name(status, member->owner));
		else
			tdm_json_null(json, "owner");
		tdm_json_text(json, "epoch", member->epoch);
		tdm_json_unsigned(json, "sessions", member->sessions);
		tdm_json_unsigned(json, "active", member->active);
		tdm_json_unsigned(json, "inactive", member->inactive);
		tdm_json_unsigned(json, "pool_used", member->pool_used);
		tdm_json_unsigned(json, "pool_size", member->pool_size);
		tdm_json_object_end(json);
	}
	tdm_json_list_end(json);
}

static void add_sessions(struct tdm_json *json, const Tandem__Control__Status *status)
{
	struct tdm_status_totals totals = tdm_status_totals(status);

	tdm_json_object(json, "sessions");
	tdm_json_unsigned(json, "total", totals.sessions);
	tdm_json_unsigned(json, "active", totals.active);
	tdm_json_unsigned(json, "inactive", totals.inactive);
	tdm_json_unsigned(json, "unprotected", status->unprotected);
	tdm_json_unsigned(json, "pending", status->pending_commits);
	tdm_json_object_end(json);
}

static void add_links(
	struct tdm_json *json, const Tandem__Control__Status *status, const struct tdm_links *links)
{
	static const char *const states[] = {
		[TDM_LINKS_NONE] = "none",
		[TDM_LINKS_OK] = "ok",
		[TDM_LINKS_UNREACHABLE] = "unreachable",
	};

	tdm_json_list(json, "links");
	for (size_t i = 0; i < links->len; i++) {
		tdm_json_object(json, NULL);
		tdm_json_unsigned(json, "node_id", links->items[i].node);
		tdm_json_text(json, "node", tdm_status_node_name(status, links->items[i].node));
		tdm_json_unsigned(json, "link", links->items[i].number);
		tdm_json_bool(json, "connected", links->items[i].connected);
		tdm_json_object_end(json);
	}
	tdm_json_list_end(json);
	tdm_json_text(json, "corosync", states[links->state]);
}

static void add_journal(struct tdm_json *json, const Tandem__Control__Journal *journal)
{
	if (!journal) {
		tdm_json_null(json, "journal");
		return;
	}
	tdm_json_object(json, "journal");
	tdm_json_text(json, "state", journal->state);
	if (journal->error[0])
		tdm_json_text(json, "error", journal->error);
	else
		tdm_json_null(json, "error");
	if (journal->age_ms < 0)
		tdm_json_null(json, "age_ms");
	else
		tdm_json_unsigned(json, "age_ms", (uint64_t)journal->age_ms);
	tdm_json_unsigned(json, "records", journal->records);
	tdm_json_unsigned(json, "pending", journal->pending);
	tdm_json_object_end(json);
}

static void add_counters(struct tdm_json *json, const Tandem__Control__Status *status)
{
	tdm_json_object(json, "counters");
	tdm_json_unsigned(json, "commits_total", status->commits_total);
	tdm_json_unsigned(json, "demotions_total", status->demotions_total);
	tdm_json_unsigned(json, "mac_failures_total", status->mac_failures_total);
	tdm_json_unsigned(json, "tombstones", status->tombstones);
	tdm_json_unsigned(json, "table_differences_total", status->table_differences_total);
	tdm_json_object_end(json);
}

void tdm_status_json(
	FILE *out, const Tandem__Control__Status *status, const struct tdm_links *links)
{
	const Tandem__Control__Node *self = tdm_status_self(status);
	struct tdm_json json;

	tdm_json_init(&json, out);
	tdm_json_object(&json, NULL);
	tdm_json_text(&json, "node", status->node);
	tdm_json_text(&json, "version", status->version);
	if (status->cluster[0])
		tdm_json_text(&json, "cluster", status->cluster);
	else
		tdm_json_null(&json, "cluster");
	tdm_json_text(&json, "ring", status->ring);
	tdm_json_bool(&json, "quorate", status->quorate);
	tdm_json_bool(&json, "connected", status->connected);
	tdm_json_bool(&json, "synced", self && self->synced);
	tdm_json_time(&json, "started", status->started_wall_ms);
	add_nodes(&json, status);
	add_members(&json, status);
	add_sessions(&json, status);
	add_journal(&json, status->journal);
	add_links(&json, status, links);
	add_counters(&json, status);
	tdm_json_object_end(&json);
	tdm_json_end(&json);
}
