/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/transport_cpg.h"

#include <corosync/corotypes.h>
#include <corosync/cpg.h>
#include <corosync/quorum.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "replication/transport_cpg_map.h"

enum {
	EVENTS_PER_DISPATCH = 256,
	/* A verdict waits while the group's queue is not empty, but not for ever. */
	QUORUM_DELAY_MAX = 8,
	OPENING_TRIES = 500,
	OPENING_PAUSE_NS = 1000000,
};

struct tdm_cpg {
	cpg_handle_t group;
	quorum_handle_t quorum;
	bool have_group, have_quorum;
	int group_fd, quorum_fd;
	size_t message_max;
	struct cpg_name name;
	struct tdm_cpg_info info;
	tdm_cpg_event_fn *on_event;
	void *ctx;
	bool emitted; /* something since the last BATCH_END */
	unsigned full_rounds;
};

/* The handle whose callbacks run on this thread; quorum and group share it. */
static _Thread_local struct tdm_cpg *dispatching;

static void emit(const struct tdm_event *event)
{
	dispatching->emitted = true;
	dispatching->on_event(dispatching->ctx, event);
}

static void on_deliver(cpg_handle_t handle, const struct cpg_name *group, uint32_t node,
	uint32_t pid, void *data, size_t len)
{
	struct tdm_event event = { .kind = TDM_EVENT_MESSAGE };

	(void)handle;
	(void)group;
	event.message = (struct tdm_event_message){ node, pid, data, len };
	emit(&event);
}

static enum tdm_left_reason left_reason(uint32_t reason)
{
	switch (reason) {
	case CPG_REASON_LEAVE:
		return TDM_LEFT_LEAVE;
	case CPG_REASON_PROCDOWN:
		return TDM_LEFT_PROCDOWN;
	default:
		return TDM_LEFT_NODEDOWN;
	}
}

static size_t bounded(size_t count)
{
	return count < TDM_NODES_MAX ? count : TDM_NODES_MAX;
}

static struct tdm_view_node view_node(const struct cpg_address *address)
{
	return (struct tdm_view_node){ address->nodeid, address->pid };
}

static void on_confchg(cpg_handle_t handle, const struct cpg_name *group,
	const struct cpg_address *members, size_t members_len, const struct cpg_address *left,
	size_t left_len, const struct cpg_address *joined, size_t joined_len)
{
	struct tdm_event event = { .kind = TDM_EVENT_VIEW };
	struct tdm_event_view *view = &event.view;

	(void)handle;
	(void)group;
	view->members_len = bounded(members_len);
	for (size_t i = 0; i < view->members_len; i++)
		view->members[i] = view_node(&members[i]);
	view->left_len = bounded(left_len);
	for (size_t i = 0; i < view->left_len; i++) {
		view->left[i].who = view_node(&left[i]);
		view->left[i].reason = left_reason(left[i].reason);
	}
	view->joined_len = bounded(joined_len);
	for (size_t i = 0; i < view->joined_len; i++) {
		view->joined[i].who = view_node(&joined[i]);
		view->joined[i].nodeup = joined[i].reason == CPG_REASON_NODEUP;
	}
	emit(&event);
}

static void on_ring(
	cpg_handle_t handle, struct cpg_ring_id ring, uint32_t members_len, const uint32_t *members)
{
	struct tdm_event event = { .kind = TDM_EVENT_RING };

	(void)handle;
	(void)members_len;
	(void)members;
	event.ring = (struct tdm_ring){ ring.nodeid, ring.seq };
	emit(&event);
}

static void on_quorum(quorum_handle_t handle, uint32_t quorate, struct quorum_ring_id ring,
	uint32_t members_len, const uint32_t *members)
{
	struct tdm_event event = { .kind = TDM_EVENT_QUORUM };

	(void)handle;
	(void)members_len;
	(void)members;
	event.quorum.ring = (struct tdm_ring){ ring.nodeid, ring.seq };
	event.quorum.quorate = quorate != 0;
	emit(&event);
}

static void on_nodelist(quorum_handle_t handle, struct quorum_ring_id ring, uint32_t members_len,
	const uint32_t *members, uint32_t joined_len, const uint32_t *joined, uint32_t left_len,
	const uint32_t *left)
{
	(void)handle;
	(void)ring;
	(void)members_len;
	(void)members;
	(void)joined_len;
	(void)joined;
	(void)left_len;
	(void)left;
}

static enum tdm_err failed(struct tdm_diag *diag, const char *what, cs_error_t cs)
{
	if (cs == CS_ERR_ACCESS)
		return tdm_diag_set(diag, TDM_ERR_PERM,
			"corosync: %s: access denied; allow this user with uidgid in corosync.conf",
			what);
	return tdm_diag_set(
		diag, TDM_ERR_CLUSTER_LOST, "corosync: %s failed (error %d)", what, (int)cs);
}

