/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The users file: one "name:hash" or "name:hash:group" per line, "#" starts a comment line. Hashes
 * are yescrypt, bcrypt or SHA-512 as made by "tandemctl passwd". Read once; a value that many
 * threads may look into.
 */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

enum {
	TDM_USERS_FILE_MAX = 16 * 1024 * 1024,
	TDM_USERS_MAX = 100000,
	TDM_HASH_MAX = 256, /* with the NUL */
};

struct tdm_user {
	const char *name;
	const char *hash;  /* secret */
	const char *group; /* group policy, "" = that of the tunnel group */
	unsigned line;
};

struct tdm_users;

/* Read a file. On failure diag names file and line: TDM_ERR_CONFIG, TDM_ERR_IO, TDM_ERR_NOMEM. The
 * caller holds one reference to *out. */
enum tdm_err tdm_users_load(
	const char *path, struct tdm_users **out, struct tdm_diag *diag) TDM_MUST_USE;
/* The same from memory; file is the name to print. */
enum tdm_err tdm_users_parse(const char *file, const void *data, size_t len, struct tdm_users **out,
	struct tdm_diag *diag) TDM_MUST_USE;
struct tdm_users *tdm_users_ref(struct tdm_users *users);
/* Wiped and freed with the last reference. NULL is fine. */
void tdm_users_unref(struct tdm_users *users);

/* NULL when there is none of that name. */
const struct tdm_user *tdm_users_find(const struct tdm_users *users, const char *name);
size_t tdm_users_count(const struct tdm_users *users);
/* In order of names. */
const struct tdm_user *tdm_users_at(const struct tdm_users *users, size_t at);
/* A hash whose check costs what that of a real user costs, for names that are not in the file. */
const char *tdm_users_decoy(const struct tdm_users *users);

/* True when text is a hash of a kind that is taken, and whole. */
bool tdm_hash_is_valid(const char *text);
