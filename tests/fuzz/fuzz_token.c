/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text that is a token is the only text of that token. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "proto/text.h"
#include "proto/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void any_base64(const char *text, size_t size)
{
	uint8_t raw[64];
	char back[TDM_BASE64URL_LEN(sizeof(raw)) + 1];

	for (size_t n = 0; n <= sizeof(raw); n++) {
		if (tdm_base64url_decode(text, size, raw, n))
			continue;
		tdm_base64url_encode(raw, n, back);
		assert(strlen(back) == size && memcmp(back, text, size) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tdm_token token;
	char text[TDM_TOKEN_TEXT_MAX];

	any_base64((const char *)data, size);
	if (tdm_token_parse((const char *)data, size, &token))
		return 0;
	assert(token.member != 0 && token.session_id != 0);
	tdm_token_write(&token, text);
	assert(size == TDM_TOKEN_TEXT_LEN && memcmp(text, data, size) == 0);
	return 0;
}
