/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/data/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/sha.h>
#include <wolfssl/wolfcrypt/sha256.h>

#include "proto/bytes.h"

enum {
	PEM_FILE_MAX = 256 * 1024,
	SHA1_LEN = WC_SHA_DIGEST_SIZE,
	CLIENT_RSA_BITS_MIN = 2048,
	CLIENT_ECC_BITS_MIN = 256,
};

/* An explicit list, both versions: a list of one kind only would keep the other's defaults. */
static const char suites[] = "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:"
			     "TLS13-CHACHA20-POLY1305-SHA256:"
			     "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
			     "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
			     "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

struct tdm_tls {
	WOLFSSL_CTX *ctx;
	char fingerprint[2 * SHA1_LEN + 1];
};

/* --- files --- */

static enum tdm_err read_file(
	const char *path, const char *what, char **out, size_t *len, struct tdm_diag *diag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t got;

	if (fd < 0)
		return tdm_diag_set(diag, TDM_ERR_IO, "%s: cannot read the %s: %s", path, what,
			strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > PEM_FILE_MAX) {
		close(fd);
		return tdm_diag_set(diag, TDM_ERR_IO,
			"%s: the %s must be a regular file of at most %d KiB", path, what,
			PEM_FILE_MAX / 1024);
	}
	*out = calloc(1, (size_t)st.st_size + 1);
	if (!*out) {
		close(fd);
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "out of memory");
	}
	got = read(fd, *out, (size_t)st.st_size);
	close(fd);
	*len = got > 0 ? (size_t)got : 0;
	return TDM_OK;
}

static void free_file(char *data, size_t len)
{
	if (data)
		tdm_bytes_wipe(data, len);
	free(data);
}

/* --- certificate and key --- */

static enum tdm_err fingerprint(struct tdm_tls *tls, const char *pem, size_t len)
{
	uint8_t digest[SHA1_LEN];
	DerBuffer *der = NULL;
	int ret = wc_PemToDer(
		(const unsigned char *)pem, (long)len, CERT_TYPE, &der, NULL, NULL, NULL);

	if (ret == 0)
		ret = wc_ShaHash(der->buffer, der->length, digest);
	wc_FreeDer(&der);
	if (ret != 0)
		return TDM_ERR_MALFORMED;
	for (size_t i = 0; i < SHA1_LEN; i++)
		snprintf(tls->fingerprint + 2 * i, 3, "%02X", digest[i]);
	return TDM_OK;
}

static enum tdm_err load_certificate(struct tdm_tls *tls, const char *path, struct tdm_diag *diag)
{
	char *pem = NULL;
	size_t len = 0;
	enum tdm_err err = read_file(path, "certificate", &pem, &len, diag);

	if (err)
		return err;
	if (wolfSSL_CTX_use_certificate_chain_buffer(
		    tls->ctx, (const unsigned char *)pem, (long)len) != WOLFSSL_SUCCESS ||
		fingerprint(tls, pem, len))
		err = tdm_diag_set(diag, TDM_ERR_TLS,
			"%s: not a usable certificate: expected PEM, the server's certificate "
			"first, then its chain",
			path);
	free_file(pem, len);
	return err;
}

static enum tdm_err load_key(struct tdm_tls *tls, const char *path, struct tdm_diag *diag)
{
	char *pem = NULL;
	size_t len = 0;
	enum tdm_err err = read_file(path, "private key", &pem, &len, diag);

