/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "node/config/convert.h"

static bool overlap(const struct tdm_prefix *a, const struct tdm_prefix *b)
{
	return tdm_prefix_contains(a, &b->ip) || tdm_prefix_contains(b, &a->ip);
}

static void check_member_names(struct tdm_values *v, const struct tdm_config *c)
{
	for (size_t i = 0; i < c->members_len; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(c->members[i].name, c->members[k].name))
				tdm_values_refuse(v, tdm_place_path("members[%zu].name", i).text,
					"\"%s\" is the name of an earlier member too; give each "
					"its "
					"own",
					c->members[i].name);
}

static void check_group_names(struct tdm_values *v, const struct tdm_config *c)
{
	for (size_t i = 0; i < c->groups_len; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(c->groups[i].name, c->groups[k].name))
				tdm_values_refuse(v, tdm_place_path("groups[%zu].name", i).text,
					"\"%s\" is the name of an earlier group too; give each its "
					"own",
					c->groups[i].name);
}

/* Clients send back either the name or the label, so no two may be mixed up. */
static void check_tunnel_groups(struct tdm_values *v, const struct tdm_config *c)
{
	for (size_t i = 0; i < c->tunnel_groups_len; i++) {
		const struct tdm_config_tunnel_group *a = &c->tunnel_groups[i];

		if (!tdm_config_group(c, a->group))
			tdm_values_refuse(v, tdm_place_path("tunnel-groups[%zu].group", i).text,
				"there is no group \"%s\"; name one of groups", a->group);
		for (size_t k = 0; k < i; k++) {
			const struct tdm_config_tunnel_group *b = &c->tunnel_groups[k];

			if (!strcmp(a->name, b->name) || !strcmp(a->name, b->label))
				tdm_values_refuse(v,
					tdm_place_path("tunnel-groups[%zu].name", i).text,
					"\"%s\" is the name or label of an earlier tunnel group "
					"too",
					a->name);
			if (!strcmp(a->label, b->label) || !strcmp(a->label, b->name))
				tdm_values_refuse(v,
					tdm_place_path("tunnel-groups[%zu].label", i).text,
					"an earlier tunnel group has this name or label too");
		}
	}
}

static void check_nodes(struct tdm_values *v, const struct tdm_config *c, size_t at)
{
	const struct tdm_config_member *m = &c->members[at];

	for (size_t i = 0; i < m->nodes_len; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(m->nodes[i], m->nodes[k]))
				tdm_values_refuse(v,
					tdm_place_path("members[%zu].nodes[%zu]", at, i).text,
					"\"%s\" is in the list already", m->nodes[i]);
	for (size_t i = 0; c->cluster.none && i < m->nodes_len; i++)
		if (strcmp(m->nodes[i], c->node) != 0)
			tdm_values_refuse(v, tdm_place_path("members[%zu].nodes[%zu]", at, i).text,
				"with \"cluster: none\" there is no other node than \"%s\"",
				c->node);
	if (!c->cluster.none && m->nodes_len == 0)
		tdm_values_refuse(v, tdm_place_path("members[%zu].nodes", at).text,
			"list the nodes of the cluster that may serve this member, like [n1, n2]");
}

static bool serves(const struct tdm_config_member *m, const char *node)
{
	for (size_t i = 0; i < m->nodes_len; i++)
		if (!strcmp(m->nodes[i], node))
			return true;
	return m->nodes_len == 0;
}

/* A node that serves nothing is a typing error in one of the names. */
static void check_self(struct tdm_values *v, const struct tdm_config *c)
{
	for (size_t i = 0; i < c->members_len; i++)
		if (serves(&c->members[i], c->node))
			return;
	tdm_values_refuse(v, "node", "no member has \"%s\" in its nodes; add it to one", c->node);
}

