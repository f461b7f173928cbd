/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The daemon's configuration: read once, checked as a whole, never changed afterwards. */
#pragma once

#include "node/log.h"
#include "proto/err.h"
#include "proto/ip.h"
#include "proto/record.h"
#include "proto/types.h"

enum {
	TDM_PATH_MAX = 256,
	TDM_INTERFACE_MAX = 16, /* with the NUL */
	TDM_CONFIG_POOLS_MAX = 8,
	TDM_CONFIG_ADDRS_MAX = 4,
	TDM_CONFIG_GROUPS_MAX = 64,
};

struct tdm_config_member {
	char name[TDM_NAME_MAX];
	tdm_member_id id; /* position in the list, from 1 */
	char outside_interface[TDM_INTERFACE_MAX];
	struct tdm_prefix outside[TDM_CONFIG_ADDRS_MAX]; /* service addresses with their subnet */
	size_t outside_len;
	uint16_t port;
	char inside_interface[TDM_INTERFACE_MAX]; /* "" = none */
	struct tdm_prefix inside;                 /* family 0 = none */
	struct tdm_prefix pools[TDM_CONFIG_POOLS_MAX];
	size_t pools_len;
	char nodes[TDM_NODES_MAX][TDM_NAME_MAX]; /* order of preference; empty list = this node */
	size_t nodes_len;
	uint32_t weight;
};

struct tdm_config_tunnel_group {
	char name[TDM_NAME_MAX];
	char group[TDM_NAME_MAX]; /* the group policy it gives */
	char label[TDM_NAME_MAX]; /* shown in the client's list; defaults to name */
};

struct tdm_config {
	char node[TDM_NAME_MAX];
	struct {
		bool none; /* cluster: none */
		char name[TDM_NAME_MAX];
		char key_file[TDM_PATH_MAX];
		bool allow_config_difference; /* take over though the owner's differs */
	} cluster;
	struct tdm_config_member members[TDM_MEMBERS_MAX];
	size_t members_len;
	struct {
		char certificate[TDM_PATH_MAX], key[TDM_PATH_MAX];
	} tls;
	struct {
		char file[TDM_PATH_MAX];
		uint32_t threads; /* password checks at the same time (2) */
		uint32_t queue;   /* checks waiting before logins are told to come back (64) */
	} auth;
	struct tdm_policy groups[TDM_CONFIG_GROUPS_MAX];
	size_t groups_len;
	struct tdm_config_tunnel_group tunnel_groups[TDM_CONFIG_GROUPS_MAX];
	size_t tunnel_groups_len;
	char control_socket[TDM_PATH_MAX];    /* /run/tandem/control.sock */
	char journal_directory[TDM_PATH_MAX]; /* /var/lib/tandem */
	char log_file[TDM_PATH_MAX];          /* "" = stderr */
	enum tdm_log_level log_level;
	uint32_t data_threads; /* 1 */
	uint64_t fingerprint;  /* of the sections that must be equal on all nodes, and of each: */
	uint64_t sections[TDM_CONFIG_SECTIONS]; /* members, groups, tunnel-groups */
};

/* Read and check a file. On failure diag holds one line that names file, line and key and says what
 * would be right: TDM_ERR_CONFIG, TDM_ERR_IO, TDM_ERR_NOMEM. The caller frees *out. */
enum tdm_err tdm_config_load(
	const char *path, struct tdm_config **out, struct tdm_diag *diag) TDM_MUST_USE;
void tdm_config_free(struct tdm_config *config);

/* NULL when there is none of that name. */
const struct tdm_policy *tdm_config_group(const struct tdm_config *config, const char *name);
const struct tdm_config_tunnel_group *tdm_config_tunnel_group(
	const struct tdm_config *config, const char *name_or_label);
