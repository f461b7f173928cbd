/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line that "tandemctl passwd" prints is a line that the daemon takes. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/auth/check.h"
#include "tools/ctl/ctl.h"

/* Run passwd with input on stdin; the caller frees the output. */
static int passwd(const char *const *args, const char *input, size_t len, char **text)
{
	struct tdm_ctl ctl = { .socket = "" };
	char *argv[6] = { "passwd" };
	int argc = 1, code, fds[2];
	size_t size;

	for (; *args; args++)
		argv[argc++] = (char *)*args;
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(write(fds[1], input, len), (ssize_t)len);
	close(fds[1]);
	dup2(fds[0], STDIN_FILENO);
	close(fds[0]);
	ctl.out = open_memstream(text, &size);
	code = tdm_ctl_passwd(&ctl, argc, argv);
	fclose(ctl.out);
	return code;
}

Test(passwd, the_daemon_takes_the_line)
{
	static const char *const args[] = { "alice", "--group", "staff", NULL };
	struct tdm_users *users = NULL;
	struct tdm_diag diag = { .text = "" };
	char group[TDM_NAME_MAX] = "", *text;

	cr_assert_eq(passwd(args, "secret word\nsomething else", 26, &text), TDM_CTL_OK);
	cr_expect_eq(text[strlen(text) - 1], '\n');
	cr_assert_eq(tdm_users_parse("users", text, strlen(text), &users, &diag), TDM_OK, "%s: %s",
		diag.text, text);
	cr_expect_eq(tdm_auth_check(users, "alice", "secret word", group), TDM_OK);
	cr_expect_str_eq(group, "staff");
	tdm_users_unref(users);
	free(text);
}

Test(passwd, two_lines_are_never_the_same)
{
	static const char *const args[] = { "alice", NULL };
	char *one, *two;

	cr_assert_eq(passwd(args, "secret", 6, &one), TDM_CTL_OK);
	cr_assert_eq(passwd(args, "secret", 6, &two), TDM_CTL_OK);
	cr_expect_str_neq(one, two, "the salt is not random");
	free(one);
	free(two);
}

Test(passwd, refusals_print_no_line)
{
	static const struct {
		const char *args[4], *input;
		size_t len;
		int code;
	} refused[] = {
		{ { "alice" }, "", 0, TDM_CTL_REFUSED },
		{ { "alice" }, "\n", 1, TDM_CTL_REFUSED },
		{ { "alice" }, "a\0b\n", 4, TDM_CTL_REFUSED },
		{ { NULL }, "secret\n", 7, TDM_CTL_USAGE },
		{ { "alice", "bob" }, "secret\n", 7, TDM_CTL_USAGE },
		{ { "a:b" }, "secret\n", 7, TDM_CTL_USAGE },
		{ { "" }, "secret\n", 7, TDM_CTL_USAGE },
		{ { "#alice" }, "secret\n", 7, TDM_CTL_USAGE },
		{ { "alice\n" }, "secret\n", 7, TDM_CTL_USAGE },
		{ { "alice", "--group", "a:b" }, "secret\n", 7, TDM_CTL_USAGE },
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char *text;

		cr_expect_eq(passwd(refused[i].args, refused[i].input, refused[i].len, &text),
			refused[i].code, "case %zu", i);
		cr_expect_str_eq(text, "", "case %zu", i);
		free(text);
	}
}

Test(passwd, a_long_password_is_refused_not_cut)
{
	static const char *const args[] = { "alice", NULL };
	char input[300], *text;

	memset(input, 'x', sizeof(input));
	cr_expect_eq(passwd(args, input, 256, &text), TDM_CTL_REFUSED);
	free(text);
	cr_expect_eq(passwd(args, input, 255, &text), TDM_CTL_OK);
	free(text);
}
