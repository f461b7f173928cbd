/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Internal to authxml and authform: bounded filling of the fields of struct tdm_auth_request. */
#pragma once

#include "proto/authxml.h"

enum tdm_auth_field {
	TDM_AUTH_FIELD_NONE,
	TDM_AUTH_FIELD_USERNAME,
	TDM_AUTH_FIELD_PASSWORD,
	TDM_AUTH_FIELD_SECONDARY_PASSWORD,
	TDM_AUTH_FIELD_GROUP_SELECT,
	TDM_AUTH_FIELD_GROUP_ACCESS,
	TDM_AUTH_FIELD_SESSION_ID,
	TDM_AUTH_FIELD_SESSION_TOKEN,
	TDM_AUTH_FIELD_VERSION,
	TDM_AUTH_FIELD_DEVICE_ID,
	TDM_AUTH_FIELD_PLATFORM_VERSION,
	TDM_AUTH_FIELD_DEVICE_TYPE,
	TDM_AUTH_FIELD_UNIQUE_ID,
	TDM_AUTH_FIELD_COMPUTER_NAME,
	TDM_AUTH_FIELD_COUNT
};

/* At most one field is open; its text comes in pieces. Start with only req set. */
struct tdm_auth_sink {
	struct tdm_auth_request *req;
	enum tdm_auth_field open;
	size_t len;    /* bytes in the open field */
	uint32_t seen; /* bit per field */
};

/* Begin a field. TDM_ERR_MALFORMED when it came before: which one counts must not be a guess. */
enum tdm_err tdm_auth_sink_open(struct tdm_auth_sink *sink, enum tdm_auth_field field) TDM_MUST_USE;
bool tdm_auth_sink_is_open(const struct tdm_auth_sink *sink);
/* Text for the open field; ignored if there is none. TDM_ERR_TOO_LONG if it must not be cut. */
enum tdm_err tdm_auth_sink_add(
	struct tdm_auth_sink *sink, const char *text, size_t len) TDM_MUST_USE;
/* Finish the open field, if any. TDM_ERR_MALFORMED for control characters in names. */
enum tdm_err tdm_auth_sink_close(struct tdm_auth_sink *sink) TDM_MUST_USE;
/* Open, add and close in one. */
enum tdm_err tdm_auth_sink_set(struct tdm_auth_sink *sink, enum tdm_auth_field field,
	const char *text, size_t len) TDM_MUST_USE;
