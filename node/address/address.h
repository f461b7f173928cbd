/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The addresses of a member: kernel lease, netlink, announcement. Called from the control thread;
 * the lease is renewed by a thread of its own.
 *
 * A service address answers only while it is in the nft sets "lease", whose elements time out after
 * TDM_LEASE_MS: an owner that is frozen, killed or cut off falls silent by itself.
 */
#pragma once

#include "node/config/config.h"

enum { TDM_LEASE_MS = 200, TDM_LEASE_RENEW_MS = 50, TDM_LIVENESS_MS = 150 };

/* Mark (SO_MARK) of every connection that the daemon closes on purpose: only such FIN and RST leave
 * the node. Connections in use carry the second one, set after accept: what the kernel sends for
 * them when the daemon is dead stays here, resets without ACK included. Listeners carry none: the
 * resets that answer stale segments of a dead node's connections must leave. */
enum { TDM_SOCKET_MARK = 0x7464, TDM_SOCKET_LIVE_MARK = 0x7463 };

struct tdm_address;

/* Install the nft tables, remove addresses that a dead predecessor left behind and start the lease
 * thread. In a node without a cluster (cluster: none) there are neither tables nor lease. config is
 * borrowed and outlives the result. TDM_ERR_PERM, TDM_ERR_IO, TDM_ERR_NOMEM with diag. */
enum tdm_err tdm_address_new(const struct tdm_config *config, struct tdm_address **out,
	struct tdm_diag *diag) TDM_MUST_USE;
/* Lets go of everything, stops the thread, leaves the nft tables in place. NULL is fine. */
void tdm_address_free(struct tdm_address *address);

/* Take a member's addresses: pool routes into tun (NULL = none), outside and inside address, lease,
 * announcement at once and repeated. Listeners must be open already. An address that is on the
 * interface for good (the administrator's) is used, and left there at drop. Idempotent. On failure
 * nothing is held. */
enum tdm_err tdm_address_take(struct tdm_address *address, tdm_member_id member, const char *tun,
	struct tdm_diag *diag) TDM_MUST_USE;
/* Let go: lease first, then addresses and routes. Idempotent. */
void tdm_address_drop(struct tdm_address *address, tdm_member_id member);
/* Fall silent at once (or go on and announce again) without touching the addresses: while the
 * quorum verdict on a new ring is awaited. Without effect on a member that is not held. */
void tdm_address_pause(struct tdm_address *address, tdm_member_id member, bool pause);

/* Signs of life that the lease depends on. The control thread calls the first at least every 50 ms,
 * the corosync liveness thread the second after each answered call; a sign older than
 * TDM_LIVENESS_MS ends the lease. Safe from any thread. */
void tdm_address_alive_control(struct tdm_address *address);
void tdm_address_alive_cluster(struct tdm_address *address);
/* True when a sign of life was overdue while something was held: the node must let go (fenced).
 * Stays true until everything was dropped, even if the signs have come back: nobody knows what the
 * others did meanwhile. Safe from any thread. */
bool tdm_address_is_fenced(const struct tdm_address *address);
