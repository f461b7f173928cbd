/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way to the group and back; makes the core once it is known who the nodes are. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/clock.h"
#include "node/control/internal.h"

enum {
	CLUSTER_QUEUE = 1 << 16,
	FIRST_CONNECT_MS = 10000,
	COMMIT_TIMEOUT_MS = 2000,
	CONNECT_TIMEOUT_MS = 120 * 1000,
	SESSIONS_MAX = 1 << 20,
	CLUSTER_KEY_MIN = 32,
	LEASE_MARGIN_MS = 100,
	ALONE = 1, /* node id, pid and ring of a node without a cluster */
};

/* --- the replication's key --- */

static void mac(void *ctx, const uint8_t *data, size_t len, uint8_t out[32])
{
	const struct tdm_node *node = ctx;

	tdm_hmac_sha256(node->key, node->key_len, data, len, out);
}

static enum tdm_err load_key(struct tdm_node *node, struct tdm_diag *diag)
{
	const char *path = node->config->cluster.key_file;
	ssize_t n;
	int fd;

	if (node->config->cluster.none) {
		node->key_len = CLUSTER_KEY_MIN;
		tdm_random(node->key, node->key_len);
		return TDM_OK;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, node->key, sizeof(node->key));
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return tdm_diag_set(diag, TDM_ERR_IO, "cluster key-file: cannot read %s: %s", path,
			strerror(errno));
	if (n < CLUSTER_KEY_MIN)
		return tdm_diag_set(diag, TDM_ERR_CONFIG,
			"cluster key-file: %s holds %zd bytes, at least %d are needed", path, n,
			CLUSTER_KEY_MIN);
	node->key_len = (size_t)n;
	return TDM_OK;
}

/* --- the core --- */

static tdm_node_id id_of(const struct tdm_cpg_info *info, const char *name)
{
	for (size_t i = 0; i < info->nodes_len; i++)
		if (!strcmp(info->nodes[i].name, name))
			return info->nodes[i].id;
	return 0;
}

static enum tdm_err member_config(const struct tdm_config_member *from,
	const struct tdm_cpg_info *info, struct tdm_cluster_member *to, struct tdm_diag *diag)
{
	to->id = from->id;
	memcpy(to->name, from->name, sizeof(to->name));
	memcpy(to->pools, from->pools, from->pools_len * sizeof(from->pools[0]));
	to->pools_len = from->pools_len;
	for (size_t i = 0; i < from->nodes_len; i++) {
		to->nodes[i] = id_of(info, from->nodes[i]);
		if (!to->nodes[i])
			return tdm_diag_set(diag, TDM_ERR_CONFIG,
				"member %s: node %s is not in corosync's nodelist", from->name,
				from->nodes[i]);
	}
	to->nodes_len = from->nodes_len;
	if (to->nodes_len == 0)
		to->nodes[to->nodes_len++] = info->self;
	return TDM_OK;
}

static enum tdm_err make_core(
	struct tdm_node *node, const struct tdm_cpg_info *info, struct tdm_diag *diag)
{
	const struct tdm_config *config = node->config;
	struct tdm_cluster_config cc = { .self = info->self,
		.config_fingerprint = config->fingerprint,
		.allow_config_difference = config->cluster.allow_config_difference,
		.numbers = node->numbers,
		.commit_timeout_ms = COMMIT_TIMEOUT_MS,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.tombstone_keep_ms = TDM_TOMBSTONE_KEEP_MS,
		.sessions_max = SESSIONS_MAX,
		.journaled = true,
		.mac = mac,
		.mac_ctx = node };

	if (id_of(info, config->node) != info->self)
		return tdm_diag_set(diag, TDM_ERR_CONFIG,
			"node: %s is not what corosync's nodelist calls this node", config->node);
	memcpy(cc.config_sections, config->sections, sizeof(cc.config_sections));
	tdm_random(&cc.boot, sizeof(cc.boot));
	tdm_random(&cc.seed, sizeof(cc.seed));
	for (size_t i = 0; i < info->nodes_len; i++) {
		cc.nodes[i].id = info->nodes[i].id;
		memcpy(cc.nodes[i].name, info->nodes[i].name, sizeof(cc.nodes[i].name));
	}
	cc.nodes_len = info->nodes_len;
	cc.two_node = info->two_node;
	for (size_t i = 0; i < config->members_len; i++) {
		enum tdm_err err = member_config(&config->members[i], info, &cc.members[i], diag);

		if (err)
			return err;
	}
	cc.members_len = config->members_len;
	if (tdm_cluster_new(&cc, tdm_clock_ms(), &node->core))
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "cannot make the session table");
	return tdm_node_journal_start(node, cc.boot, diag);
}

/* --- without a cluster: a view of one, quorate for good --- */

static enum tdm_err start_alone(struct tdm_node *node, struct tdm_diag *diag)
{
	struct tdm_cpg_info info = { .self = ALONE, .nodes_len = 1 };
	struct tdm_event event = { .kind = TDM_EVENT_VIEW };
	struct tdm_ring ring = { .rep = ALONE, .seq = ALONE };
	enum tdm_err err;

