/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/tls.h"

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/hash.h>

#include "proto/bytes.h"
#include "tools/load/link.h"

static enum tdm_err trust(
	WOLFSSL_CTX *ctx, const struct tdm_load_options *opt, struct tdm_diag *diag)
{
	if (opt->trust != TDM_LOAD_TRUST_CA) {
		/* A pin is checked after the handshake, before anything is sent. */
		wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL);
		return TDM_OK;
	}
	wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER, NULL);
	if (wolfSSL_CTX_load_verify_locations(ctx, opt->ca, NULL) != WOLFSSL_SUCCESS)
		return tdm_diag_set(diag, TDM_ERR_CONFIG,
			"--ca %s: cannot be read as PEM certificates", opt->ca);
	return TDM_OK;
}

enum tdm_err tdm_load_tls_new(
	const struct tdm_load_options *opt, struct WOLFSSL_CTX **out, struct tdm_diag *diag)
{
	/* P-256 first: the share that openconnect's library puts first as well. */
	static int groups[] = { WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP384R1 };
	WOLFSSL_CTX *ctx;
	enum tdm_err err;

	*out = NULL;
	if (wolfSSL_Init() != WOLFSSL_SUCCESS)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "wolfSSL cannot start");
	ctx = wolfSSL_CTX_new(wolfTLS_client_method());
	if (!ctx || wolfSSL_CTX_SetMinVersion(ctx, WOLFSSL_TLSV1_2) != WOLFSSL_SUCCESS ||
		wolfSSL_CTX_set_groups(ctx, groups, sizeof(groups) / sizeof(groups[0])) !=
			WOLFSSL_SUCCESS) {
		wolfSSL_CTX_free(ctx);
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "wolfSSL cannot make a TLS context");
	}
	(void)wolfSSL_CTX_set_session_cache_mode(ctx, WOLFSSL_SESS_CACHE_OFF);
	wolfSSL_CTX_SetIORecv(ctx, tdm_load_link_recv);
	wolfSSL_CTX_SetIOSend(ctx, tdm_load_link_send);
	err = trust(ctx, opt, diag);
	if (err)
		wolfSSL_CTX_free(ctx);
	else
		*out = ctx;
	return err;
}

void tdm_load_tls_free(struct WOLFSSL_CTX *ctx)
{
	wolfSSL_CTX_free(ctx);
	(void)wolfSSL_Cleanup();
}

bool tdm_load_tls_pin_ok(struct WOLFSSL *ssl, const uint8_t pin[TDM_LOAD_PIN_LEN])
{
	WOLFSSL_X509 *cert = wolfSSL_get_peer_certificate(ssl);
	uint8_t hash[TDM_LOAD_PIN_LEN];
	const unsigned char *der = NULL;
	int len = 0;
	bool ok;

	if (!cert)
		return false;
	der = wolfSSL_X509_get_der(cert, &len);
	ok = der && wc_Sha256Hash(der, (word32)len, hash) == 0 &&
	     tdm_bytes_equal(hash, pin, sizeof(hash));
	wolfSSL_X509_free(cert);
	return ok;
}
