/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From text to values, section by section; then what must hold between sections. */
#pragma once

#include "node/config/raw.h"
#include "node/config/values.h"

/* Fill out (zeroed by the caller). The first error stays in v. */
void tdm_convert(struct tdm_values *v, const struct raw_config *raw, struct tdm_config *out);
/* The groups and tunnel groups of it. */
void tdm_convert_groups(struct tdm_values *v, const struct raw_config *raw, struct tdm_config *out);
/* Names that are given twice, groups that do not exist, networks that overlap, and what a cluster
 * cannot do without. */
void tdm_check(struct tdm_values *v, const struct tdm_config *config);
/* The files that the configuration names can be read and look like what they should be.
 * TDM_ERR_CONFIG with diag. */
enum tdm_err tdm_check_files(const struct tdm_places *places, const struct tdm_config *config,
	struct tdm_diag *diag) TDM_MUST_USE;
/* Over what must be equal on all nodes: members, groups, tunnel groups; not the node's name,
 * interfaces and files. */
void tdm_config_fingerprint(struct tdm_config *config);
