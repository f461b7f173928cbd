/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A few threads that check passwords, so that a slow hash (22 ms and 16 MiB) stops nothing else.
 * Bounded: when too many wait, new logins are told to come back.
 */
#pragma once

#include <uv.h>

#include "node/auth/check.h"
#include "node/data/msg.h"

struct tdm_auth_pool;

struct tdm_auth_job {
	uint64_t request; /* comes back with the result */
	const char *user;
	const char *password; /* secret; copied, and the copy wiped after the check */
};

/* On the loop's thread. group is "" unless err is TDM_OK; borrowed for the call. */
typedef void tdm_auth_done(void *ctx, uint64_t request, enum tdm_err err, const char *group);

struct tdm_auth_pool_config {
	uv_loop_t *loop;
	struct tdm_auth_backend backend; /* outlives the pool */
	uint32_t threads;
	uint32_t queue; /* checks that may wait, besides those that run */
	tdm_auth_done *done;
	void *ctx;
};

/* TDM_ERR_NOMEM, TDM_ERR_IO with diag. */
enum tdm_err tdm_auth_pool_new(const struct tdm_auth_pool_config *config,
	struct tdm_auth_pool **out, struct tdm_diag *diag) TDM_MUST_USE;
/* The loop's thread only. TDM_ERR_FULL: too many wait. TDM_ERR_TOO_LONG: user or password does not
 * fit, it is as good as wrong. */
enum tdm_err tdm_auth_submit(
	struct tdm_auth_pool *pool, const struct tdm_auth_job *job) TDM_MUST_USE;
/* Waits for the checks that run (milliseconds), drops those that wait. No callback comes any more.
 * The loop has to run on until its handles are closed; the pool is freed then. NULL is fine. */
void tdm_auth_pool_free(struct tdm_auth_pool *pool);
