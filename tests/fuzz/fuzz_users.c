/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The users file: whatever is in it, each user found is whole and each refusal one line. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "node/auth/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tdm_users *users = NULL;
	struct tdm_diag diag = { .text = "" };

	if (tdm_users_parse("f", data, size, &users, &diag)) {
		assert(!strncmp(diag.text, "f:", 2) && !strpbrk(diag.text, "\n\r\x1b"));
		return 0;
	}
	for (size_t i = 0; i < tdm_users_count(users); i++) {
		const struct tdm_user *user = tdm_users_at(users, i);

		assert(user->name[0] && strlen(user->name) < TDM_USER_MAX);
		assert(strlen(user->group) < TDM_NAME_MAX && user->line > 0);
		assert(tdm_hash_is_valid(user->hash));
		assert(tdm_users_find(users, user->name) == user);
	}
	assert(tdm_hash_is_valid(tdm_users_decoy(users)));
	tdm_users_unref(users);
	return 0;
}
