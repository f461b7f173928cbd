/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The values of values.h that are addresses. */
#include <stdio.h>
#include <string.h>

#include "node/config/values.h"
#include "proto/text.h"

enum {
	V4_BITS = 32,
	LOOPBACK = 127,    /* first byte */
	POOL_LEN_MIN = 12, /* a million addresses */
	POOL_LEN_MAX = 29, /* six addresses; a /30 has two, which is no pool */
};

static uint32_t host_mask(uint8_t len)
{
	return len == 0 ? UINT32_MAX : len >= V4_BITS ? 0 : UINT32_MAX >> len;
}

/* All bits behind the prefix, cleared. */
static struct tdm_prefix network_of(const struct tdm_prefix *p)
{
	struct tdm_prefix out = *p;

	for (size_t bit = p->len; bit < sizeof(out.ip.addr) * 8; bit++)
		out.ip.addr[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return out;
}

static const char *why_not_unicast(const struct tdm_ip *ip)
{
	static const struct tdm_ip zero4 = { .family = 4 }, zero6 = { .family = 6 };

	if (tdm_ip_equal(ip, &zero4) || tdm_ip_equal(ip, &zero6))
		return "the unspecified address";
	if (ip->family == 4 && ip->addr[0] >= 224)
		return "a multicast or reserved address";
	if (ip->family == 6 && ip->addr[0] == 0xff)
		return "a multicast address";
	return NULL;
}

/* For messages; the value was parsed already, so it is short and harmless. */
struct prefix_text {
	char text[TDM_PREFIX_TEXT_MAX];
};

static struct prefix_text prefix_text(const struct tdm_prefix *p)
{
	struct prefix_text out;

	tdm_prefix_text(p, out.text);
	return out;
}

static bool parse_prefix(struct tdm_values *v, const char *path, const char *text,
	const char *example, struct tdm_prefix *out)
{
	char safe[TDM_PREFIX_TEXT_MAX + 16];

	*out = (struct tdm_prefix){ .len = 0 };
	if (v->err)
		return false;
	if (!tdm_prefix_parse(text, out))
		return true;
	tdm_values_refuse(v, path, "\"%s\" is not %s",
		tdm_text_safe(text, strlen(text), safe, sizeof(safe)), example);
	return false;
}

void tdm_values_server(
	struct tdm_values *v, const char *path, const char *text, char out[TDM_ADDR_TEXT_MAX])
{
	char safe[TDM_PREFIX_TEXT_MAX + 16];
	const char *why;
	struct tdm_ip ip;

	out[0] = '\0';
	if (tdm_ip_parse(text, &ip)) {
		tdm_values_refuse(v, path, "\"%s\" is not an address, like 192.0.2.53",
			tdm_text_safe(text, strlen(text), safe, sizeof(safe)));
		return;
	}
	tdm_ip_text(&ip, out);
	why = why_not_unicast(&ip);
	if (why)
		tdm_values_refuse(v, path, "%s is %s; give the address of a server", out, why);
}

void tdm_values_interface_address(
	struct tdm_values *v, const char *path, const char *text, struct tdm_prefix *out)
{
	const char *why;
	uint32_t host, mask;

	if (!parse_prefix(v, path, text, "an address with its subnet, like 192.0.2.10/24", out))
		return;
	why = why_not_unicast(&out->ip);
	mask = host_mask(out->len);
	host = tdm_ip_v4(&out->ip) & mask;
	if (!why && out->ip.family == 4 && out->len < V4_BITS - 1) {
		if (host == 0)
			why = "the address of the network itself";
		else if (host == mask)
			why = "the broadcast address of its subnet";
	}
	if (why)
		tdm_values_refuse(v, path,
			"%s is %s; give the address of a host, like 192.0.2.10/24",
			prefix_text(out).text, why);
}

void tdm_values_network(
	struct tdm_values *v, const char *path, const char *text, struct tdm_prefix *out)
{
	struct tdm_prefix network;

	if (!parse_prefix(v, path, text, "a network, like 198.51.100.0/24", out))
		return;
	network = network_of(out);
	if (!tdm_ip_equal(&network.ip, &out->ip))
		tdm_values_refuse(v, path, "%s is a host in a network; write %s",
			prefix_text(out).text, prefix_text(&network).text);
}

void tdm_values_pool(
	struct tdm_values *v, const char *path, const char *text, struct tdm_prefix *out)
{
	tdm_values_network(v, path, text, out);
	if (v->err)
		return;
	if (out->ip.family != 4)
		tdm_values_refuse(
			v, path, "%s is not IPv4; pools are IPv4 only", prefix_text(out).text);
	else if (why_not_unicast(&out->ip))
		tdm_values_refuse(v, path, "%s is %s; give a network for hosts, like 10.64.0.0/22",
			prefix_text(out).text, why_not_unicast(&out->ip));
	else if (out->ip.addr[0] == LOOPBACK)
		tdm_values_refuse(v, path,
			"%s is loopback, which no packet can leave; give a "
			"network for hosts, like 10.64.0.0/22",
			prefix_text(out).text);
	else if (out->len > POOL_LEN_MAX)
		tdm_values_refuse(v, path, "%s is too small a pool; give a /%d or larger",
			prefix_text(out).text, POOL_LEN_MAX);
	else if (out->len < POOL_LEN_MIN)
		tdm_values_refuse(v, path, "%s is too large a pool; give a /%d or smaller",
			prefix_text(out).text, POOL_LEN_MIN);
}