/* The library's table of handles is not made for two threads that open one at the same time.
 * Opening may also block for long, and must not stop others then: so they wait for their turn, but
 * only for a while. */
static cs_error_t initialize_group(cpg_handle_t *handle, cpg_model_v1_data_t *model, void *context)
{
	static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
	const struct timespec pause = { .tv_nsec = OPENING_PAUSE_NS };
	bool locked = false;
	cs_error_t cs;

	for (int i = 0; !locked && i < OPENING_TRIES; i++) {
		locked = pthread_mutex_trylock(&opening) == 0;
		if (!locked)
			nanosleep(&pause, NULL);
	}
	cs = cpg_model_initialize(handle, CPG_MODEL_V1, (cpg_model_data_t *)model, context);
	if (locked)
		pthread_mutex_unlock(&opening);
	return cs;
}

/* One process per node: two would answer for each other's acknowledgements. */
static enum tdm_err check_alone(struct tdm_cpg *cpg, struct tdm_diag *diag)
{
	struct cpg_address members[CPG_MEMBERS_MAX];
	int len = CPG_MEMBERS_MAX;
	cs_error_t cs = cpg_membership_get(cpg->group, &cpg->name, members, &len);

	if (cs != CS_OK)
		return failed(diag, "reading the group's members", cs);
	for (int i = 0; i < len && i < CPG_MEMBERS_MAX; i++)
		if (members[i].nodeid == cpg->info.self)
			return tdm_diag_set(diag, TDM_ERR_EXISTS,
				"corosync: process %u of this node is in group %.*s already",
				members[i].pid, (int)cpg->name.length, cpg->name.value);
	return TDM_OK;
}

static enum tdm_err open_group(struct tdm_cpg *cpg, struct tdm_diag *diag)
{
	cpg_model_v1_data_t model = {
		.model = CPG_MODEL_V1,
		.cpg_deliver_fn = on_deliver,
		.cpg_confchg_fn = on_confchg,
		.cpg_totem_confchg_fn = on_ring,
		.flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF,
	};
	unsigned int self = 0;
	uint32_t max = 0;
	enum tdm_err err;
	cs_error_t cs;

	cs = initialize_group(&cpg->group, &model, cpg);
	if (cs != CS_OK)
		return failed(diag, "connecting to the group service", cs);
	cpg->have_group = true;
	cs = cpg_local_get(cpg->group, &self);
	if (cs == CS_OK)
		cs = cpg_max_atomic_msgsize_get(cpg->group, &max);
	if (cs == CS_OK)
		cs = cpg_fd_get(cpg->group, &cpg->group_fd);
	if (cs != CS_OK)
		return failed(diag, "asking the group service", cs);
	cpg->info.self = self;
	cpg->message_max = max;
	err = check_alone(cpg, diag);
	if (err)
		return err;
	cs = cpg_join(cpg->group, &cpg->name);
	return cs == CS_OK ? TDM_OK : failed(diag, "joining the group", cs);
}

static enum tdm_err open_quorum(struct tdm_cpg *cpg, struct tdm_diag *diag)
{
	quorum_model_v1_data_t model = {
		.model = QUORUM_MODEL_V1,
		.quorum_notify_fn = on_quorum,
		.nodelist_notify_fn = on_nodelist,
	};
	uint32_t type = QUORUM_FREE;
	cs_error_t cs;

	cs = quorum_model_initialize(
		&cpg->quorum, QUORUM_MODEL_V1, (quorum_model_data_t *)&model, &type, cpg);
	if (cs != CS_OK)
		return failed(diag, "connecting to the quorum service", cs);
	cpg->have_quorum = true;
	if (type != QUORUM_SET)
		return tdm_diag_set(diag, TDM_ERR_CONFIG,
			"corosync.conf: quorum.provider must be corosync_votequorum");
	cs = quorum_fd_get(cpg->quorum, &cpg->quorum_fd);
	if (cs == CS_OK)
		cs = quorum_trackstart(cpg->quorum, CS_TRACK_CURRENT | CS_TRACK_CHANGES);
	return cs == CS_OK ? TDM_OK : failed(diag, "tracking quorum", cs);
}

static enum tdm_err open_all(
	struct tdm_cpg *cpg, const struct tdm_cpg_config *config, struct tdm_diag *diag)
{
	enum tdm_err err = tdm_cpg_map_read(&cpg->info, diag);

	if (err)
		return err;
	if (!cpg->info.crypto && !config->allow_no_crypto)
		return tdm_diag_set(diag, TDM_ERR_CONFIG,
			"corosync.conf: totem.crypto_cipher and totem.crypto_hash must be set "
			"(aes256 and sha256): the session table travels over these links");
	err = open_quorum(cpg, diag);
	return err ? err : open_group(cpg, diag);
}

