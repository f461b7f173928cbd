/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of tandem-load, checked and with its units resolved. Pure but for --help. */
#pragma once

#include "proto/err.h"
#include "proto/ip.h"
#include "proto/types.h"

enum tdm_load_mode {
	TDM_LOAD_LOGIN,  /* log in, note the token, close */
	TDM_LOAD_HOLD,   /* log in, keep the tunnel, resume it when it is lost */
	TDM_LOAD_RESUME, /* connect once with each token of a file */
};

enum tdm_load_trust {
	TDM_LOAD_TRUST_UNSET,
	TDM_LOAD_TRUST_ANY, /* --insecure */
	TDM_LOAD_TRUST_CA,  /* --ca: the chain, not the name */
	TDM_LOAD_TRUST_PIN, /* --pin: SHA-256 of the certificate */
};

enum {
	TDM_LOAD_COUNT_MAX = 1000000,
	TDM_LOAD_CONCURRENCY_DEFAULT = 32,
	TDM_LOAD_TIMEOUT_S_DEFAULT = 30,
	TDM_LOAD_RETRY_MS_DEFAULT = 100,
	TDM_LOAD_DEAD_S_DEFAULT = 5,
	TDM_LOAD_PORT_DEFAULT = 443,
	TDM_LOAD_PIN_LEN = 32,
};

struct tdm_load_options {
	enum tdm_load_mode mode;
	bool help;
	struct tdm_endpoint server;
	const char *user;          /* pointers are into argv */
	const char *password_file; /* "-": standard input */
	uint32_t count;
	uint32_t users; /* 0: one user name for all, else names with a number behind */
	uint32_t concurrency;
	uint32_t rate_per_s;  /* 0: as fast as concurrency allows */
	uint32_t duration_ms; /* 0: until the work is done, or for hold until a signal */
	uint32_t timeout_ms;
	uint32_t retry_ms;
	uint32_t dead_ms;
	uint32_t traffic_ms; /* 0: no echo packets */
	struct tdm_ip ping;  /* family 0: none */
	const char *group;   /* NULL: the offered default */
	const char *tokens;  /* NULL: none */
	enum tdm_load_trust trust;
	const char *ca;
	uint8_t pin[TDM_LOAD_PIN_LEN];
	bool json;
	bool logout;
};

/* Read the command line. With --help only help is set. TDM_ERR_INVAL with one line in diag that
 * says what is wrong and what would be right. */
enum tdm_err tdm_load_options_parse(
	int argc, char **argv, struct tdm_load_options *out, struct tdm_diag *diag) TDM_MUST_USE;
/* The text of --help. */
const char *tdm_load_options_usage(void);
