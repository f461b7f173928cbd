/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "proto/text.h"
#include "tools/ctl/client.h"

static int usage(void)
{
	return tdm_ctl_fail(TDM_CTL_USAGE, "logoff: which session? Write: tandemctl logoff INDEX, "
					   "or tandemctl logoff user NAME");
}

static int report(const struct tdm_ctl *ctl, const Tandem__Control__Reply *reply)
{
	const Tandem__Control__Logoff *logoff = reply->logoff;

	if (reply->kind_case != TANDEM__CONTROL__REPLY__KIND_LOGOFF)
		return tdm_ctl_fail(
			TDM_CTL_REFUSED, "the daemon answered something else than a logoff");
	fprintf(ctl->out, "%" PRIu32 " %s ended\n", logoff->ended,
		logoff->ended == 1 ? "session" : "sessions");
	if (!logoff->failed)
		return TDM_CTL_OK;
	return tdm_ctl_fail(TDM_CTL_REFUSED, "%" PRIu32 " could not be ended", logoff->failed);
}

int tdm_ctl_logoff(const struct tdm_ctl *ctl, int argc, char **argv)
{
	Tandem__Control__Request request = TANDEM__CONTROL__REQUEST__INIT;
	Tandem__Control__LogoffRequest what = TANDEM__CONTROL__LOGOFF_REQUEST__INIT;
	struct tdm_ctl_replies replies;
	uint64_t index;
	int code;

	if (argc == 2 && !tdm_text_parse_u64(argv[1], strlen(argv[1]), UINT32_MAX, &index) && index)
		what.index = (uint32_t)index;
	else if (argc == 3 && !strcmp(argv[1], "user") && argv[2][0])
		what.user = argv[2];
	else
		return usage();
	request.kind_case = TANDEM__CONTROL__REQUEST__KIND_LOGOFF;
	request.logoff = &what;
	code = tdm_ctl_ask(ctl, &request, &replies);
	if (!code)
		code = report(ctl, replies.items[0]);
	tdm_ctl_replies_free(&replies);
	return code;
}
