/* SPDX-License-Identifier: GPL-3.0-or-later */
/* State of Corosync's links to other nodes, read from its statistics on this node. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TDM_LINKS_MAX = 128 };

enum tdm_links_state {
	TDM_LINKS_NONE, /* this node has no cluster: nothing was asked */
	TDM_LINKS_OK,
	TDM_LINKS_UNREACHABLE, /* no corosync, or it does not answer */
};

struct tdm_link {
	uint32_t node, number;
	bool connected;
};

struct tdm_links {
	enum tdm_links_state state;
	struct tdm_link items[TDM_LINKS_MAX]; /* by node and number */
	size_t len;
};

/* Ask the local corosync; self is left out. Gives up after a second: calls into a frozen corosync
 * do not return, so a child makes them. */
void tdm_links_read(struct tdm_links *links, uint32_t self);
