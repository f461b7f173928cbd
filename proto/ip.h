/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IP addresses, endpoints and prefixes as values; text in and out. No sockets. */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

/* An address of either family. IPv4 uses the first four bytes of addr, the rest is zero,
 * so that two values can be compared with memcmp. */
struct tdm_ip {
	uint8_t family; /* 0 = none, 4, 6 */
	uint8_t addr[16];
};

struct tdm_endpoint {
	struct tdm_ip ip;
	uint16_t port; /* host order */
};

struct tdm_prefix {
	struct tdm_ip ip; /* as written, host bits kept */
	uint8_t len;      /* bits */
};

/* Parse an IPv4 or IPv6 address. TDM_ERR_MALFORMED for anything else. */
enum tdm_err tdm_ip_parse(const char *text, struct tdm_ip *out) TDM_MUST_USE;
/* Write the canonical text (RFC 5952 for IPv6); "none" for family 0. */
void tdm_ip_text(const struct tdm_ip *ip, char out[TDM_ADDR_TEXT_MAX]);
bool tdm_ip_equal(const struct tdm_ip *a, const struct tdm_ip *b);
/* IPv4 as a host-order number; 0 for other families. */
uint32_t tdm_ip_v4(const struct tdm_ip *ip);
struct tdm_ip tdm_ip_from_v4(uint32_t host_order);

/* Parse "addr/len", "addr/mask" (IPv4) or "addr" (full length). TDM_ERR_MALFORMED otherwise. */
enum tdm_err tdm_prefix_parse(const char *text, struct tdm_prefix *out) TDM_MUST_USE;
/* Write "addr/len". */
void tdm_prefix_text(const struct tdm_prefix *p, char out[TDM_PREFIX_TEXT_MAX]);
/* The dotted mask of an IPv4 prefix length (0..32). */
void tdm_prefix_mask_text(uint8_t len, char out[TDM_ADDR_TEXT_MAX]);
bool tdm_prefix_contains(const struct tdm_prefix *p, const struct tdm_ip *ip);
/* "1.2.3.4:443" or "[2001:db8::1]:443"; out holds TDM_ADDR_TEXT_MAX + 8 bytes. */
void tdm_endpoint_text(const struct tdm_endpoint *ep, char out[TDM_ADDR_TEXT_MAX + 8]);
