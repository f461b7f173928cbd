/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The login XML as a client reads it: is this "logged in", a form to fill, or a refusal? Both the
 * config-auth wrapper and the older bare <auth> are taken. A DOCTYPE is refused.
 */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

enum {
	TDM_LOAD_TOKEN_MAX = 512, /* with the NUL */
	TDM_LOAD_FORM_NAME_MAX = 64,
	TDM_LOAD_FORM_VALUE_MAX = 256,
	TDM_LOAD_FORM_TEXT_MAX = 256,
	TDM_LOAD_FORM_INPUTS_MAX = 16,
	TDM_LOAD_FORM_GROUPS_MAX = 64,
	TDM_LOAD_FORM_DEPTH_MAX = 16,
};

enum tdm_load_input_kind { TDM_LOAD_INPUT_TEXT, TDM_LOAD_INPUT_PASSWORD, TDM_LOAD_INPUT_HIDDEN };

struct tdm_load_input {
	enum tdm_load_input_kind kind;
	char name[TDM_LOAD_FORM_NAME_MAX];
	char value[TDM_LOAD_FORM_VALUE_MAX]; /* of a hidden one */
};

struct tdm_load_group {
	char value[TDM_LOAD_FORM_NAME_MAX];
	char label[TDM_LOAD_FORM_NAME_MAX];
	bool selected;
};

struct tdm_load_form {
	bool success; /* auth id="success", nothing else */
	bool has_form;
	char token[TDM_LOAD_TOKEN_MAX];     /* session-token, secret; "" if none */
	char error[TDM_LOAD_FORM_TEXT_MAX]; /* cut when long; "" if none */
	bool has_error;
	char action[TDM_LOAD_FORM_TEXT_MAX]; /* path to post to, "/" if none was given */
	size_t input_count;
	struct tdm_load_input inputs[TDM_LOAD_FORM_INPUTS_MAX];
	size_t group_count; /* options of the select named group_list */
	struct tdm_load_group groups[TDM_LOAD_FORM_GROUPS_MAX];
	size_t opaque_at; /* the element "opaque" in the document, to be sent back as it is */
	size_t opaque_len;
};

/* TDM_ERR_MALFORMED: not XML, or a field that cannot be used. TDM_ERR_UNSUPPORTED: a DOCTYPE.
 * TDM_ERR_TOO_LONG: too deep, too many inputs, a value that does not fit. TDM_ERR_NOMEM. */
enum tdm_err tdm_load_form_parse(
	const char *xml, size_t len, struct tdm_load_form *out) TDM_MUST_USE;

/* The group to send for a wish (label or value; NULL: the selected or the first one); NULL when
 * there is none of that name. */
const struct tdm_load_group *tdm_load_form_group(
	const struct tdm_load_form *form, const char *wish);
