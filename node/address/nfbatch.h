/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transactions on the lease sets, written straight as netlink messages: a renewal happens twenty
 * times a second and must neither parse text nor fetch the ruleset.
 */
#pragma once

#include "proto/err.h"
#include "proto/ip.h"

enum tdm_nfbatch_what {
	TDM_NFBATCH_RENEW, /* (re)start the time-out of these addresses */
	TDM_NFBATCH_CLEAR, /* take these addresses out */
	TDM_NFBATCH_FLUSH, /* empty the sets (no addresses) */
};

struct tdm_nfbatch {
	size_t len, cap;
	uint8_t *data;
};

/* Build a transaction, to be run as often as wanted. TDM_ERR_NOMEM. */
enum tdm_err tdm_nfbatch_init(struct tdm_nfbatch *batch, enum tdm_nfbatch_what what,
	const struct tdm_ip *ips, size_t ips_len, uint32_t timeout_ms) TDM_MUST_USE;
void tdm_nfbatch_deinit(struct tdm_nfbatch *batch);

/* A socket to run transactions on. TDM_ERR_IO. */
enum tdm_err tdm_nfbatch_open(int *fd) TDM_MUST_USE;
/* All or nothing. TDM_ERR_NOT_FOUND: the tables are not there; TDM_ERR_PERM; TDM_ERR_IO. */
enum tdm_err tdm_nfbatch_run(int fd, const struct tdm_nfbatch *batch) TDM_MUST_USE;
