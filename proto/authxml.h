/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The login vocabulary: what clients post (config-auth XML, the older bare auth XML, or a plain
 * form) becomes one struct; forms and the final "complete" message are written in the dialect the
 * client speaks. Any DOCTYPE is refused: no entity is ever defined or fetched.
 */
#pragma once

#include "proto/err.h"
#include "proto/http.h"
#include "proto/text.h"
#include "proto/types.h"

enum {
	TDM_AUTH_XML_DEPTH_MAX = 16,
	TDM_AUTH_XML_NODES_MAX = 1024, /* elements in one document */
	TDM_AUTH_XML_ATTRS_MAX = 32,   /* attributes of one element */
	TDM_AUTH_PASSWORD_MAX = 512,   /* with the NUL */
	TDM_AUTH_PATH_MAX = 256,       /* path of group-access, with the NUL */
	TDM_AUTH_TOKEN_TEXT_MAX = 128, /* session-token and session-id of a logout, with the NUL */
	TDM_AUTH_FORM_FIELDS_MAX = 64, /* fields of a plain form */
};

enum tdm_auth_kind {
	TDM_AUTH_NONE,
	TDM_AUTH_INIT,   /* asks for a form, possibly for a group */
	TDM_AUTH_REPLY,  /* answers a form */
	TDM_AUTH_LOGOUT, /* ends the session named by session_token */
};

/* How to talk back. */
enum tdm_auth_dialect {
	TDM_AUTH_DIALECT_CONFIG, /* config-auth wrapper */
	TDM_AUTH_DIALECT_BARE,   /* <auth> alone: openconnect 3 and older */
};

enum tdm_auth_capability {
	TDM_AUTH_CAP_SSO_V2 = 1u << 0,
	TDM_AUTH_CAP_SSO_EXTERNAL = 1u << 1,
	TDM_AUTH_CAP_MULTIPLE_CERT = 1u << 2,
};

struct tdm_auth_request {
	enum tdm_auth_kind kind;
	bool plain_form; /* came as application/x-www-form-urlencoded */
	bool has_username;
	bool has_password;
	bool client_cert_fail;
	uint32_t capabilities; /* enum tdm_auth_capability */
	char username[TDM_USER_MAX];
	char password[TDM_AUTH_PASSWORD_MAX];           /* secret */
	char secondary_password[TDM_AUTH_PASSWORD_MAX]; /* secret; "" if none */
	char group_select[TDM_NAME_MAX];                /* value or label; "" if none */
	char group_access[TDM_AUTH_PATH_MAX];           /* path of the URL, "" if none */
	char session_id[TDM_AUTH_TOKEN_TEXT_MAX];
	char session_token[TDM_AUTH_TOKEN_TEXT_MAX]; /* secret */
	/* Only to be shown: cut when long, not escaped. */
	char version[TDM_CLIENT_TEXT_MAX];
	char device_id[TDM_CLIENT_TEXT_MAX];
	char platform_version[TDM_CLIENT_TEXT_MAX];
	char device_type[TDM_CLIENT_TEXT_MAX];
	char unique_id[TDM_CLIENT_TEXT_MAX];
	char computer_name[TDM_CLIENT_TEXT_MAX];
};

/* Parse an XML document. TDM_ERR_UNSUPPORTED: DOCTYPE, unknown root or type. TDM_ERR_MALFORMED:
 * not well-formed, a field twice, control characters in a name. TDM_ERR_TOO_LONG: too deep, too
 * many elements, or a field that does not fit. out needs deinit in every case. */
enum tdm_err tdm_auth_parse_xml(
	const char *body, size_t len, struct tdm_auth_request *out) TDM_MUST_USE;
/* Parse a urlencoded form. Without username and password it is an init. out needs deinit in every
 * case. */
enum tdm_err tdm_auth_parse_form(
	const char *body, size_t len, struct tdm_auth_request *out) TDM_MUST_USE;
/* Choose by request: an empty body is an init, a form by its content type, else XML. Fills
 * group_access from the path if the body did not. */
enum tdm_err tdm_auth_parse(
	const struct tdm_http_request *req, struct tdm_auth_request *out) TDM_MUST_USE;
/* Wipe. */
void tdm_auth_request_deinit(struct tdm_auth_request *req);

/* Dialect for a User-Agent header (NULL allowed). */
enum tdm_auth_dialect tdm_auth_dialect(const char *user_agent);

struct tdm_auth_group {
	const char *name;  /* value sent back */
	const char *label; /* shown; NULL or "": the name */
};

struct tdm_auth_form {
	enum tdm_auth_dialect dialect;
	const char *title;   /* NULL: none */
	const char *message; /* NULL: the usual sentence */
	const char *error;   /* NULL: none; "Login failed." after a wrong password */
	unsigned error_id;   /* 13 is what clients know as a failed login */
	const char *action;  /* path to post to; NULL: "/auth" */
	const struct tdm_auth_group *groups;
	size_t group_count;         /* a choice is offered from 2 on */
	const char *selected_group; /* its name; listed first; NULL: the first one */
};

enum { TDM_AUTH_ERROR_LOGIN_FAILED = 13 };

/* Append the form for user name and password. Check with tdm_text_ok(). */
void tdm_auth_write_form(struct tdm_text *out, const struct tdm_auth_form *form);

struct tdm_auth_complete {
	enum tdm_auth_dialect dialect;
	const char *session_id;    /* NULL: none */
	const char *session_token; /* the text also sent as cookie webvpn */
	const char *banner;        /* NULL: none */
	const char *cert_sha1; /* 40 upper-case hex digits of the server certificate; NULL: none */
};

/* Append the message that says "logged in". Check with tdm_text_ok(). */
void tdm_auth_write_complete(struct tdm_text *out, const struct tdm_auth_complete *complete);
/* Append a refusal without a form, which ends the client's login. */
void tdm_auth_write_refusal(
	struct tdm_text *out, enum tdm_auth_dialect dialect, unsigned error_id, const char *error);
