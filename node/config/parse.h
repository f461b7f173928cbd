/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration without the files that it names: for tests. */
#pragma once

#include "node/config/config.h"

/* Read and check a text; file is the name to print. */
enum tdm_err tdm_config_parse(const char *file, const void *data, size_t len,
	struct tdm_config **out, struct tdm_diag *diag) TDM_MUST_USE;
