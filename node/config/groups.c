/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "node/config/convert.h"
#include "proto/text.h"

enum {
	IDLE_DEFAULT_S = 1800,
	SESSION_DEFAULT_S = 86400,
	/* The longest that a session may live is what tombstones are kept for: seven days. */
	TIMEOUT_MAX_S = 7 * 86400,
	DPD_DEFAULT_S = 10,
	DPD_MIN_S = 2, /* clients halve it as an integer and spin at 1 */
	DPD_MAX_S = 3600,
	KEEPALIVE_DEFAULT_S = 5,
	LOGINS_MAX = 1000,
	MTU_MIN = 576,
	MTU_MAX = 1500,
};

/* Lists are told apart by their key: "groups[at].key[i]". */
static struct tdm_place_path entry_path(size_t at, const char *key, unsigned i)
{
	return tdm_place_path("groups[%zu].%s[%u]", at, key, i);
}

static uint8_t networks(struct tdm_values *v, size_t at, const char *key,
	const struct raw_list *raw, char out[][TDM_PREFIX_TEXT_MAX])
{
	for (unsigned i = 0; i < raw->len; i++) {
		struct tdm_prefix network;

		tdm_values_network(v, entry_path(at, key, i).text, raw->items[i], &network);
		if (!v->err)
			tdm_prefix_text(&network, out[i]);
	}
	return (uint8_t)raw->len;
}

static uint8_t servers(struct tdm_values *v, size_t at, const char *key, const struct raw_list *raw,
	char out[][TDM_ADDR_TEXT_MAX])
{
	for (unsigned i = 0; i < raw->len; i++)
		tdm_values_server(v, entry_path(at, key, i).text, raw->items[i], out[i]);
	return (uint8_t)raw->len;
}

static uint8_t domains(struct tdm_values *v, size_t at, const char *key, const struct raw_list *raw,
	char out[][TDM_DOMAIN_MAX])
{
	for (unsigned i = 0; i < raw->len; i++)
		tdm_values_domain(v, entry_path(at, key, i).text, raw->items[i], out[i]);
	return (uint8_t)raw->len;
}

static void convert_lists(
	struct tdm_values *v, size_t at, const struct raw_group *raw, struct tdm_policy *out)
{
	out->routes_len = networks(v, at, "routes", &raw->routes, out->routes);
	out->excludes_len = networks(v, at, "exclude", &raw->exclude, out->excludes);
	out->dns_len = servers(v, at, "dns", &raw->dns, out->dns);
	out->nbns_len = servers(v, at, "nbns", &raw->nbns, out->nbns);
	out->domains_len = domains(v, at, "domains", &raw->domains, out->domains);
	out->split_dns_len = domains(v, at, "split-dns", &raw->split_dns, out->split_dns);
}

static void convert_timers(
	struct tdm_values *v, size_t at, const struct raw_group *raw, struct tdm_policy *out)
{
	struct {
		const char *key, *text;
		uint32_t min, max, otherwise;
		uint32_t *out;
	} numbers[] = {
		{ "idle-timeout", raw->idle_timeout, 1, TIMEOUT_MAX_S, IDLE_DEFAULT_S,
			&out->idle_timeout_s },
		{ "session-timeout", raw->session_timeout, 1, TIMEOUT_MAX_S, SESSION_DEFAULT_S,
			&out->session_timeout_s },
		{ "disconnected-timeout", raw->disconnected_timeout, 1, TIMEOUT_MAX_S, 0,
			&out->disconnected_timeout_s },
		{ "dpd", raw->dpd, DPD_MIN_S, DPD_MAX_S, DPD_DEFAULT_S, &out->dpd_s },
		{ "keepalive", raw->keepalive, 1, DPD_MAX_S, KEEPALIVE_DEFAULT_S,
			&out->keepalive_s },
		{ "simultaneous-logins", raw->simultaneous_logins, 1, LOGINS_MAX, 0,
			&out->simultaneous_logins },
		{ "mtu", raw->mtu, MTU_MIN, MTU_MAX, 0, &out->mtu },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct tdm_place_path path = tdm_place_path("groups[%zu].%s", at, numbers[i].key);

		*numbers[i].out = tdm_values_number_or_zero(v, path.text, numbers[i].text,
			numbers[i].min, numbers[i].max, numbers[i].otherwise);
	}
}

static void convert_group(
	struct tdm_values *v, size_t at, const struct raw_group *raw, struct tdm_policy *out)
{
	struct tdm_place_path path = tdm_place_path("groups[%zu].name", at);

	tdm_values_name(v, path.text, raw->name, out->name, sizeof(out->name));
	path = tdm_place_path("groups[%zu].banner", at);
	tdm_values_lines(v, path.text, raw->banner, out->banner, sizeof(out->banner));
	convert_lists(v, at, raw, out);
	convert_timers(v, at, raw, out);
	path = tdm_place_path("groups[%zu].client-to-client", at);
	out->client_to_client = tdm_values_bool(v, path.text, raw->client_to_client, false);
	path = tdm_place_path("groups[%zu].dtls", at);
	out->dtls = tdm_values_bool(v, path.text, raw->dtls, true);
}

static void convert_tunnel_group(struct tdm_values *v, size_t at,
	const struct raw_tunnel_group *raw, struct tdm_config_tunnel_group *out)
{
	struct tdm_place_path path = tdm_place_path("tunnel-groups[%zu].name", at);

	tdm_values_name(v, path.text, raw->name, out->name, sizeof(out->name));
	path = tdm_place_path("tunnel-groups[%zu].group", at);
	tdm_values_name(v, path.text, raw->group, out->group, sizeof(out->group));
	path = tdm_place_path("tunnel-groups[%zu].label", at);
	tdm_values_text(v, path.text, raw->label, out->name, out->label, sizeof(out->label));
	if (!out->label[0])
		tdm_values_refuse(
			v, path.text, "the label is empty; leave it out to show the name");
}

void tdm_convert_groups(struct tdm_values *v, const struct raw_config *raw, struct tdm_config *out)
{
	/* Nothing configured: one group with the defaults, so that a first try needs none. */
	static char default_name[] = "default";
	struct raw_group group = { .name = default_name };
	const struct raw_group *groups = raw->groups_len ? raw->groups : &group;
	struct raw_tunnel_group tunnel_group = { .name = default_name };
	const struct raw_tunnel_group *tunnel_groups = raw->tunnel_groups;

	out->groups_len = raw->groups_len ? raw->groups_len : 1;
	for (size_t i = 0; i < out->groups_len; i++)
		convert_group(v, i, &groups[i], &out->groups[i]);
	out->tunnel_groups_len = raw->tunnel_groups_len;
	if (!raw->tunnel_groups_len) {
		tunnel_group.group = groups[0].name;
		tunnel_groups = &tunnel_group;
		out->tunnel_groups_len = 1;
	}
	for (size_t i = 0; i < out->tunnel_groups_len; i++)
		convert_tunnel_group(v, i, &tunnel_groups[i], &out->tunnel_groups[i]);
}
