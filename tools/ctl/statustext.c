/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/status.h"
#include "tools/ctl/table.h"

enum { TEXT_MAX = 160, MS_PER_S = 1000 };

static void print_head(FILE *out, const Tandem__Control__Status *status)
{
	char node[TEXT_MAX], version[TEXT_MAX], cluster[TEXT_MAX], ring[TEXT_MAX];

	tdm_ctl_safe(status->node, node, sizeof(node));
	tdm_ctl_safe(status->version, version, sizeof(version));
	tdm_ctl_safe(status->cluster, cluster, sizeof(cluster));
	tdm_ctl_safe(status->ring, ring, sizeof(ring));
	if (!status->cluster[0])
		fprintf(out, "%s: tandemd %s, alone (no cluster)\n", node, version);
	else if (!status->connected)
		fprintf(out, "%s: tandemd %s, cluster %s, NOT CONNECTED to corosync\n", node,
			version, cluster);
	else
		fprintf(out, "%s: tandemd %s, cluster %s, ring %s, %s\n", node, version, cluster,
			ring, status->quorate ? "quorate" : "NOT QUORATE");
}

static void add_config_cell(struct tdm_table *table, const Tandem__Control__Node *node)
{
	static const char *const names[] = { "members", "groups", "tunnel-groups" };
	char text[TEXT_MAX] = "";
	size_t len = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (node->config_sections >> i & 1)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
				len ? ", " : " in ", names[i]);
	if (!node->present)
		tdm_table_cell(table, "-");
	else if (node->config_differs)
		tdm_table_cell(table, "DIFFERS%s", text);
	else
		tdm_table_cell(table, "same");
}

static const char *node_state(const Tandem__Control__Node *node)
{
	if (!node->present)
		return "absent";
	return node->synced ? "synced" : "syncing";
}

static void print_nodes(FILE *out, const Tandem__Control__Status *status)
{
	static const char *const head[] = { "NODE", "ID", "STATE", "CONFIGURATION", "TABLES" };
	struct tdm_table table;

	if (!status->n_nodes)
		return;
	tdm_table_init(&table, sizeof(head) / sizeof(head[0]), head);
	for (size_t i = 0; i < status->n_nodes; i++) {
		const Tandem__Control__Node *node = status->nodes[i];

		tdm_table_cell(&table, "%s%s", node->name, node->self ? " (here)" : "");
		tdm_table_cell(&table, "%" PRIu32, node->id);
		tdm_table_cell(&table, "%s", node_state(node));
		add_config_cell(&table, node);
		if (node->present && node->verified_ago)
			tdm_table_cell(&table, "equal %" PRIu64 " s ago",
				(node->verified_ago - 1) / MS_PER_S);
		else
			tdm_table_cell(&table, "-");
	}
	fputc('\n', out);
	tdm_table_print(&table, out);
	tdm_table_deinit(&table);
}

static void print_members(FILE *out, const Tandem__Control__Status *status)
{
	static const char *const head[] = { "MEMBER", "ROLE HERE", "OWNER", "EPOCH", "SESSIONS",
		"ACTIVE", "INACTIVE", "POOL" };
	struct tdm_table table;

	if (!status->n_members)
		return;
	tdm_table_init(&table, sizeof(head) / sizeof(head[0]), head);
	for (size_t i = 0; i < status->n_members; i++) {
		const Tandem__Control__Member *member = status->members[i];

		tdm_table_cell(&table, "%s", member->name);
		tdm_table_cell(&table, "%s", member->role);
		tdm_table_cell(&table, "%s",
			member->owner ? tdm_status_node_name(status, member->owner) : "nobody");
		tdm_table_cell(&table, "%s", member->epoch);
		tdm_table_cell(&table, "%" PRIu64, member->sessions);
		tdm_table_cell(&table, "%" PRIu64, member->active);
		tdm_table_cell(&table, "%" PRIu64, member->inactive);
		tdm_table_cell(
			&table, "%" PRIu64 " of %" PRIu64, member->pool_used, member->pool_size);
	}
	fputc('\n', out);
	tdm_table_print(&table, out);
	tdm_table_deinit(&table);
}

static void print_links(
	FILE *out, const Tandem__Control__Status *status, const struct tdm_links *links)
{
	static const char *const head[] = { "LINK", "TO", "STATE" };
	struct tdm_table table;

	if (links->state == TDM_LINKS_NONE)
		return;
	fputc('\n', out);
	if (links->state == TDM_LINKS_UNREACHABLE) {
		fputs("links: corosync does not answer on this node\n", out);
		return;
	}
	if (!links->len) {
		fputs("links: none to another node\n", out);
		return;
	}
	tdm_table_init(&table, sizeof(head) / sizeof(head[0]), head);
	for (size_t i = 0; i < links->len; i++) {
		const char *name = tdm_status_node_name(status, links->items[i].node);

		tdm_table_cell(&table, "%" PRIu32, links->items[i].number);
		if (name[0])
			tdm_table_cell(&table, "%s", name);
		else
			tdm_table_cell(&table, "node %" PRIu32, links->items[i].node);
		tdm_table_cell(&table, "%s", links->items[i].connected ? "connected" : "DOWN");
	}
	tdm_table_print(&table, out);
	tdm_table_deinit(&table);
}

static void print_journal(FILE *out, const Tandem__Control__Journal *journal)
{
	char error[TEXT_MAX];
	bool ok;

	if (!journal)
		return;
	ok = strcmp(journal->state, "ok") == 0;
	fprintf(out, "journal: %s, %" PRIu64 " records, ", ok ? "ok" : "FAILING", journal->records);
	if (journal->age_ms < 0)
		fputs("not written yet", out);
	else
		fprintf(out, "written %" PRId64 " s ago", journal->age_ms / MS_PER_S);
	tdm_ctl_safe(journal->error, error, sizeof(error));
	if (!ok && error[0])
		fprintf(out, ": %s", error);
	fputc('\n', out);
}

void tdm_status_text(
	FILE *out, const Tandem__Control__Status *status, const struct tdm_links *links)
{
	struct tdm_status_totals totals = tdm_status_totals(status);

	print_head(out, status);
	print_nodes(out, status);
	print_members(out, status);
	print_links(out, status, links);
	fprintf(out,
		"\nsessions: %" PRIu64 " (%" PRIu64 " active, %" PRIu64 " inactive), %" PRIu64
		" unprotected, %" PRIu64 " being committed\n",
		totals.sessions, totals.active, totals.inactive, status->unprotected,
		status->pending_commits);
	print_journal(out, status->journal);
}
