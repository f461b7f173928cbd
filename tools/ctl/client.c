/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/ctl/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/bytes.h"

enum {
	HEADER_LEN = 4,
	REQUEST_MAX = 4096,
	REPLY_MAX = 1024 * 1024,
	PATIENCE_S = 5,         /* a frozen daemon still has an open socket */
	LOGOFF_PATIENCE_S = 15, /* the daemon itself waits 10 s for the cluster */
};

static int unreachable(const struct tdm_ctl *ctl)
{
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		return tdm_ctl_fail(TDM_CTL_UNREACHABLE,
			"%s: tandemd is not running here; start it, or give --socket PATH",
			ctl->socket);
	case EACCES:
		return tdm_ctl_fail(TDM_CTL_UNREACHABLE,
			"%s: not permitted; be root or in the group tandem", ctl->socket);
	case EAGAIN:
		return tdm_ctl_fail(TDM_CTL_UNREACHABLE,
			"%s: tandemd does not answer; is it stopped or overloaded?", ctl->socket);
	default:
		return tdm_ctl_fail(TDM_CTL_UNREACHABLE, "%s: %s", ctl->socket, strerror(errno));
	}
}

static int dial(const struct tdm_ctl *ctl, time_t patience_s, int *fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = patience_s };

	if (strlen(ctl->socket) >= sizeof(address.sun_path))
		return tdm_ctl_fail(
			TDM_CTL_USAGE, "%s: too long for the path of a socket", ctl->socket);
	memcpy(address.sun_path, ctl->socket, strlen(ctl->socket) + 1);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return unreachable(ctl);
	setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(*fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return TDM_CTL_OK;
	close(*fd);
	return unreachable(ctl);
}

static bool send_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool receive_all(int fd, uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = recv(fd, data, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ECONNRESET;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool send_request(int fd, const Tandem__Control__Request *request)
{
	uint8_t buf[HEADER_LEN + REQUEST_MAX];
	size_t len = tandem__control__request__get_packed_size(request);
	struct tdm_writer writer;

	errno = EMSGSIZE;
	if (len > REQUEST_MAX)
		return false;
	tdm_writer_init(&writer, buf, HEADER_LEN);
	tdm_writer_u32(&writer, (uint32_t)len);
	tandem__control__request__pack(request, buf + HEADER_LEN);
	return send_all(fd, buf, HEADER_LEN + len);
}

/* NULL with errno set. */
static Tandem__Control__Reply *receive_reply(int fd)
{
	Tandem__Control__Reply *reply = NULL;
	uint8_t header[HEADER_LEN], *body;
	struct tdm_reader reader;
	size_t len;

	if (!receive_all(fd, header, sizeof(header)))
		return NULL;
	tdm_reader_init(&reader, header, sizeof(header));
	len = tdm_reader_u32(&reader);
	body = len <= REPLY_MAX ? malloc(len + 1) : NULL;
	if (!body) {
		errno = EPROTO;
		return NULL;
	}
	if (receive_all(fd, body, len)) {
		reply = tandem__control__reply__unpack(NULL, len, body);
		if (!reply)
			errno = EPROTO;
	}
	free(body);
	return reply;
}

static bool keep(struct tdm_ctl_replies *replies, Tandem__Control__Reply *reply)
{
	if (replies->len == replies->cap) {
		size_t cap = replies->cap ? replies->cap * 2 : 16;
		Tandem__Control__Reply **grown = realloc(replies->items, cap * sizeof(*grown));

		if (!grown) {
			tandem__control__reply__free_unpacked(reply, NULL);
			return false;
		}
		replies->items = grown;
		replies->cap = cap;
	}
	replies->items[replies->len++] = reply;
	return true;
}

static int refused(const Tandem__Control__Error *error)
{
	char text[256];

	return tdm_ctl_fail(TDM_CTL_REFUSED, "%s", tdm_ctl_safe(error->text, text, sizeof(text)));
}

static int gather(const struct tdm_ctl *ctl, int fd, struct tdm_ctl_replies *replies)
{
	for (;;) {
		Tandem__Control__Reply *reply = receive_reply(fd);
		bool more;

		if (!reply)
			return unreachable(ctl);
		if (reply->kind_case == TANDEM__CONTROL__REPLY__KIND_ERROR) {
			int code = refused(reply->error);

			tandem__control__reply__free_unpacked(reply, NULL);
			return code;
		}
		more = reply->more;
		if (!keep(replies, reply))
			return tdm_ctl_fail(TDM_CTL_REFUSED, "out of memory");
		if (!more)
			return TDM_CTL_OK;
	}
}

int tdm_ctl_ask(const struct tdm_ctl *ctl, const Tandem__Control__Request *request,
	struct tdm_ctl_replies *replies)
{
	bool logoff = request->kind_case == TANDEM__CONTROL__REQUEST__KIND_LOGOFF;
	int fd = -1, code;

	*replies = (struct tdm_ctl_replies){ .len = 0 };
	code = dial(ctl, logoff ? LOGOFF_PATIENCE_S : PATIENCE_S, &fd);
	if (code)
		return code;
	code = send_request(fd, request) ? gather(ctl, fd, replies) : unreachable(ctl);
	close(fd);
	return code;
}

void tdm_ctl_replies_free(struct tdm_ctl_replies *replies)
{
	for (size_t i = 0; i < replies->len; i++)
		tandem__control__reply__free_unpacked(replies->items[i], NULL);
	free(replies->items);
	*replies = (struct tdm_ctl_replies){ .len = 0 };
}
