/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/data/tls.h"
#include "node/data/tun.h"

Test(data_tls, names_the_file_at_fault)
{
	static const char crt[] = "tests/unit/node/certs/server.crt";
	static const char key[] = "tests/unit/node/certs/server.key";
	static const char other[] = "tests/unit/node/certs/other.key";
	struct tdm_diag diag = { 0 };
	struct tdm_tls *tls = NULL;

	cr_assert_eq(tdm_tls_new("/nowhere/a.pem", key, &tls, &diag), TDM_ERR_IO);
	cr_assert(strstr(diag.text, "/nowhere/a.pem"), "%s", diag.text);
	cr_assert_eq(tdm_tls_new(key, key, &tls, &diag), TDM_ERR_TLS);
	cr_assert(strstr(diag.text, key), "%s", diag.text);
	cr_assert_eq(tdm_tls_new(crt, crt, &tls, &diag), TDM_ERR_TLS);
	cr_assert(strstr(diag.text, crt), "%s", diag.text);
	cr_assert_eq(tdm_tls_new(crt, other, &tls, &diag), TDM_ERR_TLS);
	cr_assert(strstr(diag.text, other), "%s", diag.text);
	cr_assert_eq(tdm_tls_new(crt, "/tmp", &tls, &diag), TDM_ERR_IO);
	cr_assert_eq(tdm_tls_new(crt, key, &tls, &diag), TDM_OK);
	cr_assert_str_eq(tdm_tls_fingerprint(tls), "63AE4319DFA0F92DEB8F48F619CBC729A7DD7B1E");
	tdm_tls_free(tls);
}

/* FIPS 180-4 and RFC 4231 test vectors. */
Test(data_tls, hashes)
{
	static const uint8_t sha256_abc[32] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
		0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	static const uint8_t hmac_jefe[32] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a,
		0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39,
		0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43 };
	uint8_t out[32];

	tdm_sha256("abc", 3, out);
	cr_assert_arr_eq(out, sha256_abc, 32);
	tdm_hmac_sha256((const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28, out);
	cr_assert_arr_eq(out, hmac_jefe, 32);
}

Test(data_tun, errors_name_the_device)
{
	struct tdm_diag diag = { 0 };
	int fd;

	cr_assert_eq(tdm_tun_open("a-name-much-too-long", 1, &fd, &diag), TDM_ERR_INVAL);
	cr_assert(strstr(diag.text, "a-name-much-too-long"));
	if (geteuid() != 0) {
		cr_assert_neq(tdm_tun_open("tdmtest0", 1, &fd, &diag), TDM_OK);
		cr_assert(strstr(diag.text, "tdmtest0"));
	}
}
