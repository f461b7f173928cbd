/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One good sentence out of what libcyaml logs when it refuses a configuration. */
#pragma once

#include <cyaml/cyaml.h>

#include "node/config/places.h"

enum { TDM_RAW_ERROR_LINES = 12 };

/* The message and its backtrace, innermost place first. */
struct tdm_raw_error {
	char lines[TDM_RAW_ERROR_LINES][160];
	size_t len;
};

/* A cyaml_log_fn_t; ctx is a struct tdm_raw_error. */
void tdm_raw_error_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
	TDM_PRINTF(3, 0);

/* Fill diag; returns TDM_ERR_CONFIG or TDM_ERR_NOMEM. */
enum tdm_err tdm_raw_error_report(const struct tdm_raw_error *error, cyaml_err_t status,
	const cyaml_schema_value_t *schema, const struct tdm_places *places, struct tdm_diag *diag);
