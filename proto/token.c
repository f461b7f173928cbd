/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/token.h"

#include <string.h>

#include "proto/bytes.h"
#include "proto/text.h"

_Static_assert(TDM_BASE64URL_LEN(TDM_TOKEN_BYTES) == TDM_TOKEN_TEXT_LEN, "token text length");

void tdm_token_bytes(const struct tdm_token *token, uint8_t out[TDM_TOKEN_BYTES])
{
	struct tdm_writer w;

	tdm_writer_init(&w, out, TDM_TOKEN_BYTES);
	tdm_writer_u8(&w, TDM_TOKEN_VERSION);
	tdm_writer_u16(&w, token->member);
	tdm_writer_u64(&w, token->session_id);
	tdm_writer_copy(&w, token->random, sizeof(token->random));
}

void tdm_token_write(const struct tdm_token *token, char out[TDM_TOKEN_TEXT_MAX])
{
	uint8_t raw[TDM_TOKEN_BYTES];

	tdm_token_bytes(token, raw);
	tdm_base64url_encode(raw, sizeof(raw), out);
	tdm_bytes_wipe(raw, sizeof(raw));
}

static enum tdm_err read_bytes(const uint8_t raw[TDM_TOKEN_BYTES], struct tdm_token *out)
{
	struct tdm_reader r;
	uint8_t version;

	tdm_reader_init(&r, raw, TDM_TOKEN_BYTES);
	version = tdm_reader_u8(&r);
	out->member = tdm_reader_u16(&r);
	out->session_id = tdm_reader_u64(&r);
	tdm_reader_copy(&r, out->random, sizeof(out->random));
	if (version > TDM_TOKEN_VERSION)
		return TDM_ERR_VERSION;
	if (version != TDM_TOKEN_VERSION || out->member == 0 || out->session_id == 0)
		return TDM_ERR_MALFORMED;
	return tdm_reader_finish(&r);
}

enum tdm_err tdm_token_parse(const char *text, size_t len, struct tdm_token *out)
{
	uint8_t raw[TDM_TOKEN_BYTES];
	enum tdm_err err = tdm_base64url_decode(text, len, raw, sizeof(raw));

	if (!err)
		err = read_bytes(raw, out);
	if (err)
		tdm_token_wipe(out);
	tdm_bytes_wipe(raw, sizeof(raw));
	return err;
}

void tdm_token_wipe(struct tdm_token *token)
{
	tdm_bytes_wipe(token, sizeof(*token));
}
