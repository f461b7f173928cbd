/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/config/convert.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "proto/text.h"

enum {
	PORT_DEFAULT = 443,
	PORT_MAX = 65535,
	WEIGHT_DEFAULT = 1,
	WEIGHT_MAX = 1000,
	AUTH_THREADS_DEFAULT = 2, /* 16 MiB and a core each while they work */
	AUTH_THREADS_MAX = 16,
	AUTH_QUEUE_DEFAULT = 64,
	AUTH_QUEUE_MAX = 4096,
};

#define SOCKET_DEFAULT  "/run/tandem/control.sock"
#define JOURNAL_DEFAULT "/var/lib/tandem"

static void convert_cluster(
	struct tdm_values *v, const struct raw_config *raw, struct tdm_config *out)
{
	out->cluster.none = raw->cluster == NULL;
	if (out->cluster.none) {
		if (strcmp(raw->cluster_word, "none") != 0)
			tdm_values_refuse(
				v, "cluster", "must be none, or { name: ..., key-file: ... }");
		return;
	}
	tdm_values_name(v, "cluster.name", raw->cluster->name, out->cluster.name,
		sizeof(out->cluster.name));
	tdm_values_file(v, "cluster.key-file", raw->cluster->key_file, "", out->cluster.key_file);
	out->cluster.allow_config_difference = tdm_values_bool(
		v, "cluster.allow-config-difference", raw->cluster->allow_config_difference, false);
}

static void convert_outside(struct tdm_values *v, size_t at, const struct raw_outside *raw,
	struct tdm_config_member *out)
{
	struct tdm_place_path path = tdm_place_path("members[%zu].outside.interface", at);

	tdm_values_interface(v, path.text, raw->interface, out->outside_interface);
	for (unsigned i = 0; i < raw->addresses.len; i++) {
		path = tdm_place_path("members[%zu].outside.addresses[%u]", at, i);
		tdm_values_interface_address(
			v, path.text, raw->addresses.items[i], &out->outside[i]);
	}
	out->outside_len = raw->addresses.len;
	path = tdm_place_path("members[%zu].outside.port", at);
	out->port = (uint16_t)tdm_values_number(v, path.text, raw->port, 1, PORT_MAX, PORT_DEFAULT);
}

static void convert_inside(struct tdm_values *v, size_t at, const struct raw_inside *raw,
	struct tdm_config_member *out)
{
	struct tdm_place_path path = tdm_place_path("members[%zu].inside.interface", at);

	if (!raw)
		return;
	tdm_values_interface(v, path.text, raw->interface, out->inside_interface);
	path = tdm_place_path("members[%zu].inside.address", at);
	tdm_values_interface_address(v, path.text, raw->address, &out->inside);
}

static void convert_member(struct tdm_values *v, size_t at, const struct raw_member *raw,
	struct tdm_config_member *out)
{
	struct tdm_place_path path = tdm_place_path("members[%zu].name", at);

	out->id = (tdm_member_id)(at + 1);
	tdm_values_name(v, path.text, raw->name, out->name, sizeof(out->name));
	convert_outside(v, at, &raw->outside, out);
	convert_inside(v, at, raw->inside, out);
	for (unsigned i = 0; i < raw->pools.len; i++) {
		path = tdm_place_path("members[%zu].pools[%u]", at, i);
		tdm_values_pool(v, path.text, raw->pools.items[i], &out->pools[i]);
	}
	out->pools_len = raw->pools.len;
	for (unsigned i = 0; i < raw->nodes.len; i++) {
		path = tdm_place_path("members[%zu].nodes[%u]", at, i);
		tdm_values_name(
			v, path.text, raw->nodes.items[i], out->nodes[i], sizeof(out->nodes[i]));
	}
	out->nodes_len = raw->nodes.len;
	path = tdm_place_path("members[%zu].weight", at);
	out->weight = tdm_values_number(v, path.text, raw->weight, 1, WEIGHT_MAX, WEIGHT_DEFAULT);
}

static void convert_control(
	struct tdm_values *v, const struct raw_control *raw, struct tdm_config *out)
{
	struct sockaddr_un address;

	tdm_values_file(
		v, "control.socket", raw ? raw->socket : NULL, SOCKET_DEFAULT, out->control_socket);
	if (strlen(out->control_socket) >= sizeof(address.sun_path))
		tdm_values_refuse(v, "control.socket",
			"too long for the path of a socket; at most %zu bytes",
			sizeof(address.sun_path) - 1);
}

static void convert_log(struct tdm_values *v, const struct raw_log *raw, struct tdm_config *out)
{
	static const char *const levels[] = { "debug", "info", "warning", "error" };
	const char *level = raw && raw->level ? raw->level : "info";
	const char *file = raw ? raw->file : NULL;

	if (file && file[0])
		tdm_values_file(v, "log.file", file, "", out->log_file);
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcmp(level, levels[i])) {
			out->log_level = (enum tdm_log_level)i;
			return;
		}
	tdm_values_refuse(v, "log.level", "must be debug, info, warning or error");
}

void tdm_convert(struct tdm_values *v, const struct raw_config *raw, struct tdm_config *out)
{
	tdm_values_name(v, "node", raw->node, out->node, sizeof(out->node));
	convert_cluster(v, raw, out);
	for (unsigned i = 0; i < raw->members_len; i++)
		convert_member(v, i, &raw->members[i], &out->members[i]);
	out->members_len = raw->members_len;
	tdm_values_file(v, "tls.certificate", raw->tls.certificate, "", out->tls.certificate);
	tdm_values_file(v, "tls.key", raw->tls.key, "", out->tls.key);
	tdm_values_file(v, "auth.file", raw->auth.file, "", out->auth.file);
	out->auth.threads = tdm_values_number(
		v, "auth.threads", raw->auth.threads, 1, AUTH_THREADS_MAX, AUTH_THREADS_DEFAULT);
	out->auth.queue = tdm_values_number(
		v, "auth.queue", raw->auth.queue, 1, AUTH_QUEUE_MAX, AUTH_QUEUE_DEFAULT);
	tdm_convert_groups(v, raw, out);
	convert_control(v, raw->control, out);
	tdm_values_file(v, "journal.directory", raw->journal ? raw->journal->directory : NULL,
		JOURNAL_DEFAULT, out->journal_directory);
	convert_log(v, raw->log, out);
	/* More than one comes with the fast path; the key is there so that files need no change. */
	out->data_threads = tdm_values_number(v, "data-threads", raw->data_threads, 1, 1, 1);
}
