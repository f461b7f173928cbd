/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/auth/users.h"
#include "node/config/convert.h"
#include "node/file.h"

enum {
	PEM_MAX = 1024 * 1024,
	CLUSTER_KEY_MIN = 32,
	CLUSTER_KEY_MAX = 4096,
};

/* Read the file named at path, say why not, or that it is too short. */
static enum tdm_err check_file(struct tdm_values *v, const char *path, const char *file, size_t min,
	size_t max, const char *must_contain)
{
	char why[128];
	char *data;
	size_t len;
	enum tdm_err err = tdm_file_read(file, max, &data, &len, why);

	if (err) {
		tdm_values_refuse(v, path, "%s: cannot read the file: %s", file, why);
		return v->err;
	}
	if (len < min)
		tdm_values_refuse(v, path,
			"%s: %zu bytes are too short for a key; at least %zu random bytes", file,
			len, min);
	else if (must_contain && !strstr(data, must_contain))
		tdm_values_refuse(v, path, "%s: not in PEM form: there is no \"%s\" in it", file,
			must_contain);
	explicit_bzero(data, len);
	free(data);
	return v->err;
}

/* The users file names groups, and an unknown one must not show at somebody's login. */
static enum tdm_err check_users(
	struct tdm_values *v, const struct tdm_config *c, struct tdm_diag *diag)
{
	struct tdm_users *users;
	enum tdm_err err = tdm_users_load(c->auth.file, &users, diag);

	if (err == TDM_ERR_IO)
		return tdm_places_error(v->places, diag, "auth.file",
			"%s: cannot read the file; make it with: tandemctl passwd NAME >> %s",
			c->auth.file, c->auth.file);
	if (err)
		return err;
	for (size_t i = 0; !err && i < tdm_users_count(users); i++) {
		const struct tdm_user *user = tdm_users_at(users, i);

		if (user->group[0] && !tdm_config_group(c, user->group))
			err = tdm_diag_set(diag, TDM_ERR_CONFIG,
				"%s:%u: there is no group \"%s\"; name one of groups in %s",
				c->auth.file, user->line, user->group, v->places->file);
	}
	tdm_users_unref(users);
	return err;
}

enum tdm_err tdm_check_files(
	const struct tdm_places *places, const struct tdm_config *c, struct tdm_diag *diag)
{
	struct tdm_values v = { .places = places, .diag = diag };

	if (check_file(&v, "tls.certificate", c->tls.certificate, 0, PEM_MAX,
		    "-----BEGIN CERTIFICATE") ||
		check_file(&v, "tls.key", c->tls.key, 0, PEM_MAX, "PRIVATE KEY-----"))
		return v.err;
	if (!c->cluster.none && check_file(&v, "cluster.key-file", c->cluster.key_file,
					CLUSTER_KEY_MIN, CLUSTER_KEY_MAX, NULL))
		return v.err;
	return check_users(&v, c, diag);
}
