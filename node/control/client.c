/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/control/client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/clock.h"
#include "node/log.h"
#include "proto/bytes.h"

enum {
	CLIENTS_MAX = 16,
	NEXT_PIECE_MS = 1, /* when a piece of a list was empty */
	GROUPS_MAX = 256,
};

static void read_on(struct tdm_control_client *client);
static void list_on(struct tdm_control_client *client);

/* --- closing --- */

static void on_handle_closed(uv_handle_t *handle)
{
	struct tdm_control_client *client = handle->data;
	struct tdm_control_socket *socket = client->socket;
	struct tdm_control_client **at = &socket->clients;

	if (--client->open_handles)
		return;
	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	socket->clients_len--;
	free(client->writing);
	tdm_control_out_clear(&client->out);
	tdm_control_listing_end(&client->listing);
	free(client);
	tdm_control_socket_release(socket);
}

void tdm_control_client_close(struct tdm_control_client *client)
{
	if (client->closing)
		return;
	client->closing = true;
	uv_close((uv_handle_t *)&client->pipe, on_handle_closed);
	uv_close((uv_handle_t *)&client->timer, on_handle_closed);
}

/* --- patience --- */

static void on_timer(uv_timer_t *timer)
{
	struct tdm_control_client *client = timer->data;

	if (client->listing.request && !client->writing) {
		list_on(client);
		return;
	}
	if (client->logoff.ticket && !client->writing) {
		client->logoff.ticket = 0;
		client->logoff.waiting = 0;
		tdm_control_out_error(&client->out, TDM_ERR_TIMEOUT,
			"the cluster has not confirmed yet; look at the sessions again");
		tdm_control_client_flush(client);
		return;
	}
	if (client->writing)
		tdm_log_warning("control: uid %u (pid %d) does not read its answer, dropped",
			client->peer.uid, client->peer.pid);
	tdm_control_client_close(client);
}

static void wait_at_most(struct tdm_control_client *client, uint64_t ms)
{
	uv_timer_start(&client->timer, on_timer, ms, 0);
}

/* --- writing --- */

static void on_written(uv_write_t *write, int status)
{
	struct tdm_control_client *client = write->data;

	free(client->writing);
	client->writing = NULL;
	if (client->closing)
		return;
	if (status < 0)
		tdm_control_client_close(client);
	else if (client->listing.request)
		list_on(client);
	else
		tdm_control_client_flush(client);
}

void tdm_control_client_flush(struct tdm_control_client *client)
{
	uv_buf_t buf;

	if (client->closing || client->writing)
		return;
	if (client->out.failed) {
		tdm_log_warning("control: out of memory for an answer");
		tdm_control_client_close(client);
		return;
	}
	client->writing = tdm_control_out_take(&client->out);
	if (!client->writing) {
		if (client->listing.request)
			wait_at_most(client, NEXT_PIECE_MS);
		else if (!client->logoff.ticket)
			read_on(client);
		return;
	}
	buf = uv_buf_init((char *)client->writing->data, (unsigned)client->writing->len);
	client->write.data = client;
	wait_at_most(client, TDM_CONTROL_PATIENCE_MS);
	if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &buf, 1, on_written)) {
		free(client->writing);
		client->writing = NULL;
		tdm_control_client_close(client);
	}
}

/* --- reading --- */

static struct tdm_control_request request_of(struct tdm_control_client *client)
{
	struct tdm_control_socket *socket = client->socket;

	return (struct tdm_control_request){
		.config = &socket->config,
		.identity = socket->identity,
		.peer = client->peer,
		.ticket = ++socket->tickets,
		.now = tdm_clock_wall(),
		.logoff = &client->logoff,
		.listing = &client->listing,
		.out = &client->out,
	};
}

static void answer(struct tdm_control_client *client, const uint8_t *data, size_t len)
{
	struct tdm_control_request request = request_of(client);

	uv_read_stop((uv_stream_t *)&client->pipe);
	wait_at_most(client, TDM_CONTROL_PATIENCE_MS);
	tdm_control_request(&request, data, len);
	tdm_control_client_flush(client);
}

static void list_on(struct tdm_control_client *client)
{
	struct tdm_control_request request = request_of(client);

	tdm_control_request_list(&request);
	tdm_control_client_flush(client);
}

/* True when a whole request was there and is being answered. */
static bool take_request(struct tdm_control_client *client)
{
	uint8_t request[TDM_CONTROL_REQUEST_MAX];
	struct tdm_reader reader;
	size_t len, used;

	if (client->in_len < TDM_CONTROL_HEADER)
		return false;
	tdm_reader_init(&reader, client->in, client->in_len);
	len = tdm_reader_u32(&reader);
	if (len > TDM_CONTROL_REQUEST_MAX) {
		tdm_log_warning("control: uid %u (pid %d) sent a request of %zu bytes, dropped",
			client->peer.uid, client->peer.pid, len);
		tdm_control_client_close(client);
		return true;
	}
	used = TDM_CONTROL_HEADER + len;
	if (client->in_len < used)
		return false;
	memcpy(request, client->in + TDM_CONTROL_HEADER, len);
	client->in_len -= used;
	memmove(client->in, client->in + used, client->in_len);
	answer(client, request, len);
	return true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct tdm_control_client *client = handle->data;

	(void)suggested;
	*buf = uv_buf_init((char *)client->in + client->in_len,
		(unsigned)(sizeof(client->in) - client->in_len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct tdm_control_client *client = stream->data;

	(void)buf;
	if (n < 0) {
		tdm_control_client_close(client);
		return;
	}
	client->in_len += (size_t)n;
	take_request(client);
}

static void read_on(struct tdm_control_client *client)
{
	wait_at_most(client, TDM_CONTROL_IDLE_MS);
	if (take_request(client)) /* came together with the one before */
		return;
	if (uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read))
		tdm_control_client_close(client);
}

/* --- coming in --- */

static bool in_group(int fd, const struct ucred *cred, int64_t gid)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (gid < 0)
		return false;
	if ((int64_t)cred->gid == gid)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if ((int64_t)groups[i] == gid)
			return true;
	return false;
}

/* Who it is; false when it may not even look. The socket's mode keeps others out already. */
static bool identify(struct tdm_control_client *client)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)&client->pipe, &fd) ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	client->peer.uid = cred.uid;
	client->peer.pid = cred.pid;
	client->peer.admin = cred.uid == 0 || cred.uid == geteuid();
	return client->peer.admin || in_group(fd, &cred, client->socket->read_gid);
}

void tdm_control_client_accept(struct tdm_control_socket *socket)
{
	struct tdm_control_client *client = calloc(1, sizeof(*client));

	if (!client)
		return;
	client->socket = socket;
	client->next = socket->clients;
	socket->clients = client;
	socket->clients_len++;
	client->open_handles = 2;
	uv_timer_init(socket->config.loop, &client->timer);
	uv_pipe_init(socket->config.loop, &client->pipe, 0);
	client->timer.data = client->pipe.data = client;
	if (uv_accept((uv_stream_t *)&socket->listener, (uv_stream_t *)&client->pipe)) {
		tdm_control_client_close(client);
	} else if (!identify(client)) {
		tdm_log_warning("control: uid %u (pid %d) is not allowed to connect",
			client->peer.uid, client->peer.pid);
		tdm_control_client_close(client);
	} else if (socket->clients_len > CLIENTS_MAX) {
		tdm_log_warning("control: more than %d clients, dropped uid %u (pid %d)",
			CLIENTS_MAX, client->peer.uid, client->peer.pid);
		tdm_control_client_close(client);
	} else {
		read_on(client);
	}
}
