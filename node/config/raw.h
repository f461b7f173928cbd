/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration as written: the shape that libcyaml checks. All values are text here, because a
 * number that libcyaml reads may end in letters ("10s") or be octal; convert.c reads them strictly.
 */
#pragma once

#include "node/config/config.h"
#include "node/config/places.h"

struct raw_list {
	char **items;
	unsigned len;
};

struct raw_outside {
	char *interface, *port;
	struct raw_list addresses;
};

struct raw_inside {
	char *interface, *address;
};

struct raw_member {
	char *name, *weight;
	struct raw_outside outside;
	struct raw_inside *inside;
	struct raw_list pools, nodes;
};

struct raw_group {
	char *name, *banner;
	struct raw_list routes, exclude, dns, nbns, domains, split_dns;
	char *idle_timeout, *session_timeout, *disconnected_timeout;
	char *dpd, *keepalive, *simultaneous_logins, *mtu;
	char *client_to_client, *dtls;
};

struct raw_tunnel_group {
	char *name, *group, *label;
};

struct raw_cluster {
	char *name, *key_file, *allow_config_difference;
};

struct raw_tls {
	char *certificate, *key;
};

struct raw_auth {
	char *file, *threads, *queue;
};

struct raw_control {
	char *socket;
};

struct raw_journal {
	char *directory;
};

struct raw_log {
	char *level, *file;
};

struct raw_config {
	char *node, *data_threads;
	char *cluster_word; /* "none", or NULL with */
	struct raw_cluster *cluster;
	struct raw_member *members;
	unsigned members_len;
	struct raw_group *groups;
	unsigned groups_len;
	struct raw_tunnel_group *tunnel_groups;
	unsigned tunnel_groups_len;
	struct raw_tls tls;
	struct raw_auth auth;
	struct raw_control *control;
	struct raw_journal *journal;
	struct raw_log *log;
};

/* Read the text; places is of the same text. TDM_ERR_CONFIG or TDM_ERR_NOMEM with diag. *out is
 * freed by tdm_raw_free. */
enum tdm_err tdm_raw_load(const struct tdm_places *places, const void *data, size_t len,
	struct raw_config **out, struct tdm_diag *diag) TDM_MUST_USE;
void tdm_raw_free(struct raw_config *raw);
