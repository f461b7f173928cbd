/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/data/tcpseq.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Newer than the C library's headers; with TCP_REPAIR_OFF the kernel would send a window probe. */
#ifndef TCP_REPAIR_OFF_NO_WP
#define TCP_REPAIR_OFF_NO_WP -1
#endif

static bool set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static bool queue_end(int fd, int queue, uint32_t *out)
{
	socklen_t len = sizeof(*out);

	return set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue) &&
	       getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, out, &len) == 0;
}

bool tdm_tcp_numbers(int fd, uint32_t *seq, uint32_t *ack)
{
	bool ok;

	*seq = *ack = 0;
	if (!set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON))
		return false;
	ok = queue_end(fd, TCP_SEND_QUEUE, seq) && queue_end(fd, TCP_RECV_QUEUE, ack);
	/* repair mode clears SO_REUSEADDR, without which the next daemon could not listen */
	ok = set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP) &&
	     set(fd, SOL_SOCKET, SO_REUSEADDR, 1) && ok;
	if (!ok)
		*seq = *ack = 0;
	return ok;
}
