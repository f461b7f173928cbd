/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/config/raw.h"

#include <cyaml/cyaml.h>
#include <stdlib.h>

#include "node/config/rawerror.h"

enum {
	VALUE_MAX = 4096, /* of any text; convert.c knows the real limits */
	REQUIRED = CYAML_FLAG_DEFAULT,
	OPTIONAL = CYAML_FLAG_OPTIONAL,
};

#define TEXT(key, flags, type, member)                                                             \
	CYAML_FIELD_STRING_PTR(key, (flags) | CYAML_FLAG_POINTER, type, member, 0, VALUE_MAX)
#define LIST(key, flags, type, member, min, max)                                                   \
	CYAML_FIELD_SEQUENCE_COUNT(key, (flags) | CYAML_FLAG_POINTER, type, member.items,          \
		member.len, &text_value, min, max)

static const cyaml_schema_value_t text_value = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, VALUE_MAX),
};

static const cyaml_schema_field_t outside_fields[] = {
	TEXT("interface", REQUIRED, struct raw_outside, interface),
	LIST("addresses", REQUIRED, struct raw_outside, addresses, 1, TDM_CONFIG_ADDRS_MAX),
	TEXT("port", OPTIONAL, struct raw_outside, port),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t inside_fields[] = {
	TEXT("interface", REQUIRED, struct raw_inside, interface),
	TEXT("address", REQUIRED, struct raw_inside, address),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t member_fields[] = {
	TEXT("name", REQUIRED, struct raw_member, name),
	CYAML_FIELD_MAPPING("outside", REQUIRED, struct raw_member, outside, outside_fields),
	CYAML_FIELD_MAPPING_PTR("inside", OPTIONAL, struct raw_member, inside, inside_fields),
	LIST("pools", REQUIRED, struct raw_member, pools, 1, TDM_CONFIG_POOLS_MAX),
	LIST("nodes", OPTIONAL, struct raw_member, nodes, 0, TDM_NODES_MAX),
	TEXT("weight", OPTIONAL, struct raw_member, weight),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t member_value = {
	CYAML_VALUE_MAPPING(REQUIRED, struct raw_member, member_fields),
};

static const cyaml_schema_field_t group_fields[] = {
	TEXT("name", REQUIRED, struct raw_group, name),
	LIST("routes", OPTIONAL, struct raw_group, routes, 0, TDM_POLICY_ROUTES_MAX),
	LIST("exclude", OPTIONAL, struct raw_group, exclude, 0, TDM_POLICY_ROUTES_MAX),
	LIST("dns", OPTIONAL, struct raw_group, dns, 0, TDM_POLICY_DNS_MAX),
	LIST("nbns", OPTIONAL, struct raw_group, nbns, 0, TDM_POLICY_DNS_MAX),
	LIST("domains", OPTIONAL, struct raw_group, domains, 0, TDM_POLICY_DOMAINS_MAX),
	LIST("split-dns", OPTIONAL, struct raw_group, split_dns, 0, TDM_POLICY_DOMAINS_MAX),
	TEXT("banner", OPTIONAL, struct raw_group, banner),
	TEXT("idle-timeout", OPTIONAL, struct raw_group, idle_timeout),
	TEXT("session-timeout", OPTIONAL, struct raw_group, session_timeout),
	TEXT("disconnected-timeout", OPTIONAL, struct raw_group, disconnected_timeout),
	TEXT("dpd", OPTIONAL, struct raw_group, dpd),
	TEXT("keepalive", OPTIONAL, struct raw_group, keepalive),
	TEXT("simultaneous-logins", OPTIONAL, struct raw_group, simultaneous_logins),
	TEXT("client-to-client", OPTIONAL, struct raw_group, client_to_client),
	TEXT("dtls", OPTIONAL, struct raw_group, dtls),
	TEXT("mtu", OPTIONAL, struct raw_group, mtu),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t group_value = {
	CYAML_VALUE_MAPPING(REQUIRED, struct raw_group, group_fields),
};

static const cyaml_schema_field_t tunnel_group_fields[] = {
	TEXT("name", REQUIRED, struct raw_tunnel_group, name),
	TEXT("group", REQUIRED, struct raw_tunnel_group, group),
	TEXT("label", OPTIONAL, struct raw_tunnel_group, label),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t tunnel_group_value = {
	CYAML_VALUE_MAPPING(REQUIRED, struct raw_tunnel_group, tunnel_group_fields),
};

static const cyaml_schema_field_t cluster_fields[] = {
	TEXT("name", REQUIRED, struct raw_cluster, name),
	TEXT("key-file", REQUIRED, struct raw_cluster, key_file),
	TEXT("allow-config-difference", OPTIONAL, struct raw_cluster, allow_config_difference),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t tls_fields[] = {
	TEXT("certificate", REQUIRED, struct raw_tls, certificate),
	TEXT("key", REQUIRED, struct raw_tls, key),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t auth_fields[] = {
	TEXT("file", REQUIRED, struct raw_auth, file),
	TEXT("threads", OPTIONAL, struct raw_auth, threads),
	TEXT("queue", OPTIONAL, struct raw_auth, queue),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t control_fields[] = {
	TEXT("socket", OPTIONAL, struct raw_control, socket),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t journal_fields[] = {
	TEXT("directory", OPTIONAL, struct raw_journal, directory),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t log_fields[] = {
	TEXT("level", OPTIONAL, struct raw_log, level),
	TEXT("file", OPTIONAL, struct raw_log, file),
	CYAML_FIELD_END,
};

#define TOP                                                                                        \
	TEXT("node", REQUIRED, struct raw_config, node),                                           \
		CYAML_FIELD_SEQUENCE_COUNT("members", CYAML_FLAG_POINTER, struct raw_config,       \
			members, members_len, &member_value, 1, TDM_MEMBERS_MAX),                  \
		CYAML_FIELD_MAPPING("tls", REQUIRED, struct raw_config, tls, tls_fields),          \
		CYAML_FIELD_MAPPING("auth", REQUIRED, struct raw_config, auth, auth_fields),       \
		CYAML_FIELD_SEQUENCE_COUNT("groups", OPTIONAL | CYAML_FLAG_POINTER,                \
			struct raw_config, groups, groups_len, &group_value, 1,                    \
			TDM_CONFIG_GROUPS_MAX),                                                    \
		CYAML_FIELD_SEQUENCE_COUNT("tunnel-groups", OPTIONAL | CYAML_FLAG_POINTER,         \
			struct raw_config, tunnel_groups, tunnel_groups_len, &tunnel_group_value,  \
			1, TDM_CONFIG_GROUPS_MAX),                                                 \
		CYAML_FIELD_MAPPING_PTR(                                                           \
			"control", OPTIONAL, struct raw_config, control, control_fields),          \
		CYAML_FIELD_MAPPING_PTR(                                                           \
			"journal", OPTIONAL, struct raw_config, journal, journal_fields),          \
		CYAML_FIELD_MAPPING_PTR("log", OPTIONAL, struct raw_config, log, log_fields),      \
		TEXT("data-threads", OPTIONAL, struct raw_config, data_threads), CYAML_FIELD_END

/* libcyaml has no value that is a word or a mapping: one schema for each. */
static const cyaml_schema_field_t alone_fields[] = {
	TEXT("cluster", REQUIRED, struct raw_config, cluster_word),
	TOP,
};
static const cyaml_schema_field_t clustered_fields[] = {
	CYAML_FIELD_MAPPING_PTR("cluster", REQUIRED, struct raw_config, cluster, cluster_fields),
	TOP,
};

static const cyaml_schema_value_t alone_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_config, alone_fields),
};
static const cyaml_schema_value_t clustered_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_config, clustered_fields),
};

enum tdm_err tdm_raw_load(const struct tdm_places *places, const void *data, size_t len,
	struct raw_config **out, struct tdm_diag *diag)
{
	const struct tdm_place *cluster = tdm_places_find(places, "cluster");
	const cyaml_schema_value_t *schema = &clustered_schema;
	struct tdm_raw_error error = { .len = 0 };
	cyaml_data_t *data_out = NULL;
	cyaml_config_t config = {
		.log_fn = tdm_raw_error_log,
		.log_ctx = &error,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = cyaml_mem,
		.flags = CYAML_CFG_NO_ALIAS,
	};
	cyaml_err_t status;

	if (cluster && cluster->kind == TDM_PLACE_SCALAR)
		schema = &alone_schema;
	status = cyaml_load_data(data, len, &config, schema, &data_out, NULL);
	if (status != CYAML_OK)
		return tdm_raw_error_report(&error, status, schema, places, diag);
	*out = data_out;
	return TDM_OK;
}

void tdm_raw_free(struct raw_config *raw)
{
	cyaml_config_t config = { .mem_fn = cyaml_mem };

	if (raw)
		cyaml_free(&config, raw->cluster_word ? &alone_schema : &clustered_schema, raw, 0);
}
