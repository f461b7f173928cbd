/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints sessions. The JSON is an interface: keys are added, never changed. The detailed text keeps
 * the lines of "show vpn-sessiondb detail anyconnect", so that what reads those reads these. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "proto/control.pb-c.h"

void tdm_sessions_json(FILE *out, Tandem__Control__Session *const *sessions, size_t len);
void tdm_sessions_table(FILE *out, Tandem__Control__Session *const *sessions, size_t len);
void tdm_sessions_detail(FILE *out, Tandem__Control__Session *const *sessions, size_t len);

/* The tunnel of that kind, NULL when the session has none now. */
const Tandem__Control__Tunnel *tdm_session_tunnel(
	const Tandem__Control__Session *session, bool dtls);
/* Newest public address, "" when none is known. */
const char *tdm_session_public(const Tandem__Control__Session *session);

/* "1d 2h:03m:04s", without days "2h:03m:04s". */
struct tdm_duration {
	char text[48];
};
struct tdm_duration tdm_duration(int64_t ms);
