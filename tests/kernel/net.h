/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two network namespaces joined by a cable, for tests of what the kernel does with our rules: the
 * calling thread lives in the server's (interface "lan"), sockets can be opened in the client's
 * ("c0"). Nothing of the machine's own network is touched, all is gone when the process ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "node/config/config.h"

#define NET_SERVICE  "10.91.0.10"
#define NET_SERVICE6 "fd91::10"
#define NET_INSIDE   "10.92.0.10"
#define NET_CLIENT   "10.91.0.101"
enum { NET_PORT = 4443 };

struct net {
	int server_ns, client_ns;
	int client_index; /* of c0 */
};

/* Ends the test when it cannot: tests of this folder need root. */
void net_setup(struct net *net);
/* A shell command in the server's namespace; must succeed. */
void net_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A socket in the client's namespace. */
int net_client_socket(const struct net *net, int domain, int type, int protocol);
/* A configuration with one member whose addresses are on "lan". The caller frees it. */
struct tdm_config *net_config(void);

/* A child process, meant to be frozen or killed. run is called in it. net_child returns when it has
 * called net_ready(). */
pid_t net_child(void (*run)(void *ctx), void *ctx);
void net_ready(void);
/* Does nothing until it is killed. */
void net_sleep_for_ever(void) __attribute__((noreturn));
void net_kill(pid_t child);

int64_t net_now_us(void); /* the same clock in all processes */
void net_pause_ms(long ms);
