/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks for a comparison, and again until its result is in. */
#include "tools/ctl/verify.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "tools/ctl/client.h"
#include "tools/ctl/json.h"
#include "tools/ctl/table.h"

enum {
	PAUSE_MS = 100,
	TRIES = 200, /* three repairs at 5 s each, and some */
	NS_PER_MS = 1000 * 1000,
	MS_PER_S = 1000,
};

bool tdm_verify_is_equal(const Tandem__Control__Verify *verify)
{
	return !strcmp(verify->result, "equal") || !strcmp(verify->result, "repaired");
}

void tdm_verify_json(FILE *out, const Tandem__Control__Verify *verify)
{
	struct tdm_json json;

	tdm_json_init(&json, out);
	tdm_json_object(&json, NULL);
	tdm_json_text(&json, "result", verify->result);
	tdm_json_bool(&json, "equal", tdm_verify_is_equal(verify));
	tdm_json_unsigned(&json, "parts", verify->parts);
	tdm_json_unsigned(&json, "differed", verify->differed);
	tdm_json_list(&json, "nodes");
	for (size_t i = 0; i < verify->n_nodes; i++) {
		const Tandem__Control__Node *node = verify->nodes[i];

		tdm_json_object(&json, NULL);
		tdm_json_unsigned(&json, "id", node->id);
		tdm_json_text(&json, "name", node->name);
		tdm_json_bool(&json, "self", node->self);
		tdm_json_bool(&json, "present", node->present);
		tdm_json_bool(&json, "synced", node->synced);
		tdm_json_unsigned(&json, "records", node->records);
		tdm_json_unsigned(&json, "differs", node->differ);
		if (node->verified_ago)
			tdm_json_unsigned(&json, "verified_s", (node->verified_ago - 1) / MS_PER_S);
		else
			tdm_json_null(&json, "verified_s");
		tdm_json_object_end(&json);
	}
	tdm_json_list_end(&json);
	tdm_json_object_end(&json);
	tdm_json_end(&json);
}

static void print_result(FILE *out, const Tandem__Control__Verify *verify)
{
	if (!strcmp(verify->result, "equal"))
		fputs("The session tables are equal.\n", out);
	else if (!strcmp(verify->result, "repaired"))
		fprintf(out,
			"The session tables differed in %" PRIu32 " of %" PRIu32
			" parts; repaired, they are equal now.\n",
			verify->differed, verify->parts);
	else if (!strcmp(verify->result, "different"))
		fprintf(out,
			"The session tables DIFFER: in %" PRIu32 " of %" PRIu32
			" parts at first, and still after repair.\n",
			verify->differed, verify->parts);
	else if (!strcmp(verify->result, "no-answer"))
		fputs("Not compared: a node did not answer in time.\n", out);
	else
		fputs("Not compared: no other node holds the whole table.\n", out);
}

static void add_table_cell(struct tdm_table *table, const Tandem__Control__Node *node)
{
	if (node->self)
		tdm_table_cell(table, "-");
	else if (node->differ)
		tdm_table_cell(table, "differs in %" PRIu32 " parts", node->differ);
	else if (node->verified_ago)
		tdm_table_cell(
			table, "equal %" PRIu64 " s ago", (node->verified_ago - 1) / MS_PER_S);
	else
		tdm_table_cell(table, "not compared");
}

void tdm_verify_text(FILE *out, const Tandem__Control__Verify *verify)
{
	static const char *const head[] = { "NODE", "RECORDS", "TABLE" };
	struct tdm_table table;

	print_result(out, verify);
	if (!verify->n_nodes)
		return;
	tdm_table_init(&table, sizeof(head) / sizeof(head[0]), head);
	for (size_t i = 0; i < verify->n_nodes; i++) {
		const Tandem__Control__Node *node = verify->nodes[i];

		tdm_table_cell(&table, "%s%s", node->name, node->self ? " (here)" : "");
		if (node->present)
			tdm_table_cell(&table, "%" PRIu64, node->records);
		else
			tdm_table_cell(&table, "absent");
		add_table_cell(&table, node);
	}
	fputc('\n', out);
	tdm_table_print(&table, out);
	tdm_table_deinit(&table);
}

static int ask(const struct tdm_ctl *ctl, uint64_t ticket, struct tdm_ctl_replies *replies)
{
	Tandem__Control__Request request = TANDEM__CONTROL__REQUEST__INIT;
	Tandem__Control__VerifyRequest what = TANDEM__CONTROL__VERIFY_REQUEST__INIT;
	int code;

	what.ticket = ticket;
	request.kind_case = TANDEM__CONTROL__REQUEST__KIND_VERIFY;
	request.verify = &what;
	code = tdm_ctl_ask(ctl, &request, replies);
	if (!code && replies->items[0]->kind_case != TANDEM__CONTROL__REPLY__KIND_VERIFY)
		code = tdm_ctl_fail(
			TDM_CTL_REFUSED, "the daemon answered something else than a comparison");
	return code;
}

static int show(const struct tdm_ctl *ctl, const Tandem__Control__Verify *verify, bool json)
{
	if (!verify->done)
		return tdm_ctl_fail(TDM_CTL_REFUSED,
			"there is no result yet: this node has not the whole table, or the cluster "
			"does not come to rest; look at the status");
	if (json)
		tdm_verify_json(ctl->out, verify);
	else
		tdm_verify_text(ctl->out, verify);
	return tdm_verify_is_equal(verify) ? TDM_CTL_OK : TDM_CTL_REFUSED;
}

static int run(const struct tdm_ctl *ctl, bool json)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * NS_PER_MS };
	struct tdm_ctl_replies replies;
	int code = ask(ctl, 0, &replies);

	for (int i = 0; !code && !replies.items[0]->verify->done && i < TRIES; i++) {
		uint64_t ticket = replies.items[0]->verify->ticket;

		tdm_ctl_replies_free(&replies);
		nanosleep(&pause, NULL);
		code = ask(ctl, ticket, &replies);
	}
	if (!code)
		code = show(ctl, replies.items[0]->verify, json);
	tdm_ctl_replies_free(&replies);
	return code;
}

int tdm_ctl_verify(const struct tdm_ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	bool json = false;
	int opt;

	optind = 0; /* getopt starts anew */
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'j')
			return TDM_CTL_USAGE;
		json = true;
	}
	if (optind < argc)
		return tdm_ctl_fail(
			TDM_CTL_USAGE, "verify: \"%s\" is one word too many", argv[optind]);
	return run(ctl, json);
}