	info.nodes[0].id = ALONE;
	memcpy(info.nodes[0].name, node->config->node, sizeof(info.nodes[0].name));
	err = make_core(node, &info, diag);
	if (err)
		return err;
	event.view.members_len = event.view.joined_len = 1;
	event.view.members[0] = (struct tdm_view_node){ .node = ALONE, .pid = ALONE };
	event.view.joined[0].who = event.view.members[0];
	tdm_node_feed(node, &event);
	event = (struct tdm_event){ .kind = TDM_EVENT_RING, .ring = ring };
	tdm_node_feed(node, &event);
	event = (struct tdm_event){ .kind = TDM_EVENT_QUORUM };
	event.quorum = (struct tdm_event_quorum){ .ring = ring, .quorate = true };
	tdm_node_feed(node, &event);
	event = (struct tdm_event){ .kind = TDM_EVENT_BATCH_END };
	tdm_node_feed(node, &event);
	return TDM_OK;
}

static void loop_back(struct tdm_node *node, const uint8_t *data, size_t len)
{
	struct tdm_loop_message *m = malloc(sizeof(*m) + len);

	if (!m) {
		tdm_node_fail(node, TDM_ERR_NOMEM, "out of memory");
		return;
	}
	m->next = NULL;
	m->len = len;
	memcpy(m->data, data, len);
	*node->loop_tail = m;
	node->loop_tail = &m->next;
}

/* --- with corosync --- */

static void alive(void *ctx)
{
	tdm_address_alive_cluster(ctx);
}

static void lost(struct tdm_node *node)
{
	struct tdm_event event = { .kind = TDM_EVENT_DISCONNECTED };

	node->connection = 0;
	tdm_node_feed(node, &event);
}

/* A dead owner must be silent before anybody else may take its address. */
static enum tdm_err check_detection(struct tdm_node *node, uint32_t detect_ms)
{
	if (detect_ms >= TDM_LEASE_MS + LEASE_MARGIN_MS)
		return TDM_OK;
	return tdm_diag_set(node->diag, TDM_ERR_CONFIG,
		"corosync: token + consensus is %u ms; at least %d ms are needed, so that a lost "
		"owner's lease of %d ms is over before another node acts",
		detect_ms, TDM_LEASE_MS + LEASE_MARGIN_MS, TDM_LEASE_MS);
}

static void on_connected(struct tdm_node *node, const struct tdm_cluster_msg *msg)
{
	if (!node->core) {
		enum tdm_err err = check_detection(node, msg->info.detect_ms);

		if (!err)
			err = make_core(node, &msg->info, node->diag);
		if (err) {
			tdm_node_fail(node, err, node->diag->text);
			return;
		}
		node->two_node = msg->info.two_node;
		if (node->two_node)
			tdm_log_info("corosync runs with two_node: a third vote (qdevice) is "
				     "what keeps two halves of a cut pair apart");
	}
	tdm_log_info("joined the cluster as node %u", msg->info.self);
	tdm_address_alive_cluster(node->address); /* the first answer is on its way */
	node->connection = msg->connection;
}

static void on_cluster_msg(struct tdm_node *node, struct tdm_cluster_msg *msg)
{
	switch (msg->kind) {
	case TDM_CLUSTER_CONNECTED:
		on_connected(node, msg);
		break;
	case TDM_CLUSTER_EVENT:
		if (msg->connection == node->connection)
			tdm_node_feed(node, &msg->event);
		break;
	case TDM_CLUSTER_DISCONNECTED:
		if (msg->connection == node->connection) {
			tdm_log_warning("connection to the local corosync is lost");
			lost(node);
		}
		break;
	case TDM_CLUSTER_FAILED:
		tdm_node_fail(node, msg->diag.code, msg->diag.text);
		break;
	}
}

void tdm_node_on_cluster(uv_async_t *wake)
{
	struct tdm_node *node = wake->data;
	struct tdm_cluster_msg *msg;

	while ((msg = tdm_queue_pop(&node->from_cluster))) {
		if (!node->stopping)
			on_cluster_msg(node, msg);
		free(msg);
	}
}

void tdm_node_rejoin(struct tdm_node *node, const char *why)
{
	if (!node->connection)
		return;
	tdm_log_warning("%s: letting go, joining again", why);
	lost(node);
	tdm_cluster_thread_rejoin(node->corosync);
}

void tdm_node_mcast(struct tdm_node *node, const uint8_t *data, size_t len)
{
	if (node->config->cluster.none) {
		loop_back(node, data, len);
		return;
	}
	/* a message that is not sent would be missing for good */
	if (node->connection &&
		tdm_cluster_thread_send(node->corosync, node->connection, data, len))
		node->must_rejoin = true;
}

enum tdm_err tdm_node_cluster_start(struct tdm_node *node, struct tdm_diag *diag)
{
	struct tdm_cluster_thread_config tc = { .first_connect_ms = FIRST_CONNECT_MS,
		.to_control = &node->from_cluster,
		.alive = alive,
		.ctx = node->address };
	enum tdm_err err = load_key(node, diag);

	if (err)
		return err;
	if (node->config->cluster.none)
		return start_alone(node, diag);
	tc.cpg.cluster_name = node->config->cluster.name;
	err = tdm_queue_init(&node->from_cluster, CLUSTER_QUEUE, &node->cluster_wake);
	if (!err)
		err = tdm_cluster_thread_start(&tc, &node->corosync);
	if (err)
		(void)tdm_diag_set(
			diag, err, "cannot start the thread for corosync: %s", tdm_err_text(err));
	return err;
}

void tdm_node_cluster_stop(struct tdm_node *node)
{
	struct tdm_cluster_msg *msg;

	tdm_cluster_thread_stop(node->corosync);
	node->corosync = NULL;
	node->connection = 0;
	if (!node->from_cluster.slots)
		return;
	while ((msg = tdm_queue_pop(&node->from_cluster)))
		free(msg);
	tdm_queue_deinit(&node->from_cluster);
}
