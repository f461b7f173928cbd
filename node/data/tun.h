/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one TUN device of the node, all clients share it. */
#pragma once

#include "node/config/config.h"
#include "proto/err.h"

#define TDM_TUN_NAME "tandem0"

/* What a tunnel over a link of 1500 bytes carries, DTLS included: hosts behind the device learn it
 * from the kernel (fragmentation needed). */
enum { TDM_TUN_MTU = 1434 };

/* Make the device (multi-queue, one non-blocking descriptor per data thread), set its MTU and
 * bring it up. It lives as long as one of its descriptors. Routes come and go with ownership
 * (address/address.h). TDM_ERR_PERM, TDM_ERR_IO with diag. */
enum tdm_err tdm_tun_open(
	const char *name, size_t queues, int *fds, struct tdm_diag *diag) TDM_MUST_USE;
