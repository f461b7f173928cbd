/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The token: what a client holds and shows at every CONNECT. 43 bytes
 *   version 1 | member 2 | session id 8 | random 32      (big endian)
 * as base64url without padding: no character that cookies or "--cookie VALUE" would split at.
 * The member and the session id only tell who is to be asked; all that proves anything is that the
 * SHA-256 over the 43 bytes equals the session's verifier. Tokens are secrets: never log one.
 */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

enum {
	TDM_TOKEN_VERSION = 1,
	TDM_TOKEN_RANDOM_LEN = 32,
	TDM_TOKEN_BYTES = 1 + 2 + 8 + TDM_TOKEN_RANDOM_LEN, /* 43 */
	TDM_TOKEN_TEXT_LEN = 58,
	TDM_TOKEN_TEXT_MAX = TDM_TOKEN_TEXT_LEN + 1, /* with the NUL */
};

struct tdm_token {
	tdm_member_id member;      /* not 0 */
	tdm_session_id session_id; /* not 0 */
	uint8_t random[TDM_TOKEN_RANDOM_LEN];
};

/* The 43 bytes over which the verifier (SHA-256) is computed; wipe out after use. */
void tdm_token_bytes(const struct tdm_token *token, uint8_t out[TDM_TOKEN_BYTES]);
/* The text as sent to the client; wipe out after use. */
void tdm_token_write(const struct tdm_token *token, char out[TDM_TOKEN_TEXT_MAX]);
/* Strict: exactly the text that tdm_token_write() makes, or TDM_ERR_MALFORMED (and out zeroed).
 * TDM_ERR_VERSION: maybe the token of a newer release on another node. */
enum tdm_err tdm_token_parse(const char *text, size_t len, struct tdm_token *out) TDM_MUST_USE;
void tdm_token_wipe(struct tdm_token *token);
