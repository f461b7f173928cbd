/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The users file: what is taken, what is refused and in which line, and that a check of a password
 * says no more than yes or no. */
#include <criterion/criterion.h>
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/auth/check.h"

/* Of "secret", cheap to check: these tests are not about the cost. */
#define HASH_YESCRYPT "$y$j75$Q8xbZl0vQ9Q4hYdG1oT3d/$"
#define HASH_SHA512   "$6$rounds=1000$abcdefgh$"

/* Hash of "secret" with a setting. */
static const char *hash_of_secret(const char *setting, struct crypt_data *data)
{
	const char *hash = crypt_r("secret", setting, data);

	cr_assert(hash && hash[0] != '*', "crypt does not take %s", setting);
	return hash;
}

/* Copy a text: '@' becomes the hash, '~' the hash with its end cut off. */
static void expand(const char *format, const char *hash, char *out, size_t cap)
{
	size_t len = 0;

	for (; *format; format++) {
		size_t n = strlen(hash) - (*format == '~');

		if (*format != '@' && *format != '~')
			n = 1;
		cr_assert_lt(len + n, cap);
		memcpy(out + len, n > 1 ? hash : format, n);
		len += n;
	}
	out[len] = '\0';
}

static enum tdm_err parse(const char *text, struct tdm_users **out, struct tdm_diag *diag)
{
	return tdm_users_parse("users", text, strlen(text), out, diag);
}

static struct tdm_users *users_with(const char *format)
{
	struct crypt_data data = { .initialized = 0 };
	struct tdm_users *users = NULL;
	struct tdm_diag diag = { .text = "" };
	char text[1024];

	expand(format, hash_of_secret(HASH_SHA512, &data), text, sizeof(text));
	cr_assert_eq(parse(text, &users, &diag), TDM_OK, "refused: %s", diag.text);
	return users;
}

Test(users, finds_by_name)
{
	struct tdm_users *users = users_with("# people\n\nbob:@\r\nalice:@:staff  \n"
					     "b\xc3\xb6rje:@:");

	cr_expect_eq(tdm_users_count(users), 3);
	cr_expect_str_eq(tdm_users_find(users, "alice")->group, "staff");
	cr_expect_str_eq(tdm_users_find(users, "bob")->group, "");
	cr_expect_eq(tdm_users_find(users, "bob")->line, 3);
	cr_expect_not_null(tdm_users_find(users, "b\xc3\xb6rje"));
	cr_expect_null(tdm_users_find(users, "ali"));
	cr_expect_null(tdm_users_find(users, ""));
	cr_expect_null(tdm_users_find(users, "# people"));
	tdm_users_unref(users);
}

Test(users, an_empty_file_has_nobody)
{
	struct tdm_users *users = NULL;
	char group[TDM_NAME_MAX];

	cr_assert_eq(parse("", &users, NULL), TDM_OK);
	cr_expect_eq(tdm_users_count(users), 0);
	cr_expect_null(tdm_users_find(users, "alice"));
	cr_expect_eq(tdm_auth_check(users, "alice", "secret", group), TDM_ERR_AUTH);
	tdm_users_unref(users);
}

Test(users, refuses_with_the_line_and_without_the_secret)
{
	struct crypt_data data = { .initialized = 0 };
	const char *hash = hash_of_secret(HASH_SHA512, &data);
	static const struct {
		const char *format, *says;
	} refused[] = {
		{ "alice\n", "users:1: no ':'" },
		{ "# x\n\nalice:\n", "users:3: the hash is not a whole" },
		{ "alice:secret\n", "users:1: the hash is not a whole" },
		{ "alice:~\n", "users:1: the hash is not a whole" },
		{ "alice:@x\n", "users:1: the hash is not a whole" },
		{ "alice:$1$salt$qJH7.N4xYta3aEG/dfqo/0\n", "users:1: the hash is not a whole" },
		{ ":@\n", "users:1: the user name is empty" },
		{ "a\tb:@\n", "users:1: the user name has control" },
		{ "alice:@:a:b\n", "users:1: too many ':'" },
		{ "alice:@\nbob:@\nalice:@\n", "users:3: this user is in line 1 already" },
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct tdm_users *users = NULL;
		struct tdm_diag diag = { .text = "" };
		char text[1024];

		expand(refused[i].format, hash, text, sizeof(text));
		cr_expect_eq(parse(text, &users, &diag), TDM_ERR_CONFIG, "taken: %s", text);
		cr_expect_not_null(strstr(diag.text, refused[i].says), "says: %s", diag.text);
		cr_expect_null(strstr(diag.text, "secret"), "shows: %s", diag.text);
		cr_expect_null(strstr(diag.text, "$6$"), "shows: %s", diag.text);
		cr_expect_null(strchr(diag.text, '\n'));
	}
}

