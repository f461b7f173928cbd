/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client's TLS context: whom to trust, and nothing kept from one connection to the next. */
#pragma once

#include "proto/err.h"
#include "tools/load/options.h"

struct WOLFSSL;
struct WOLFSSL_CTX;

/* TDM_ERR_CONFIG when the CA file cannot be used, TDM_ERR_NOMEM. */
enum tdm_err tdm_load_tls_new(const struct tdm_load_options *opt, struct WOLFSSL_CTX **out,
	struct tdm_diag *diag) TDM_MUST_USE;
void tdm_load_tls_free(struct WOLFSSL_CTX *ctx);
/* After the handshake: is this the certificate with that SHA-256? */
bool tdm_load_tls_pin_ok(struct WOLFSSL *ssl, const uint8_t pin[TDM_LOAD_PIN_LEN]);
