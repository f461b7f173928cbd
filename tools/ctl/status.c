/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/ctl/status.h"

#include <getopt.h>

#include "tools/ctl/client.h"

const char *tdm_status_node_name(const Tandem__Control__Status *status, uint32_t id)
{
	for (size_t i = 0; i < status->n_nodes; i++)
		if (status->nodes[i]->id == id)
			return status->nodes[i]->name;
	return "";
}

const Tandem__Control__Node *tdm_status_self(const Tandem__Control__Status *status)
{
	for (size_t i = 0; i < status->n_nodes; i++)
		if (status->nodes[i]->self)
			return status->nodes[i];
	return NULL;
}

struct tdm_status_totals tdm_status_totals(const Tandem__Control__Status *status)
{
	struct tdm_status_totals totals = { 0 };

	for (size_t i = 0; i < status->n_members; i++) {
		totals.sessions += status->members[i]->sessions;
		totals.active += status->members[i]->active;
		totals.inactive += status->members[i]->inactive;
	}
	return totals;
}

static int show(const struct tdm_ctl *ctl, const struct tdm_ctl_replies *replies, bool json)
{
	const Tandem__Control__Reply *reply = replies->items[0];
	const Tandem__Control__Status *status = reply->status;
	const Tandem__Control__Node *self;
	struct tdm_links links = { .state = TDM_LINKS_NONE };

	if (reply->kind_case != TANDEM__CONTROL__REPLY__KIND_STATUS)
		return tdm_ctl_fail(
			TDM_CTL_REFUSED, "the daemon answered something else than a status");
	self = tdm_status_self(status);
	if (status->cluster[0])
		tdm_links_read(&links, self ? self->id : 0);
	if (json)
		tdm_status_json(ctl->out, status, &links);
	else
		tdm_status_text(ctl->out, status, &links);
	return TDM_CTL_OK;
}

int tdm_ctl_status(const struct tdm_ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	Tandem__Control__Request request = TANDEM__CONTROL__REQUEST__INIT;
	Tandem__Control__StatusRequest what = TANDEM__CONTROL__STATUS_REQUEST__INIT;
	struct tdm_ctl_replies replies;
	bool json = false;
	int opt, code;

	optind = 0; /* getopt starts anew */
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'j')
			return TDM_CTL_USAGE;
		json = true;
	}
	if (optind < argc)
		return tdm_ctl_fail(
			TDM_CTL_USAGE, "status: \"%s\" is one word too many", argv[optind]);
	request.kind_case = TANDEM__CONTROL__REQUEST__KIND_STATUS;
	request.status = &what;
	code = tdm_ctl_ask(ctl, &request, &replies);
	if (!code)
		code = show(ctl, &replies, json);
	tdm_ctl_replies_free(&replies);
	return code;
}
