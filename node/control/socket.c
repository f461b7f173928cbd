/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/control/socket.h"

#include <stdlib.h>

#include "node/clock.h"
#include "node/control/bind.h"
#include "node/control/client.h"

enum { BACKLOG = 16 };

static void on_connection(uv_stream_t *listener, int status)
{
	if (status == 0)
		tdm_control_client_accept(listener->data);
}

void tdm_control_socket_release(struct tdm_control_socket *socket)
{
	if (socket->closing && !socket->clients && !socket->listener.data)
		free(socket);
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct tdm_control_socket *socket = handle->data;

	handle->data = NULL;
	tdm_control_socket_release(socket);
}

static enum tdm_err start(
	struct tdm_control_socket *socket, const char *path, struct tdm_diag *diag)
{
	enum tdm_err err;
	int rc;

	err = tdm_control_bind_prepare(path, diag);
	if (err)
		return err;
	rc = uv_pipe_bind(&socket->listener, path);
	if (rc)
		return tdm_diag_set(diag, TDM_ERR_IO, "control.socket: %s: cannot make it: %s",
			path, uv_strerror(rc));
	/* Nobody can connect before listen, so nobody sees it with other permissions. */
	err = tdm_control_bind_permit(path, &socket->read_gid, diag);
	if (err)
		return err;
	rc = uv_listen((uv_stream_t *)&socket->listener, BACKLOG, on_connection);
	if (rc)
		return tdm_diag_set(diag, TDM_ERR_IO, "control.socket: %s: cannot listen: %s", path,
			uv_strerror(rc));
	return TDM_OK;
}

enum tdm_err tdm_control_socket_new(const struct tdm_control_config *config,
	struct tdm_control_socket **out, struct tdm_diag *diag)
{
	struct tdm_control_socket *socket = calloc(1, sizeof(*socket));
	enum tdm_err err;

	if (!socket || uv_pipe_init(config->loop, &socket->listener, 0)) {
		free(socket);
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "control socket: out of memory");
	}
	socket->config = *config;
	socket->read_gid = -1;
	socket->identity = (struct tdm_control_identity){
		.config = config->config, .version = config->version, .started = tdm_clock_wall()
	};
	socket->listener.data = socket;
	err = start(socket, config->config->control_socket, diag);
	if (err) {
		tdm_control_socket_free(socket);
		return err;
	}
	*out = socket;
	return TDM_OK;
}

void tdm_control_socket_logoff_done(
	struct tdm_control_socket *socket, uint64_t ticket, enum tdm_err err)
{
	for (struct tdm_control_client *c = socket->clients; c; c = c->next)
		if (ticket && c->logoff.ticket == ticket && !c->closing) {
			tdm_control_request_logoff_done(&c->logoff, &c->peer, err, &c->out);
			if (!c->logoff.ticket)
				tdm_control_client_flush(c);
			return;
		}
}

void tdm_control_socket_free(struct tdm_control_socket *socket)
{
	if (!socket)
		return;
	socket->closing = true;
	for (struct tdm_control_client *c = socket->clients; c; c = c->next)
		tdm_control_client_close(c);
	uv_close((uv_handle_t *)&socket->listener, on_listener_closed); /* unlinks it too */
}
