/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket: a unix socket on which tools ask this node what it knows
 * (proto/control.proto) and administrators tell it what to do. root may do everything, members of
 * the group "tandem" may look; every change is logged with the uid. Runs on the control thread's
 * loop and decides nothing itself: it asks through callbacks. A client that is too many, too slow
 * or too long is dropped.
 */
#pragma once

#include <uv.h>

#include "node/config/config.h"
#include "node/journal.h"
#include "replication/cluster.h"

struct tdm_control_socket;

struct tdm_control_ops {
	/* False: there is no journal yet. NULL: never. */
	bool (*journal)(void *ctx, struct tdm_journaler_status *out);
	void (*status)(void *ctx, struct tdm_cluster_status *out);
	/* As tdm_cluster_walk(). */
	bool (*sessions)(void *ctx, struct tdm_session_walk *walk, size_t max,
		tdm_session_visit *visit, void *visit_ctx);
	/* End a session, reason TDM_REASON_ADMIN. The answer is given through
	 * tdm_control_socket_logoff_done with the same ticket, once per call, at once or later. An
	 * error returned is an answer too. */
	enum tdm_err (*logoff)(void *ctx, uint64_t ticket, tdm_session_id id);
	/* Begin a comparison of tables; status tells its number and result. */
	enum tdm_err (*verify)(void *ctx);
};

struct tdm_control_config {
	uv_loop_t *loop;
	const struct tdm_config *config; /* borrowed */
	const char *version;             /* of the daemon, static text */
	struct tdm_control_ops ops;
	void *ctx;
};

/* Make the socket, and its directory when there is none. The socket of a dead daemon is replaced; a
 * live one is TDM_ERR_EXISTS. TDM_ERR_IO, TDM_ERR_NOMEM with diag. */
enum tdm_err tdm_control_socket_new(const struct tdm_control_config *config,
	struct tdm_control_socket **out, struct tdm_diag *diag) TDM_MUST_USE;
/* Result of one logoff. A ticket whose client is gone is ignored. */
void tdm_control_socket_logoff_done(
	struct tdm_control_socket *socket, uint64_t ticket, enum tdm_err err);
/* Remove the socket and close the clients. The loop has to run on until its handles are closed; the
 * rest is freed then. NULL is fine. */
void tdm_control_socket_free(struct tdm_control_socket *socket);
