/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control socket at both ends: requests as the daemon answers them (first byte even), replies
 * as tandemctl prints them (odd). */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/control/request.h"
#include "node/log.h"
#include "tools/ctl/sessions.h"
#include "tools/ctl/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_status(void *ctx, struct tdm_cluster_status *out)
{
	(void)ctx;
	out->nodes_len = out->members_len = 1;
}

static bool on_sessions(void *ctx, struct tdm_session_walk *walk, size_t max,
	tdm_session_visit *visit, void *visit_ctx)
{
	static const struct tdm_policy policy = { .name = "staff" };
	static const struct tdm_record record = { .id = 1,
		.index = 32,
		.member = 1,
		.state = TDM_SESSION_ACTIVE,
		.user = "alice",
		.group = "staff" };

	(void)ctx;
	assert(max > 0);
	if (walk->at++ == 0)
		visit(visit_ctx, &record, &policy, 0, false);
	return walk->at > 2;
}

static enum tdm_err on_verify(void *ctx)
{
	(void)ctx;
	return TDM_OK;
}

static enum tdm_err on_logoff(void *ctx, uint64_t ticket, tdm_session_id id)
{
	(void)ctx;
	assert(ticket == 1 && id == 1);
	return TDM_ERR_NOT_QUORATE;
}

static void fuzz_request(const uint8_t *data, size_t size, bool admin)
{
	static struct tdm_config config = { .node = "n1", .members_len = 1 };
	static const struct tdm_control_config control = { .config = &config,
		.version = "0",
		.ops = { .status = on_status,
			.sessions = on_sessions,
			.logoff = on_logoff,
			.verify = on_verify } };
	struct tdm_control_out out = { .bytes = 0 };
	struct tdm_control_logoff logoff = { .ticket = 0 };
	struct tdm_control_listing listing = { .request = NULL };
	struct tdm_control_request request = { .config = &control,
		.identity = { .config = &config, .version = "0" },
		.peer = { .admin = admin },
		.ticket = 1,
		.logoff = &logoff,
		.listing = &listing,
		.out = &out };

	tdm_control_request(&request, data, size);
	while (listing.request)
		tdm_control_request_list(&request);
	assert(out.bytes > TDM_CONTROL_HEADER && !out.failed && !logoff.ticket);
	tdm_control_out_clear(&out);
	assert(out.bytes == 0);
}

static void fuzz_reply(const uint8_t *data, size_t size)
{
	Tandem__Control__Reply *reply = tandem__control__reply__unpack(NULL, size, data);
	struct tdm_links links = { .state = TDM_LINKS_OK, .items = { { 2, 0, true } }, .len = 1 };
	size_t len;
	char *text;
	FILE *out;

	if (!reply)
		return;
	out = open_memstream(&text, &len);
	if (!out)
		abort();
	if (reply->kind_case == TANDEM__CONTROL__REPLY__KIND_STATUS) {
		tdm_status_text(out, reply->status, &links);
		tdm_status_json(out, reply->status, &links);
	} else if (reply->kind_case == TANDEM__CONTROL__REPLY__KIND_SESSIONS) {
		const Tandem__Control__Sessions *s = reply->sessions;

		tdm_sessions_table(out, s->sessions, s->n_sessions);
		tdm_sessions_detail(out, s->sessions, s->n_sessions);
		tdm_sessions_json(out, s->sessions, s->n_sessions);
	}
	fclose(out);
	for (size_t i = 0; i < len; i++)
		assert((unsigned char)text[i] >= ' ' || text[i] == '\n');
	free(text);
	tandem__control__reply__free_unpacked(reply, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool quiet;

	if (!quiet)
		quiet = !tdm_log_open("/dev/null", TDM_LOG_ERROR, "fuzz", NULL);
	if (size == 0)
		return 0;
	if (data[0] & 1)
		fuzz_reply(data + 1, size - 1);
	else
		fuzz_request(data + 1, size - 1, data[0] & 2);
	return 0;
}
