/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "node/config/convert.h"

/* FNV-1a: against mistakes, not against people. */
#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)

static void add_bytes(uint64_t *hash, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		*hash = (*hash ^ bytes[i]) * FNV_PRIME;
}

/* With its end, so that two neighbours cannot be cut elsewhere and look the same. */
static void add_text(uint64_t *hash, const char *text)
{
	add_bytes(hash, text, strlen(text) + 1);
}

/* Byte by byte: nodes of either byte order agree. */
static void add_number(uint64_t *hash, uint64_t number)
{
	for (int shift = 0; shift < 64; shift += 8) {
		uint8_t byte = (uint8_t)(number >> shift);

		add_bytes(hash, &byte, 1);
	}
}

static void add_prefix(uint64_t *hash, const struct tdm_prefix *prefix)
{
	char text[TDM_PREFIX_TEXT_MAX];

	tdm_prefix_text(prefix, text);
	add_text(hash, text);
}

static void add_member(uint64_t *hash, const struct tdm_config_member *m)
{
	add_text(hash, m->name);
	add_number(hash, m->port);
	add_number(hash, m->weight);
	add_number(hash, m->outside_len);
	for (size_t i = 0; i < m->outside_len; i++)
		add_prefix(hash, &m->outside[i]);
	add_prefix(hash, &m->inside);
	add_number(hash, m->pools_len);
	for (size_t i = 0; i < m->pools_len; i++)
		add_prefix(hash, &m->pools[i]);
	add_number(hash, m->nodes_len);
	for (size_t i = 0; i < m->nodes_len; i++)
		add_text(hash, m->nodes[i]);
}

static void add_texts(uint64_t *hash, const char *first, size_t stride, size_t count)
{
	add_number(hash, count);
	for (size_t i = 0; i < count; i++)
		add_text(hash, first + i * stride);
}

static void add_group(uint64_t *hash, const struct tdm_policy *g)
{
	const uint32_t numbers[] = { g->idle_timeout_s, g->session_timeout_s,
		g->disconnected_timeout_s, g->dpd_s, g->keepalive_s, g->simultaneous_logins, g->mtu,
		g->client_to_client, g->dtls };

	add_text(hash, g->name);
	add_text(hash, g->banner);
	add_texts(hash, g->routes[0], sizeof(g->routes[0]), g->routes_len);
	add_texts(hash, g->excludes[0], sizeof(g->excludes[0]), g->excludes_len);
	add_texts(hash, g->dns[0], sizeof(g->dns[0]), g->dns_len);
	add_texts(hash, g->nbns[0], sizeof(g->nbns[0]), g->nbns_len);
	add_texts(hash, g->domains[0], sizeof(g->domains[0]), g->domains_len);
	add_texts(hash, g->split_dns[0], sizeof(g->split_dns[0]), g->split_dns_len);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		add_number(hash, numbers[i]);
}

static uint64_t of_members(const struct tdm_config *c)
{
	uint64_t hash = FNV_OFFSET;

	add_number(&hash, c->members_len);
	for (size_t i = 0; i < c->members_len; i++)
		add_member(&hash, &c->members[i]);
	return hash;
}

static uint64_t of_groups(const struct tdm_config *c)
{
	uint64_t hash = FNV_OFFSET;

	add_number(&hash, c->groups_len);
	for (size_t i = 0; i < c->groups_len; i++)
		add_group(&hash, &c->groups[i]);
	return hash;
}

static uint64_t of_tunnel_groups(const struct tdm_config *c)
{
	uint64_t hash = FNV_OFFSET;

	add_number(&hash, c->tunnel_groups_len);
	for (size_t i = 0; i < c->tunnel_groups_len; i++) {
		add_text(&hash, c->tunnel_groups[i].name);
		add_text(&hash, c->tunnel_groups[i].group);
		add_text(&hash, c->tunnel_groups[i].label);
	}
	return hash;
}

void tdm_config_fingerprint(struct tdm_config *c)
{
	c->sections[0] = of_members(c);
	c->sections[1] = of_groups(c);
	c->sections[2] = of_tunnel_groups(c);
	c->fingerprint = FNV_OFFSET;
	for (size_t i = 0; i < TDM_CONFIG_SECTIONS; i++)
		add_number(&c->fingerprint, c->sections[i]);
}
