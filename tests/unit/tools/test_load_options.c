/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protects: the command line that drills script against, and its one-line complaints. */
#include "tools/load/options.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 40 };

static enum tdm_err parse(const char *line, struct tdm_load_options *out, struct tdm_diag *diag)
{
	static char copy[1024];
	char *argv[WORDS_MAX] = { "tandem-load" };
	int argc = 1;

	strcpy(copy, line);
	for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	return tdm_load_options_parse(argc, argv, out, diag);
}

#define GOOD "--server 192.0.2.1 --user u --password-file - --insecure "

Test(load_options, defaults)
{
	struct tdm_load_options o;

	cr_assert_eq(parse("login " GOOD, &o, NULL), TDM_OK);
	cr_assert_eq(o.mode, TDM_LOAD_LOGIN);
	cr_assert_eq(o.server.port, 443);
	cr_assert_eq(tdm_ip_v4(&o.server.ip), 0xc0000201);
	cr_assert_eq(o.count, 1);
	cr_assert_eq(o.users, 0);
	cr_assert_eq(o.concurrency, 32);
	cr_assert_eq(o.timeout_ms, 30000);
	cr_assert_eq(o.retry_ms, 100);
	cr_assert_eq(o.dead_ms, 5000);
	cr_assert_eq(o.duration_ms, 0);
	cr_assert_eq(o.trust, TDM_LOAD_TRUST_ANY);
	cr_assert(!o.json && !o.logout && !o.help && !o.tokens && !o.group);
}

Test(load_options, everything)
{
	static const char pin[] =
		"00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
	char line[1024];
	struct tdm_load_options o;

	(void)snprintf(line, sizeof(line),
		"hold --server [2001:db8::1]:8443 --user u --password-file f --count 200 --users "
		"50 "
		"--concurrency 8 --rate 20/s --tokens t --duration 5 --group g --pin %s --timeout "
		"7 "
		"--retry 50 --dead 3 --traffic 10 --ping 10.0.0.1 --json --logout",
		pin);
	cr_assert_eq(parse(line, &o, NULL), TDM_OK);
	cr_assert_eq(o.server.ip.family, 6);
	cr_assert_eq(o.server.port, 8443);
	cr_assert(o.count == 200 && o.users == 50 && o.concurrency == 8 && o.rate_per_s == 20);
	cr_assert(o.duration_ms == 5000 && o.timeout_ms == 7000 && o.dead_ms == 3000);
	cr_assert(o.retry_ms == 50 && o.traffic_ms == 10 && o.json && o.logout);
	cr_assert(o.pin[1] == 0x11 && o.pin[31] == 0xff);
	cr_assert(!strcmp(o.tokens, "t") && !strcmp(o.group, "g"));
}

Test(load_options, servers)
{
	static const char *const good[] = { "1.2.3.4", "1.2.3.4:1", "::1", "[::1]", "[::1]:65535" };
	static const char *const bad[] = { "", "host", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536",
		"[::1", "[::1]x", "[::1]:", "1.2.3", ":443" };
	struct tdm_load_options o;
	struct tdm_diag diag;
	char line[256];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		(void)snprintf(line, sizeof(line), "login " GOOD "--server %s", good[i]);
		cr_assert_eq(parse(line, &o, &diag), TDM_OK, "%s", good[i]);
	}
	for (size_t i = 1; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(line, sizeof(line), "login " GOOD "--server %s", bad[i]);
		cr_assert_eq(parse(line, &o, &diag), TDM_ERR_INVAL, "%s", bad[i]);
		cr_assert(strstr(diag.text, "--server"), "%s", diag.text);
	}
}

Test(load_options, complaints_name_the_option)
{
	static const struct {
		const char *line, *word;
	} cases[] = {
		{ "", "login, hold or resume" },
		{ "tunnel " GOOD, "login, hold or resume" },
		{ "login --user u", "--server" },
		{ "login --server 1.2.3.4 --insecure --user u", "--password-file" },
		{ "login --server 1.2.3.4 --user u --password-file f", "--pin" },
		{ "login " GOOD "--ca f", "only one" },
		{ "login " GOOD "--count 0", "--count" },
		{ "login " GOOD "--count -1", "--count" },
		{ "login " GOOD "--count", "--count needs a value" },
		{ "login " GOOD "--rate 5/m", "--rate" },
		{ "login " GOOD "--nonsense", "--nonsense" },
		{ "login --server 1.2.3.4 --pin 12 --user u --password-file f", "64 hex" },
		{ "login " GOOD "--traffic 10 --ping 10.0.0.1", "hold only" },
		{ "hold " GOOD "--traffic 10", "go together" },
		{ "resume " GOOD, "--tokens" },
	};
	struct tdm_load_options o;
	struct tdm_diag diag;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_eq(parse(cases[i].line, &o, &diag), TDM_ERR_INVAL, "case %zu", i);
		cr_assert(strstr(diag.text, cases[i].word), "case %zu: %s", i, diag.text);
	}
}

Test(load_options, help_wins)
{
	struct tdm_load_options o;

	cr_assert(parse("--help", &o, NULL) == TDM_OK && o.help);
	cr_assert(parse("hold --help", &o, NULL) == TDM_OK && o.help);
}