enum tdm_err tdm_cpg_open(const struct tdm_cpg_config *config, tdm_cpg_event_fn *on_event,
	void *ctx, struct tdm_cpg **out, struct tdm_diag *diag)
{
	struct tdm_cpg *cpg = calloc(1, sizeof(*cpg));
	enum tdm_err err;
	int len;

	if (!cpg)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "%s", tdm_err_text(TDM_ERR_NOMEM));
	cpg->on_event = on_event;
	cpg->ctx = ctx;
	len = snprintf(cpg->name.value, sizeof(cpg->name.value), "tandem:%s", config->cluster_name);
	if (len < 0 || (size_t)len >= sizeof(cpg->name.value))
		err = tdm_diag_set(diag, TDM_ERR_CONFIG, "cluster name is too long");
	else {
		cpg->name.length = (uint32_t)len;
		err = open_all(cpg, config, diag);
	}
	if (err) {
		tdm_cpg_close(cpg);
		return err;
	}
	*out = cpg;
	return TDM_OK;
}

void tdm_cpg_close(struct tdm_cpg *cpg)
{
	if (!cpg)
		return;
	if (cpg->have_group) {
		cpg_leave(cpg->group, &cpg->name);
		cpg_finalize(cpg->group);
	}
	if (cpg->have_quorum)
		quorum_finalize(cpg->quorum);
	free(cpg);
}

const struct tdm_cpg_info *tdm_cpg_info(const struct tdm_cpg *cpg)
{
	return &cpg->info;
}

void tdm_cpg_fds(const struct tdm_cpg *cpg, int *group_fd, int *quorum_fd)
{
	*group_fd = cpg->group_fd;
	*quorum_fd = cpg->quorum_fd;
}

/* CS_OK: bounded, there may be more. CS_ERR_TRY_AGAIN: nothing left. */
static cs_error_t dispatch_group(struct tdm_cpg *cpg)
{
	cs_error_t cs = CS_OK;

	for (int i = 0; i < EVENTS_PER_DISPATCH && cs == CS_OK; i++)
		cs = cpg_dispatch(cpg->group, CS_DISPATCH_ONE_NONBLOCKING);
	return cs;
}

static cs_error_t dispatch_quorum(struct tdm_cpg *cpg)
{
	cs_error_t cs = CS_OK;

	for (int i = 0; i < EVENTS_PER_DISPATCH && cs == CS_OK; i++)
		cs = quorum_dispatch(cpg->quorum, CS_DISPATCH_ONE_NONBLOCKING);
	return cs;
}

enum tdm_err tdm_cpg_dispatch(struct tdm_cpg *cpg)
{
	cs_error_t cs;

	dispatching = cpg;
	cs = dispatch_group(cpg);
	if (cs == CS_ERR_TRY_AGAIN || ++cpg->full_rounds >= QUORUM_DELAY_MAX) {
		cpg->full_rounds = 0;
		if (cs == CS_OK || cs == CS_ERR_TRY_AGAIN)
			cs = dispatch_quorum(cpg);
	}
	if (cpg->emitted) {
		cpg->emitted = false;
		cpg->on_event(cpg->ctx, &(struct tdm_event){ .kind = TDM_EVENT_BATCH_END });
	}
	dispatching = NULL;
	return cs == CS_OK || cs == CS_ERR_TRY_AGAIN ? TDM_OK : TDM_ERR_CLUSTER_LOST;
}

enum tdm_err tdm_cpg_mcast(struct tdm_cpg *cpg, const uint8_t *data, size_t len)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	cs_error_t cs;

	/* Longer ones are cut by the library in a loop that sleeps. */
	if (len > cpg->message_max)
		return TDM_ERR_TOO_LONG;
	cs = cpg_mcast_joined(cpg->group, CPG_TYPE_AGREED, &iov, 1);
	if (cs == CS_OK)
		return TDM_OK;
	return cs == CS_ERR_TRY_AGAIN ? TDM_ERR_AGAIN : TDM_ERR_CLUSTER_LOST;
}

struct tdm_cpg_probe {
	cpg_handle_t handle;
};

enum tdm_err tdm_cpg_probe_open(struct tdm_cpg_probe **out)
{
	cpg_model_v1_data_t model = { .model = CPG_MODEL_V1 };
	struct tdm_cpg_probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return TDM_ERR_NOMEM;
	if (initialize_group(&probe->handle, &model, NULL) != CS_OK) {
		free(probe);
		return TDM_ERR_CLUSTER_LOST;
	}
	*out = probe;
	return TDM_OK;
}

enum tdm_err tdm_cpg_probe_ask(struct tdm_cpg_probe *probe)
{
	unsigned int self;

	return cpg_local_get(probe->handle, &self) == CS_OK ? TDM_OK : TDM_ERR_CLUSTER_LOST;
}

void tdm_cpg_probe_close(struct tdm_cpg_probe *probe)
{
	if (!probe)
		return;
	cpg_finalize(probe->handle);
	free(probe);
}
