/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "proto/text.h"

enum { V4 = 4, V6 = 6, V4_BYTES = 4, V6_BYTES = 16, V4_BITS = 32, V6_BITS = 128, BYTE_BITS = 8 };

enum tdm_err tdm_ip_parse(const char *text, struct tdm_ip *out)
{
	*out = (struct tdm_ip){ 0 };
	if (inet_pton(AF_INET, text, out->addr) == 1)
		out->family = V4;
	else if (inet_pton(AF_INET6, text, out->addr) == 1)
		out->family = V6;
	if (!out->family) {
		*out = (struct tdm_ip){ 0 }; /* a failed try may have left bytes behind */
		return TDM_ERR_MALFORMED;
	}
	return TDM_OK;
}

void tdm_ip_text(const struct tdm_ip *ip, char out[TDM_ADDR_TEXT_MAX])
{
	int af = ip->family == V4 ? AF_INET : AF_INET6;

	if ((ip->family != V4 && ip->family != V6) ||
		!inet_ntop(af, ip->addr, out, TDM_ADDR_TEXT_MAX))
		memcpy(out, "none", sizeof("none"));
}

bool tdm_ip_equal(const struct tdm_ip *a, const struct tdm_ip *b)
{
	return a->family == b->family && memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

uint32_t tdm_ip_v4(const struct tdm_ip *ip)
{
	if (ip->family != V4)
		return 0;
	return (uint32_t)ip->addr[0] << 24 | (uint32_t)ip->addr[1] << 16 |
	       (uint32_t)ip->addr[2] << 8 | ip->addr[3];
}

struct tdm_ip tdm_ip_from_v4(uint32_t host_order)
{
	struct tdm_ip ip = { .family = V4 };

	for (unsigned i = 0; i < V4_BYTES; i++)
		ip.addr[i] = (uint8_t)(host_order >> (V4_BITS - BYTE_BITS * (i + 1)));
	return ip;
}

/* Prefix length of a dotted mask; false when its ones are not all in front. */
static bool mask_len(uint32_t mask, uint8_t *len)
{
	uint32_t zeros = ~mask;

	*len = 0;
	if (zeros & (zeros + 1))
		return false;
	for (; mask; mask <<= 1)
		(*len)++;
	return true;
}

static enum tdm_err parse_len(const char *text, uint8_t family, uint8_t *len)
{
	uint64_t max = family == V4 ? V4_BITS : V6_BITS, v;
	struct tdm_ip mask;

	if (!tdm_text_parse_u64(text, strlen(text), max, &v)) {
		*len = (uint8_t)v;
		return TDM_OK;
	}
	if (family != V4 || tdm_ip_parse(text, &mask) || mask.family != V4)
		return TDM_ERR_MALFORMED;
	return mask_len(tdm_ip_v4(&mask), len) ? TDM_OK : TDM_ERR_MALFORMED;
}

enum tdm_err tdm_prefix_parse(const char *text, struct tdm_prefix *out)
{
	const char *slash = strchr(text, '/');
	char addr[TDM_ADDR_TEXT_MAX];
	enum tdm_err err;

	*out = (struct tdm_prefix){ 0 };
	if (tdm_text_copy(addr, sizeof(addr), text, slash ? (size_t)(slash - text) : strlen(text)))
		return TDM_ERR_MALFORMED;
	err = tdm_ip_parse(addr, &out->ip);
	if (err)
		return err;
	out->len = out->ip.family == V4 ? V4_BITS : V6_BITS;
	err = slash ? parse_len(slash + 1, out->ip.family, &out->len) : TDM_OK;
	if (err)
		*out = (struct tdm_prefix){ 0 };
	return err;
}

void tdm_prefix_text(const struct tdm_prefix *p, char out[TDM_PREFIX_TEXT_MAX])
{
	char addr[TDM_ADDR_TEXT_MAX];

	tdm_ip_text(&p->ip, addr);
	snprintf(out, TDM_PREFIX_TEXT_MAX, "%s/%u", addr, p->len);
}

void tdm_prefix_mask_text(uint8_t len, char out[TDM_ADDR_TEXT_MAX])
{
	uint32_t mask = len == 0 ? 0 : UINT32_MAX << (len < V4_BITS ? V4_BITS - len : 0);
	struct tdm_ip ip = tdm_ip_from_v4(mask);

	tdm_ip_text(&ip, out);
}

bool tdm_prefix_contains(const struct tdm_prefix *p, const struct tdm_ip *ip)
{
	unsigned max = p->ip.family == V4 ? V4_BITS : V6_BITS;
	unsigned len = p->len < max ? p->len : max;
	unsigned whole = len / BYTE_BITS, rest = len % BYTE_BITS;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	if (!p->ip.family || p->ip.family != ip->family || memcmp(p->ip.addr, ip->addr, whole) != 0)
		return false;
	return rest == 0 || ((p->ip.addr[whole] ^ ip->addr[whole]) & mask) == 0;
}

void tdm_endpoint_text(const struct tdm_endpoint *ep, char out[TDM_ADDR_TEXT_MAX + 8])
{
	char addr[TDM_ADDR_TEXT_MAX];

	tdm_ip_text(&ep->ip, addr);
	snprintf(out, TDM_ADDR_TEXT_MAX + 8, ep->ip.family == V6 ? "[%s]:%u" : "%s:%u", addr,
		ep->port);
}
