/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by address.c (what is held) and lease.c (for how long). */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "node/address/address.h"
#include "node/address/link.h"
#include "node/address/nfbatch.h"
#include "node/address/nft.h"

/* Addresses go away by themselves when nobody renews them: the broom behind a dead daemon. */
enum { TDM_BROOM_S = 2, TDM_BROOM_RENEW_MS = 500 };

struct tdm_held {
	struct tdm_prefix prefix;
	struct tdm_interface interface;
	bool ours; /* else the administrator's: not to be removed */
};

struct tdm_address_member {
	bool held, paused;
	struct tdm_held addresses[TDM_CONFIG_ADDRS_MAX + 1];
	size_t addresses_len;
	int tun; /* interface index; 0 = no routes */
	tdm_ms announcing_since;
	size_t announced; /* how many times since then */
};

struct tdm_address {
	const struct tdm_config *config;
	pthread_mutex_t lock; /* for all up to the signs of life */
	struct tdm_link *link;
	int announce_fd, nft_fd;
	struct tdm_address_member members[TDM_MEMBERS_MAX]; /* by id - 1 */
	struct tdm_nfbatch renewal; /* of everything that is held and not paused; len 0 = nothing */
	bool renewal_failed;        /* was reported */
	tdm_ms broom_at;
	bool stopping;
	pthread_cond_t wake;
	pthread_t thread;
	bool thread_runs;

	_Atomic(tdm_ms) control_at, cluster_at;
	atomic_bool holding, fenced;
};

/* All with the lock held. */

/* What is held or paused has changed: make the renewal anew and run it. */
enum tdm_err tdm_lease_update(struct tdm_address *address, struct tdm_diag *diag) TDM_MUST_USE;
/* Take a member's addresses out of the lease at once. */
void tdm_lease_clear(struct tdm_address *address, const struct tdm_address_member *member);
/* Send the announcements that are due. */
void tdm_address_announce_due(
	struct tdm_address *address, struct tdm_address_member *member, tdm_ms now);

/* Without the lock. */
enum tdm_err tdm_lease_start(struct tdm_address *address, struct tdm_diag *diag) TDM_MUST_USE;
void tdm_lease_stop(struct tdm_address *address);