	if (err)
		return err;
	if (wolfSSL_CTX_use_PrivateKey_buffer(tls->ctx, (const unsigned char *)pem, (long)len,
		    WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS)
		err = tdm_diag_set(diag, TDM_ERR_TLS,
			"%s: not a usable private key: expected PEM without a passphrase, RSA or "
			"ECDSA",
			path);
	free_file(pem, len);
	return err;
}

/* --- the context --- */

static bool is_compiled_in(const char *all, const char *name, size_t len)
{
	for (const char *p = all; *p;) {
		size_t n = strcspn(p, ":");

		if (n == len && memcmp(p, name, n) == 0)
			return true;
		p += n + (p[n] == ':');
	}
	return false;
}

/* wolfSSL drops unknown names silently as long as it knows one. */
static bool suites_known(void)
{
	char all[4096];

	if (wolfSSL_get_ciphers(all, (int)sizeof(all)) != WOLFSSL_SUCCESS)
		return false;
	for (const char *p = suites; *p;) {
		size_t n = strcspn(p, ":");

		if (!is_compiled_in(all, p, n))
			return false;
		p += n + (p[n] == ':');
	}
	return true;
}

/* Nothing that outlives a connection: no cache, no tickets. Clients never resume a TLS session, and
 * state of ours that another node has not would only be a risk. */
static bool configure(WOLFSSL_CTX *ctx)
{
	static int groups[] = { WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1 };

	wolfSSL_CTX_set_session_cache_mode(ctx, WOLFSSL_SESS_CACHE_OFF);
	wolfSSL_CTX_set_options(ctx, WOLFSSL_OP_NO_TICKET);
	wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL);
	return suites_known() &&
	       wolfSSL_CTX_SetMinVersion(ctx, WOLFSSL_TLSV1_2) == WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_set_cipher_list(ctx, suites) == WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_set_groups(ctx, groups, sizeof(groups) / sizeof(groups[0])) ==
		       WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_set_group_messages(ctx) == WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_SetMinRsaKey_Sz(ctx, CLIENT_RSA_BITS_MIN) == WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_SetMinEccKey_Sz(ctx, CLIENT_ECC_BITS_MIN) == WOLFSSL_SUCCESS;
}

enum tdm_err tdm_tls_new(
	const char *certificate, const char *key, struct tdm_tls **out, struct tdm_diag *diag)
{
	struct tdm_tls *tls = calloc(1, sizeof(*tls));
	enum tdm_err err = TDM_OK;

	if (!tls || wolfSSL_Init() != WOLFSSL_SUCCESS) {
		free(tls);
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "out of memory");
	}
	tls->ctx = wolfSSL_CTX_new(wolfSSLv23_server_method());
	if (!tls->ctx)
		err = tdm_diag_set(diag, TDM_ERR_NOMEM, "out of memory");
	else if (!configure(tls->ctx))
		err = tdm_diag_set(
			diag, TDM_ERR_TLS, "this build of wolfSSL lacks what the gateway needs");
	if (!err)
		err = load_certificate(tls, certificate, diag);
	if (!err)
		err = load_key(tls, key, diag);
	if (!err && wolfSSL_CTX_check_private_key(tls->ctx) != WOLFSSL_SUCCESS)
		err = tdm_diag_set(diag, TDM_ERR_TLS,
			"%s: this private key does not belong to the certificate %s", key,
			certificate);
	if (err) {
		tdm_tls_free(tls);
		return err;
	}
	*out = tls;
	return TDM_OK;
}

void tdm_tls_free(struct tdm_tls *tls)
{
	if (!tls)
		return;
	if (tls->ctx)
		wolfSSL_CTX_free(tls->ctx);
	wolfSSL_Cleanup();
	free(tls);
}

struct WOLFSSL_CTX *tdm_tls_ctx(const struct tdm_tls *tls)
{
	return tls->ctx;
}

const char *tdm_tls_fingerprint(const struct tdm_tls *tls)
{
	return tls->fingerprint;
}

/* --- hashes; these fail only on misuse --- */

void tdm_sha256(const void *data, size_t len, uint8_t out[32])
{
	if (wc_Sha256Hash(data, (word32)len, out) != 0)
		abort();
}

void tdm_hmac_sha256(
	const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t out[32])
{
	Hmac hmac;
	int ret = wc_HmacInit(&hmac, NULL, INVALID_DEVID);

	if (ret == 0)
		ret = wc_HmacSetKey(&hmac, WC_SHA256, key, (word32)key_len);
	if (ret == 0)
		ret = wc_HmacUpdate(&hmac, data, (word32)len);
	if (ret == 0)
		ret = wc_HmacFinal(&hmac, out);
	wc_HmacFree(&hmac);
	if (ret != 0)
		abort();
}
