/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/auth/check.h"

#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct tdm_auth_file {
	char *path;
	uv_mutex_t lock; /* guards the pointer, not the users */
	struct tdm_users *users;
};

/* Compares all characters, so that the time shows nothing of where they differ. */
static bool equal_constant_time(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char differs = 0;

	if (strlen(b) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		differs |= (unsigned char)(a[i] ^ b[i]);
	return differs == 0;
}

enum tdm_err tdm_auth_check(const struct tdm_users *users, const char *user, const char *password,
	char group[TDM_NAME_MAX])
{
	const struct tdm_user *found = tdm_users_find(users, user);
	const char *hash = found ? found->hash : tdm_users_decoy(users);
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *result;
	bool right, busy;

	if (!data)
		return TDM_ERR_NOMEM;
	/* NULL also for a password longer than crypt takes: then no hash was made of it. */
	errno = 0;
	result = crypt_r(password, hash, data);
	busy = (!result || result[0] == '*') && errno == ENOMEM;
	right = result && result[0] != '*' && equal_constant_time(result, hash) && found;
	explicit_bzero(data, sizeof(*data));
	free(data);
	if (busy)
		return TDM_ERR_NOMEM; /* a hash takes 16 MiB: this says nothing of the password */
	if (!right)
		return TDM_ERR_AUTH;
	snprintf(group, TDM_NAME_MAX, "%s", found->group);
	return TDM_OK;
}

static enum tdm_err file_check(
	void *self, const char *user, const char *password, char group[TDM_NAME_MAX])
{
	struct tdm_auth_file *file = self;
	struct tdm_users *users;
	enum tdm_err err;

	uv_mutex_lock(&file->lock);
	users = tdm_users_ref(file->users);
	uv_mutex_unlock(&file->lock);
	err = tdm_auth_check(users, user, password, group);
	tdm_users_unref(users);
	return err;
}

enum tdm_err tdm_auth_file_new(const char *path, struct tdm_auth_file **out, struct tdm_diag *diag)
{
	struct tdm_auth_file *file = calloc(1, sizeof(*file));
	enum tdm_err err;

	if (!file || !(file->path = strdup(path)) || uv_mutex_init(&file->lock)) {
		if (file)
			free(file->path);
		free(file);
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "out of memory");
	}
	err = tdm_users_load(path, &file->users, diag);
	if (err) {
		tdm_auth_file_free(file);
		return err;
	}
	*out = file;
	return TDM_OK;
}

enum tdm_err tdm_auth_file_reload(struct tdm_auth_file *file, struct tdm_diag *diag)
{
	struct tdm_users *users, *before;
	enum tdm_err err = tdm_users_load(file->path, &users, diag);

	if (err)
		return err;
	uv_mutex_lock(&file->lock);
	before = file->users;
	file->users = users;
	uv_mutex_unlock(&file->lock);
	tdm_users_unref(before);
	return TDM_OK;
}

void tdm_auth_file_free(struct tdm_auth_file *file)
{
	if (!file)
		return;
	tdm_users_unref(file->users);
	uv_mutex_destroy(&file->lock);
	free(file->path);
	free(file);
}

struct tdm_auth_backend tdm_auth_file_backend(struct tdm_auth_file *file)
{
	return (struct tdm_auth_backend){
		.self = file,
		.method = "password-file",
		.check = file_check,
	};
}
