/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/address/nft.h"
#include "node/config/config.h"
#include "node/control/node.h"
#include "node/guardian.h"

#define DEFAULT_CONFIG "/etc/tandem/tandem.yaml"

enum { EXIT_USAGE = 2 };

static const char usage[] =
	"Usage: tandemd [--config FILE]\n"
	"       tandemd --check-config FILE | --print-nft FILE | --version | --help\n"
	"\n"
	"SSL VPN gateway that does not lose its users. Runs in the foreground.\n"
	"\n"
	"  -c, --config FILE        read FILE instead of " DEFAULT_CONFIG "\n"
	"      --check-config FILE  say whether FILE is a valid configuration, and end\n"
	"      --print-nft FILE     print the nftables rules that FILE leads to, and end\n"
	"      --version            print the versions of tandemd and its TLS library\n"
	"      --help               print this text\n";

enum command { RUN, CHECK, PRINT_NFT };

static int daemon_main(void *ctx)
{
	const struct tdm_config *config = ctx;
	struct tdm_diag diag = { 0 };

	if (tdm_node_run(config, &diag) == TDM_OK)
		return EXIT_SUCCESS;
	if (config->log_file[0]) /* else the log has just said it here */
		fprintf(stderr, "tandemd: %s\n", diag.text);
	return EXIT_FAILURE;
}

static int run(const struct tdm_config *config)
{
	struct tdm_diag diag = { 0 };

	if (tdm_log_open(config->log_file, config->log_level, config->node, &diag)) {
		fprintf(stderr, "tandemd: %s\n", diag.text);
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	return tdm_guardian_run(config, daemon_main, (void *)config);
}

static int print_nft(const struct tdm_config *config)
{
	char *text = tdm_nft_text(config);

	if (!text)
		return EXIT_FAILURE;
	fputs(text, stdout);
	free(text);
	return EXIT_SUCCESS;
}

static int with_config(enum command command, const char *path)
{
	struct tdm_config *config = NULL;
	struct tdm_diag diag = { 0 };
	int rc = EXIT_SUCCESS;

	if (tdm_config_load(path, &config, &diag)) {
		fprintf(stderr, "tandemd: %s\n", diag.text);
		return EXIT_FAILURE;
	}
	if (command == RUN)
		rc = run(config);
	else if (command == PRINT_NFT)
		rc = print_nft(config);
	else
		printf("%s: valid\n", path);
	tdm_config_free(config);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", required_argument, NULL, 'k' },
		{ "print-nft", required_argument, NULL, 'n' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	enum command command = RUN;
	const char *path = DEFAULT_CONFIG;
	int c;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'k':
		case 'n':
			command = c == 'k' ? CHECK : PRINT_NFT;
			path = optarg;
			break;
		case 'c':
			path = optarg;
			break;
		case 'v':
			printf("tandemd %s\nwolfSSL %s\n", TANDEM_VERSION, TANDEM_WOLFSSL_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			fputs("Try 'tandemd --help'.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "tandemd: unexpected argument '%s'. Try 'tandemd --help'.\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	return with_config(command, path);
}
