/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Strict reading of single values. The first thing wrong is kept in the reader (and told in diag);
 * later calls do nothing, so that the caller asks once at the end. text NULL means the key is not
 * there: the default counts.
 */
#pragma once

#include "node/config/config.h"
#include "node/config/places.h"

struct tdm_values {
	const struct tdm_places *places;
	struct tdm_diag *diag;
	enum tdm_err err;
};

/* Refuse the value at path. */
void tdm_values_refuse(struct tdm_values *v, const char *path, const char *fmt, ...)
	TDM_PRINTF(3, 4);

uint32_t tdm_values_number(struct tdm_values *v, const char *path, const char *text, uint32_t min,
	uint32_t max, uint32_t otherwise);
/* The same, where 0 is allowed too and means "off" or "none". */
uint32_t tdm_values_number_or_zero(struct tdm_values *v, const char *path, const char *text,
	uint32_t min, uint32_t max, uint32_t otherwise);
/* true or false; yes, no, on, off are taken too. */
bool tdm_values_bool(struct tdm_values *v, const char *path, const char *text, bool otherwise);
/* Text without control characters. */
void tdm_values_text(struct tdm_values *v, const char *path, const char *text,
	const char *otherwise, char *out, size_t cap);
/* The same, line ends allowed. */
void tdm_values_lines(
	struct tdm_values *v, const char *path, const char *text, char *out, size_t cap);
/* Not empty; letters, digits, '.', '_', '-'. */
void tdm_values_name(
	struct tdm_values *v, const char *path, const char *text, char *out, size_t cap);
/* Name of a network interface. */
void tdm_values_interface(
	struct tdm_values *v, const char *path, const char *text, char out[TDM_INTERFACE_MAX]);
/* Absolute path of a file. */
void tdm_values_file(struct tdm_values *v, const char *path, const char *text,
	const char *otherwise, char out[TDM_PATH_MAX]);
/* A host name or domain. */
void tdm_values_domain(
	struct tdm_values *v, const char *path, const char *text, char out[TDM_DOMAIN_MAX]);
/* An address of a server that clients will ask, in canonical text. */
void tdm_values_server(
	struct tdm_values *v, const char *path, const char *text, char out[TDM_ADDR_TEXT_MAX]);
/* An address with its subnet, usable on an interface. */
void tdm_values_interface_address(
	struct tdm_values *v, const char *path, const char *text, struct tdm_prefix *out);
/* A network: no host bits set. */
void tdm_values_network(
	struct tdm_values *v, const char *path, const char *text, struct tdm_prefix *out);
/* A network of IPv4 that clients get addresses from. */
void tdm_values_pool(
	struct tdm_values *v, const char *path, const char *text, struct tdm_prefix *out);
