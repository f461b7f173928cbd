/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control program: one table of subcommands, one file each in tools/ctl. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/ctl.h"

#define SOCKET_DEFAULT  "/run/tandem/control.sock"
#define SOCKET_VARIABLE "TANDEM_SOCKET"

static int print_version(const struct tdm_ctl *ctl, int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return tdm_ctl_fail(TDM_CTL_USAGE, "version takes no arguments");
	fprintf(ctl->out, "tandemctl %s\n", ctl->version);
	return TDM_CTL_OK;
}

static const struct command {
	const char *name;
	int (*run)(const struct tdm_ctl *ctl, int argc, char **argv);
	const char *arguments, *help;
} commands[] = {
	{ "status", tdm_ctl_status, "[--json]",
		"nodes, members, links and counts as this node sees them" },
	{ "sessions", tdm_ctl_sessions,
		"[INDEX] [--user NAME] [--group NAME] [--state STATE] [--detail | --json]",
		"the sessions; STATE is new, active, inactive or ended" },
	{ "logoff", tdm_ctl_logoff, "INDEX | user NAME", "end sessions on all nodes" },
	{ "verify", tdm_ctl_verify, "[--json]",
		"compare the session tables of all nodes now, and repair what differs" },
	{ "passwd", tdm_ctl_passwd, "NAME [--group GROUP]",
		"print a line for the users file; asks for the password" },
	{ "version", print_version, "", "print the version" },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_usage(FILE *out)
{
	fputs("usage: tandemctl [--socket PATH] COMMAND ...\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %s%s%s\n      %s\n", commands[i].name,
			commands[i].arguments[0] ? " " : "", commands[i].arguments,
			commands[i].help);
	fputs("\nThe socket is that of --socket, of " SOCKET_VARIABLE ", or " SOCKET_DEFAULT ".\n"
	      "Exit codes: 0 done, 1 refused or failed, 2 wrong command line, 3 no daemon "
	      "answers.\n",
		out);
}

/* stdout may be a full disk. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	return tdm_ctl_fail(code ? code : TDM_CTL_REFUSED, "cannot write: %s", strerror(errno));
}

static int run(struct tdm_ctl *ctl, int argc, char **argv)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(argv[0], commands[i].name))
			return finish(commands[i].run(ctl, argc, argv));
	return tdm_ctl_fail(
		TDM_CTL_USAGE, "there is no command \"%s\"; see tandemctl --help", argv[0]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const char *variable = getenv(SOCKET_VARIABLE);
	struct tdm_ctl ctl = { .socket = variable && variable[0] ? variable : SOCKET_DEFAULT,
		.version = TANDEM_VERSION,
		.out = stdout };
	int opt;

	while ((opt = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			ctl.socket = optarg;
			break;
		case 'h':
			print_usage(stdout);
			return finish(TDM_CTL_OK);
		case 'V':
			return finish(print_version(&ctl, 1, argv));
		default:
			return TDM_CTL_USAGE;
		}
	}
	if (optind == argc) {
		print_usage(stderr);
		return TDM_CTL_USAGE;
	}
	return run(&ctl, argc - optind, argv + optind);
}
