/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who says whether a password is right. One interface, so that other ways in find their place
 * beside the users file.
 */
#pragma once

#include "node/auth/users.h"
#include "proto/err.h"
#include "proto/types.h"

struct tdm_auth_backend {
	void *self;
	const char *method; /* for the session record, static text: "password-file" */
	/* Called by several threads at once; may take its time. TDM_OK: right, group is the group
	 * policy or "" for that of the tunnel group. TDM_ERR_AUTH: wrong, whatever was wrong about
	 * it. Anything else: cannot say now. The password is borrowed. */
	enum tdm_err (*check)(
		void *self, const char *user, const char *password, char group[TDM_NAME_MAX]);
};

/* The users file as a backend. */
struct tdm_auth_file;

/* TDM_ERR_CONFIG, TDM_ERR_IO, TDM_ERR_NOMEM with diag. */
enum tdm_err tdm_auth_file_new(
	const char *path, struct tdm_auth_file **out, struct tdm_diag *diag) TDM_MUST_USE;
/* Read the file again. On failure the users stay as they were. */
enum tdm_err tdm_auth_file_reload(struct tdm_auth_file *file, struct tdm_diag *diag) TDM_MUST_USE;
/* No check may be running. NULL is fine. */
void tdm_auth_file_free(struct tdm_auth_file *file);
/* Lives as long as file. */
struct tdm_auth_backend tdm_auth_file_backend(struct tdm_auth_file *file);

/* Check one password against users. A name that is not there costs as much time as one that is.
 * TDM_OK, TDM_ERR_AUTH, TDM_ERR_NOMEM. */
enum tdm_err tdm_auth_check(const struct tdm_users *users, const char *user, const char *password,
	char group[TDM_NAME_MAX]) TDM_MUST_USE;