Test(users, bounds)
{
	struct tdm_users *users = NULL;
	struct tdm_diag diag = { .text = "" };
	char text[1024];

	memset(text, 'a', sizeof(text));
	memcpy(text + TDM_USER_MAX, ":x\n", 4);
	cr_expect_eq(parse(text, &users, &diag), TDM_ERR_CONFIG);
	cr_expect_not_null(strstr(diag.text, "empty or too long"), "says: %s", diag.text);
	cr_expect_eq(tdm_users_parse("users", "a\0b:c", 5, &users, &diag), TDM_ERR_CONFIG);
	cr_expect_not_null(strstr(diag.text, "NUL"), "says: %s", diag.text);
}

Test(auth_check, right_and_wrong)
{
	struct tdm_users *users = users_with("alice:@:staff\n");
	char group[TDM_NAME_MAX] = "";
	char long_password[600];

	memset(long_password, 'x', sizeof(long_password) - 1);
	long_password[sizeof(long_password) - 1] = '\0';
	cr_expect_eq(tdm_auth_check(users, "alice", "secret", group), TDM_OK);
	cr_expect_str_eq(group, "staff");
	cr_expect_eq(tdm_auth_check(users, "alice", "Secret", group), TDM_ERR_AUTH);
	cr_expect_eq(tdm_auth_check(users, "alice", "", group), TDM_ERR_AUTH);
	cr_expect_eq(tdm_auth_check(users, "alice", long_password, group), TDM_ERR_AUTH);
	cr_expect_eq(tdm_auth_check(users, "bob", "secret", group), TDM_ERR_AUTH);
	cr_expect_eq(tdm_auth_check(users, "", "secret", group), TDM_ERR_AUTH);
	tdm_users_unref(users);
}

Test(auth_check, all_kinds_of_hashes)
{
	static const char *const settings[] = { HASH_YESCRYPT, HASH_SHA512,
		"$2b$04$abcdefghijklmnopqrstuu" };

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		struct crypt_data data = { .initialized = 0 };
		const char *hash = hash_of_secret(settings[i], &data);
		struct tdm_users *users = NULL;
		char text[512], group[TDM_NAME_MAX];

		cr_expect(tdm_hash_is_valid(hash), "%s", hash);
		snprintf(text, sizeof(text), "alice:%s\n", hash);
		cr_assert_eq(parse(text, &users, NULL), TDM_OK);
		cr_expect_eq(tdm_auth_check(users, "alice", "secret", group), TDM_OK);
		cr_expect_eq(tdm_auth_check(users, "alice", "wrong", group), TDM_ERR_AUTH);
		tdm_users_unref(users);
	}
}

/* A name that is not there must cost what one that is there costs: crypt has to run to its end. */
Test(auth_check, the_decoy_is_a_real_hash)
{
	struct crypt_data data = { .initialized = 0 };
	struct tdm_users *nobody = NULL, *users = users_with("alice:@\n");
	const char *result;

	cr_assert_eq(parse("", &nobody, NULL), TDM_OK);
	cr_expect(tdm_hash_is_valid(tdm_users_decoy(nobody)));
	result = crypt_r("secret", tdm_users_decoy(nobody), &data);
	cr_expect(result && !strncmp(result, "$y$", 3));
	cr_expect_str_eq(tdm_users_decoy(users), tdm_users_find(users, "alice")->hash);
	tdm_users_unref(nobody);
	tdm_users_unref(users);
}
