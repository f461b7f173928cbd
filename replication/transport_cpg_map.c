/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/transport_cpg_map.h"

#include <corosync/cmap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_u32(cmap_handle_t map, const char *key, uint32_t *out)
{
	return cmap_get_uint32(map, key, out) == CS_OK;
}

static bool read_flag(cmap_handle_t map, const char *key)
{
	uint8_t value = 0;

	return cmap_get_uint8(map, key, &value) == CS_OK && value != 0;
}

static bool string_is(cmap_handle_t map, const char *key, const char *wanted, bool if_missing)
{
	char *value = NULL;
	bool is;

	if (cmap_get_string(map, key, &value) != CS_OK)
		return if_missing;
	is = strcmp(value, wanted) == 0;
	free(value);
	return is;
}

/* As corosync itself decides: both are "none" by default, the old "secauth: on" sets both. */
static bool has_crypto(cmap_handle_t map)
{
	bool secauth = string_is(map, "totem.secauth", "on", false);

	return !string_is(map, "totem.crypto_cipher", "none", !secauth) &&
	       !string_is(map, "totem.crypto_hash", "none", !secauth);
}

/* A node without a name is known by its id. */
static void read_name(cmap_handle_t map, unsigned position, struct tdm_cpg_node *node)
{
	char key[CMAP_KEYNAME_MAXLEN + 1];
	char *name = NULL;

	snprintf(key, sizeof(key), "nodelist.node.%u.name", position);
	if (cmap_get_string(map, key, &name) == CS_OK) {
		snprintf(node->name, sizeof(node->name), "%s", name);
		free(name);
	} else {
		snprintf(node->name, sizeof(node->name), "%u", node->id);
	}
}

static enum tdm_err read_nodes(cmap_handle_t map, struct tdm_cpg_info *info, struct tdm_diag *diag)
{
	char key[CMAP_KEYNAME_MAXLEN + 1];
	cmap_iter_handle_t iter;
	enum tdm_err err = TDM_OK;

	if (cmap_iter_init(map, "nodelist.node.", &iter) != CS_OK)
		return tdm_diag_set(
			diag, TDM_ERR_CLUSTER_LOST, "corosync: cannot read its node list");
	while (cmap_iter_next(map, iter, key, NULL, NULL) == CS_OK) {
		unsigned position;
		char field[sizeof("nodeid")];
		struct tdm_cpg_node node;

		if (sscanf(key, "nodelist.node.%u.%6s", &position, field) != 2 ||
			strcmp(field, "nodeid") != 0 || !read_u32(map, key, &node.id))
			continue;
		if (info->nodes_len == TDM_NODES_MAX) {
			err = tdm_diag_set(diag, TDM_ERR_CONFIG,
				"corosync.conf: nodelist has more than %d nodes", TDM_NODES_MAX);
			break;
		}
		read_name(map, position, &node);
		info->nodes[info->nodes_len++] = node;
	}
	cmap_iter_finalize(map, iter);
	return err;
}

enum tdm_err tdm_cpg_map_read(struct tdm_cpg_info *info, struct tdm_diag *diag)
{
	uint32_t token = 0, consensus = 0;
	cmap_handle_t map;
	enum tdm_err err;
	cs_error_t cs;

	info->nodes_len = 0;
	cs = cmap_initialize(&map);
	if (cs == CS_ERR_ACCESS)
		return tdm_diag_set(diag, TDM_ERR_PERM,
			"corosync: access denied; allow this user with uidgid in corosync.conf");
	if (cs != CS_OK)
		return tdm_diag_set(diag, TDM_ERR_CLUSTER_LOST,
			"corosync: cannot connect (error %d); is it running?", (int)cs);
	err = read_nodes(map, info, diag);
	info->crypto = has_crypto(map);
	info->two_node = read_flag(map, "runtime.votequorum.two_node");
	if (read_u32(map, "runtime.config.totem.token", &token) &&
		read_u32(map, "runtime.config.totem.consensus", &consensus))
		info->detect_ms = token + consensus;
	cmap_finalize(map);
	return err;
}
