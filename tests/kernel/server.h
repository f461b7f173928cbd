/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A daemon in small: takes the member, listens on the service port, accepts, can be killed. */
#pragma once

#include "tests/kernel/net.h"

struct server_options {
	const struct tdm_config *config;
	bool listens;     /* TCP and UDP on the service port */
	bool closes;      /* every connection after accept, on purpose */
	bool slow_to_die; /* has a TUN device and a packet socket, whose closing takes its time */
};

/* The body of the process: takes the member, calls net_ready and renews until it is killed. ctx is
 * struct server_options. */
void server_run(void *ctx);
/* A connected TCP socket in the client's namespace. */
int server_connect(const struct net *net);
/* Start connecting from the client's namespace, without waiting. */
int server_begin_connect(const struct net *net);
