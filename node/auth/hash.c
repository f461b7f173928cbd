/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "node/auth/users.h"

/* What crypt(5) says of the kinds that are taken: how they begin, and how many characters follow
 * the last '$'. Weaker kinds are left out on purpose. */
static const struct {
	const char *prefix;
	size_t tail;
} kinds[] = {
	{ "$y$", 43 },
	{ "$gy$", 43 },
	{ "$2a$", 53 },
	{ "$2b$", 53 },
	{ "$2y$", 53 },
	{ "$6$", 86 },
};

#define HASH_ALPHABET "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

bool tdm_hash_is_valid(const char *text)
{
	const char *tail;
	size_t len = strlen(text);

	if (len >= TDM_HASH_MAX || strspn(text, HASH_ALPHABET "$=,") != len)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t prefix = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, prefix) != 0)
			continue;
		tail = strrchr(text, '$') + 1;
		return (size_t)(tail - text) > prefix && strlen(tail) == kinds[i].tail;
	}
	return false;
}
