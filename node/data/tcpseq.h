/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a TCP connection stands: what another node needs to speak to its client's kernel. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Read the next sequence number to send and the next one expected, host order. Needs
 * CAP_NET_ADMIN; false when the kernel does not say, and both are 0 then. The connection goes on as
 * if nothing had happened. */
bool tdm_tcp_numbers(int fd, uint32_t *seq, uint32_t *ack);
