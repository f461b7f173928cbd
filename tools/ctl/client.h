/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Talks to a daemon over its control socket. */
#pragma once

#include "proto/control.pb-c.h"
#include "tools/ctl/ctl.h"

/* All replies to one request. */
struct tdm_ctl_replies {
	Tandem__Control__Reply **items;
	size_t len, cap;
};

/* Send the request and gather the replies. What goes wrong is printed; returns an exit code.
 * Replies are to be freed in any case. An error of the daemon is TDM_CTL_REFUSED, printed as well.
 */
int tdm_ctl_ask(const struct tdm_ctl *ctl, const Tandem__Control__Request *request,
	struct tdm_ctl_replies *replies);
void tdm_ctl_replies_free(struct tdm_ctl_replies *replies);
