/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The name of a cipher suite, taken apart as session tables show it. */
#pragma once

#include <stdbool.h>

struct tdm_suite {
	char encryption[32]; /* "AES-GCM-256" */
	char hashing[16];    /* "SHA384" */
	char protocol[16];   /* "TLSv1.3", "DTLSv1.2" */
};

/* Takes the names of RFCs (TLS_AES_256_GCM_SHA384) and of OpenSSL and wolfSSL
 * (ECDHE-RSA-AES256-GCM-SHA384, TLS13-AES256-GCM-SHA384). What is not recognised is "unknown". */
void tdm_suite_parse(const char *name, bool dtls, struct tdm_suite *out);
