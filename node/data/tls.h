/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TLS server context and the few wolfSSL calls around it. */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

struct WOLFSSL_CTX;
struct tdm_tls;

/* Certificate chain and key from PEM files; TLS 1.2 and 1.3, no tickets, no resumption.
 * diag names the file that is at fault. */
enum tdm_err tdm_tls_new(const char *certificate, const char *key, struct tdm_tls **out,
	struct tdm_diag *diag) TDM_MUST_USE;
void tdm_tls_free(struct tdm_tls *tls);
struct WOLFSSL_CTX *tdm_tls_ctx(const struct tdm_tls *tls);
/* Upper-case hex SHA-1 of the certificate, which clients pin in the webvpnc cookie. */
const char *tdm_tls_fingerprint(const struct tdm_tls *tls);

/* The token's verifier: SHA-256. */
void tdm_sha256(const void *data, size_t len, uint8_t out[32]);
void tdm_hmac_sha256(
	const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t out[32]);