static void check_address_free(struct tdm_values *v, const struct tdm_config *c, const char *path,
	const struct tdm_prefix *address)
{
	char text[TDM_ADDR_TEXT_MAX], pool[TDM_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < c->members_len; i++)
		for (size_t k = 0; k < c->members[i].pools_len; k++)
			if (tdm_prefix_contains(&c->members[i].pools[k], &address->ip)) {
				tdm_ip_text(&address->ip, text);
				tdm_prefix_text(&c->members[i].pools[k], pool);
				tdm_values_refuse(v, path,
					"%s lies in the pool %s; pools are for clients alone", text,
					pool);
			}
}

static void check_addresses(struct tdm_values *v, const struct tdm_config *c, size_t at)
{
	const struct tdm_config_member *m = &c->members[at];

	for (size_t i = 0; i < m->outside_len; i++)
		check_address_free(v, c,
			tdm_place_path("members[%zu].outside.addresses[%zu]", at, i).text,
			&m->outside[i]);
	if (m->inside.ip.family)
		check_address_free(
			v, c, tdm_place_path("members[%zu].inside.address", at).text, &m->inside);
}

struct used_address {
	struct tdm_ip ip;
	struct tdm_place_path path;
};

/* One address belongs to one owner, so no two uses may be the same. */
static void check_distinct(struct tdm_values *v, const struct tdm_config *c)
{
	struct used_address used[TDM_MEMBERS_MAX * (TDM_CONFIG_ADDRS_MAX + 1)];
	size_t len = 0;

	for (size_t at = 0; at < c->members_len; at++) {
		const struct tdm_config_member *m = &c->members[at];

		for (size_t i = 0; i < m->outside_len; i++)
			used[len++] = (struct used_address){ m->outside[i].ip,
				tdm_place_path("members[%zu].outside.addresses[%zu]", at, i) };
		if (m->inside.ip.family)
			used[len++] = (struct used_address){ m->inside.ip,
				tdm_place_path("members[%zu].inside.address", at) };
	}
	for (size_t i = 0; i < len; i++)
		for (size_t k = 0; k < i; k++)
			if (tdm_ip_equal(&used[i].ip, &used[k].ip))
				tdm_values_refuse(v, used[i].path.text,
					"this address is that of %s too; give each its own",
					used[k].path.text);
}

static void check_pool(struct tdm_values *v, const struct tdm_config *c, size_t at, size_t pool)
{
	const struct tdm_prefix *p = &c->members[at].pools[pool];
	char text[TDM_PREFIX_TEXT_MAX];

	for (size_t i = 0; i <= at; i++)
		for (size_t k = 0; k < (i == at ? pool : c->members[i].pools_len); k++)
			if (overlap(p, &c->members[i].pools[k])) {
				tdm_prefix_text(&c->members[i].pools[k], text);
				tdm_values_refuse(v,
					tdm_place_path("members[%zu].pools[%zu]", at, pool).text,
					"overlaps the pool %s of member \"%s\"; pools must not "
					"share "
					"addresses",
					text, c->members[i].name);
			}
}

/* Without probes in both directions a client never notices that its node is gone (S508, S509). */
static void check_probes(struct tdm_values *v, const struct tdm_config *c, size_t at)
{
	if (c->cluster.none)
		return;
	if (!c->groups[at].dpd_s)
		tdm_values_refuse(v, tdm_place_path("groups[%zu].dpd", at).text,
			"must not be 0 in a cluster: clients would not notice a failover; 10 is "
			"good");
	if (!c->groups[at].keepalive_s)
		tdm_values_refuse(v, tdm_place_path("groups[%zu].keepalive", at).text,
			"must not be 0 in a cluster: clients would not notice a failover; 5 is "
			"good");
}

void tdm_check(struct tdm_values *v, const struct tdm_config *c)
{
	if (v->err)
		return;
	check_member_names(v, c);
	check_group_names(v, c);
	check_tunnel_groups(v, c);
	check_self(v, c);
	check_distinct(v, c);
	for (size_t i = 0; i < c->members_len; i++) {
		check_nodes(v, c, i);
		check_addresses(v, c, i);
		for (size_t k = 0; k < c->members[i].pools_len; k++)
			check_pool(v, c, i, k);
	}
	for (size_t i = 0; i < c->groups_len; i++)
		check_probes(v, c, i);
}
