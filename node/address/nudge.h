/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The nudge: one TCP segment, shaped like a keepalive, on the connection that a client had to the
 * dead owner. The client's kernel answers it, finds nobody at this end, gets a reset with the right
 * sequence number (RFC 5961), and the client reconnects at once instead of after its next timeout.
 */
#pragma once

#include "proto/err.h"
#include "proto/ip.h"

/* A raw socket, opened at start and kept. TDM_ERR_PERM, TDM_ERR_IO with diag. */
enum tdm_err tdm_nudge_open(int *fd, struct tdm_diag *diag) TDM_MUST_USE;
/* local is a service address that this node holds, remote the client as the dead owner saw it; seq
 * and ack as that owner knew them (next to send, next expected), 0 when it did not. Anything but
 * IPv4 unicast is left alone. Failures are not reported: the client has timers of its own. */
void tdm_nudge(int fd, const struct tdm_endpoint *local, const struct tdm_endpoint *remote,
	uint32_t seq, uint32_t ack);
