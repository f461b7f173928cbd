/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the core needs from the world around it: ordered multicast in one direction, events in the
 * other. Corosync is one filling (transport_cpg.h), the network in memory another
 * (transport_mem.h): for tests, and for a node that runs alone.
 */
#pragma once

#include "replication/event.h"

/* Called for each event, in order; event is borrowed for the call. The receiver fills in the wall
 * clock. */
typedef void tdm_transport_event_fn(void *ctx, const struct tdm_event *event);

struct tdm_transport;

struct tdm_transport_ops {
	/* Multicast to the group, sender included. TDM_ERR_AGAIN: flow control, keep the message
	 * and try again soon. TDM_ERR_CLUSTER_LOST: not a member of any group. */
	enum tdm_err (*mcast)(struct tdm_transport *transport, const uint8_t *data, size_t len);
	/* Leave the group and free the transport. */
	void (*close)(struct tdm_transport *transport);
};

struct tdm_transport {
	const struct tdm_transport_ops *ops;
};
