/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/ctl/sessions.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"
#include "tools/ctl/client.h"

const Tandem__Control__Tunnel *tdm_session_tunnel(
	const Tandem__Control__Session *session, bool dtls)
{
	/* Of an inactive session the record keeps the last tunnels, but they are gone. */
	if (strcmp(session->state, "active") != 0)
		return NULL;
	for (size_t i = 0; i < session->n_tunnels; i++)
		if ((session->tunnels[i]->dtls != 0) == dtls)
			return session->tunnels[i];
	return NULL;
}

const char *tdm_session_public(const Tandem__Control__Session *session)
{
	return session->n_public_addresses ? session->public_addresses[0]->address : "";
}

struct tdm_duration tdm_duration(int64_t ms)
{
	int64_t s = ms > 0 ? ms / 1000 : 0;
	struct tdm_duration out;
	int n = 0;

	if (s >= 86400)
		n = snprintf(out.text, sizeof(out.text), "%" PRId64 "d ", s / 86400);
	snprintf(out.text + n, sizeof(out.text) - (size_t)n, "%dh:%02dm:%02ds",
		(int)(s % 86400 / 3600), (int)(s % 3600 / 60), (int)(s % 60));
	return out;
}

typedef void print_fn(FILE *out, Tandem__Control__Session *const *sessions, size_t len);

struct options {
	Tandem__Control__Filter filter;
	print_fn *print;
};

static int parse_index(const char *text, uint32_t *out)
{
	uint64_t number;

	if (tdm_text_parse_u64(text, strlen(text), UINT32_MAX, &number) || !number)
		return tdm_ctl_fail(TDM_CTL_USAGE, "\"%s\" is not the index of a session", text);
	*out = (uint32_t)number;
	return TDM_CTL_OK;
}

static int parse_options(int argc, char **argv, struct options *out)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "detail", no_argument, NULL, 'd' },
		{ "user", required_argument, NULL, 'u' },
		{ "group", required_argument, NULL, 'g' },
		{ "state", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	optind = 0; /* getopt starts anew */
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'j':
			out->print = tdm_sessions_json;
			break;
		case 'd':
			out->print = tdm_sessions_detail;
			break;
		case 'u':
			out->filter.user = optarg;
			break;
		case 'g':
			out->filter.group = optarg;
			break;
		case 's':
			out->filter.state = optarg;
			break;
		default:
			return TDM_CTL_USAGE;
		}
	}
	if (optind < argc && parse_index(argv[optind++], &out->filter.index))
		return TDM_CTL_USAGE;
	if (optind < argc)
		return tdm_ctl_fail(
			TDM_CTL_USAGE, "sessions: \"%s\" is one word too many", argv[optind]);
	return TDM_CTL_OK;
}

static int compare_index(const void *a, const void *b)
{
	const Tandem__Control__Session *x = *(Tandem__Control__Session *const *)a;
	const Tandem__Control__Session *y = *(Tandem__Control__Session *const *)b;

	return (x->index > y->index) - (x->index < y->index);
}

/* All sessions of all replies in one list; NULL when out of memory. */
static Tandem__Control__Session **gather(const struct tdm_ctl_replies *replies, size_t *len)
{
	Tandem__Control__Session **list;
	size_t n = 0;

	for (size_t i = 0; i < replies->len; i++)
		if (replies->items[i]->kind_case == TANDEM__CONTROL__REPLY__KIND_SESSIONS)
			n += replies->items[i]->sessions->n_sessions;
	list = calloc(n + 1, sizeof(*list));
	*len = 0;
	for (size_t i = 0; list && i < replies->len; i++) {
		const Tandem__Control__Reply *reply = replies->items[i];

		if (reply->kind_case != TANDEM__CONTROL__REPLY__KIND_SESSIONS)
			continue;
		for (size_t k = 0; k < reply->sessions->n_sessions; k++)
			list[(*len)++] = reply->sessions->sessions[k];
	}
	if (list)
		qsort(list, *len, sizeof(*list), compare_index);
	return list;
}

int tdm_ctl_sessions(const struct tdm_ctl *ctl, int argc, char **argv)
{
	struct options options = { TANDEM__CONTROL__FILTER__INIT, tdm_sessions_table };
	Tandem__Control__Request request = TANDEM__CONTROL__REQUEST__INIT;
	Tandem__Control__SessionsRequest what = TANDEM__CONTROL__SESSIONS_REQUEST__INIT;
	Tandem__Control__Session **list;
	struct tdm_ctl_replies replies;
	size_t len;
	int code = parse_options(argc, argv, &options);

	if (code)
		return code;
	what.filter = &options.filter;
	request.kind_case = TANDEM__CONTROL__REQUEST__KIND_SESSIONS;
	request.sessions = &what;
	code = tdm_ctl_ask(ctl, &request, &replies);
	if (!code) {
		list = gather(&replies, &len);
		if (list)
			options.print(ctl->out, list, len);
		else
			code = tdm_ctl_fail(TDM_CTL_REFUSED, "out of memory");
		free(list);
	}
	tdm_ctl_replies_free(&replies);
	return code;
}
