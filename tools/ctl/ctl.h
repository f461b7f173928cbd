/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the subcommands of tandemctl share. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Exit codes; documented in docs/tandemctl.md, people script against them. */
enum {
	TDM_CTL_OK = 0,
	TDM_CTL_REFUSED = 1,     /* the daemon said no, or something failed here */
	TDM_CTL_USAGE = 2,       /* the command line is wrong */
	TDM_CTL_UNREACHABLE = 3, /* no daemon answers at the socket */
};

struct tdm_ctl {
	const char *socket; /* path of the control socket */
	const char *version;
	FILE *out;
};

/* One subcommand: argv[0] is its name. Returns an exit code. */
int tdm_ctl_status(const struct tdm_ctl *ctl, int argc, char **argv);
int tdm_ctl_sessions(const struct tdm_ctl *ctl, int argc, char **argv);
int tdm_ctl_logoff(const struct tdm_ctl *ctl, int argc, char **argv);
int tdm_ctl_verify(const struct tdm_ctl *ctl, int argc, char **argv);
int tdm_ctl_passwd(const struct tdm_ctl *ctl, int argc, char **argv);

/* Print "tandemctl: text" to stderr and return code. */
int tdm_ctl_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Bytes from elsewhere, for a terminal: control characters escaped. out holds cap bytes. */
const char *tdm_ctl_safe(const char *text, char *out, size_t cap);
/* Places that a text takes on the screen, rather than bytes (UTF-8). */
size_t tdm_ctl_width(const char *text);
