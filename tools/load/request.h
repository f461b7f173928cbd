/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client sends before it has a tunnel, in the shape of openconnect's requests. */
#pragma once

#include "proto/text.h"
#include "tools/load/form.h"

enum { TDM_LOAD_REQUEST_MAX = 16 * 1024 };

struct tdm_load_request {
	const char *host;    /* for the Host header: address, and the port when it is not 443 */
	const char *cookies; /* "" for none */
};

/* The first message of a login. group: NULL when none was chosen yet. */
void tdm_load_write_init(struct tdm_text *out, const struct tdm_load_request *req, const char *path,
	const char *group);

struct tdm_load_answer {
	const struct tdm_load_form *form;
	const char *xml; /* the document form was read from; for the opaque part */
	const char *user;
	const char *password; /* secret */
	const char *group;    /* NULL: none */
};

/* Fill the form. */
void tdm_load_write_answer(struct tdm_text *out, const struct tdm_load_request *req,
	const struct tdm_load_answer *answer);

/* True when the form asks for a password, so that what comes next is the verdict. */
bool tdm_load_form_wants_password(const struct tdm_load_form *form);

/* Ask for a tunnel; address: the one the session had, "" on the first connect. */
void tdm_load_write_connect(struct tdm_text *out, const struct tdm_load_request *req,
	const char *token, const char *address);
