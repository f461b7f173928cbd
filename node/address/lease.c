/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lease and the thread that renews it, as long as there are signs of life. */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "node/address/internal.h"
#include "node/clock.h"
#include "node/log.h"

enum {
	LEASED_MAX = TDM_MEMBERS_MAX * (TDM_CONFIG_ADDRS_MAX + 1),
	NS_PER_MS = 1000000,
	NS_PER_S = 1000000000,
};

/* --- signs of life --- */

static bool overdue(tdm_ms since, tdm_ms now)
{
	return now - since > TDM_LIVENESS_MS;
}

static void sign(struct tdm_address *address, _Atomic(tdm_ms) *at)
{
	tdm_ms now = tdm_clock_ms();

	/* Whoever comes first after a stall notices it, before the sign looks fresh again. */
	if (overdue(atomic_exchange(at, now), now) && atomic_load(&address->holding))
		atomic_store(&address->fenced, true);
}

void tdm_address_alive_control(struct tdm_address *address)
{
	sign(address, &address->control_at);
}

void tdm_address_alive_cluster(struct tdm_address *address)
{
	sign(address, &address->cluster_at);
}

bool tdm_address_is_fenced(const struct tdm_address *address)
{
	tdm_ms now = tdm_clock_ms();

	if (address->config->cluster.none || !atomic_load(&address->holding))
		return false;
	return atomic_load(&address->fenced) || overdue(atomic_load(&address->control_at), now) ||
	       overdue(atomic_load(&address->cluster_at), now);
}

/* --- lease --- */

static size_t add_member(
	struct tdm_ip out[LEASED_MAX], size_t n, const struct tdm_address_member *member)
{
	for (size_t i = 0; i < member->addresses_len; i++)
		out[n++] = member->addresses[i].prefix.ip;
	return n;
}

static enum tdm_err renew(struct tdm_address *address)
{
	if (address->renewal.len == 0)
		return TDM_OK;
	return tdm_nfbatch_run(address->nft_fd, &address->renewal);
}

enum tdm_err tdm_lease_update(struct tdm_address *address, struct tdm_diag *diag)
{
	struct tdm_ip ips[LEASED_MAX];
	size_t len = 0;
	enum tdm_err err = TDM_OK;

	tdm_nfbatch_deinit(&address->renewal);
	for (size_t i = 0; i < TDM_MEMBERS_MAX; i++)
		if (address->members[i].held && !address->members[i].paused)
			len = add_member(ips, len, &address->members[i]);
	if (len > 0)
		err = tdm_nfbatch_init(
			&address->renewal, TDM_NFBATCH_RENEW, ips, len, TDM_LEASE_MS);
	if (!err && !tdm_address_is_fenced(address))
		err = renew(address);
	return err ? tdm_diag_set(
			     diag, err, "nftables: cannot renew the lease: %s", tdm_err_text(err))
		   : TDM_OK;
}

void tdm_lease_clear(struct tdm_address *address, const struct tdm_address_member *member)
{
	struct tdm_ip ips[LEASED_MAX];
	size_t len = add_member(ips, 0, member);
	struct tdm_nfbatch batch = { 0 };
	enum tdm_err err;

	if (address->nft_fd < 0 || len == 0)
		return;
	err = tdm_nfbatch_init(&batch, TDM_NFBATCH_CLEAR, ips, len, TDM_LEASE_MS);
	if (!err)
		err = tdm_nfbatch_run(address->nft_fd, &batch);
	/* It runs out by itself then. */
	if (err)
		tdm_log_warning("nftables: cannot clear the lease: %s", tdm_err_text(err));
	tdm_nfbatch_deinit(&batch);
}

/* --- thread --- */

/* Nobody knows what the others did while we were away: fall silent until all is let go. */
static void fence(struct tdm_address *address)
{
	if (address->renewal.len == 0)
		return;
	atomic_store(&address->fenced, true);
	for (size_t i = 0; i < TDM_MEMBERS_MAX; i++)
		if (address->members[i].held)
			tdm_lease_clear(address, &address->members[i]);
	tdm_nfbatch_deinit(&address->renewal);
	tdm_log_warning(
		"no sign of life for %d ms: the service addresses fall silent", TDM_LIVENESS_MS);
}

static void renew_and_report(struct tdm_address *address)
{
	enum tdm_err err = renew(address);

	if (err && !address->renewal_failed)
		tdm_log_error("nftables: cannot renew the lease: %s%s", tdm_err_text(err),
			err == TDM_ERR_NOT_FOUND ? " (somebody removed table " TDM_NFT_TABLE ")"
						 : "");
	else if (!err && address->renewal_failed)
		tdm_log_info("nftables: the lease is renewed again");
	address->renewal_failed = err != TDM_OK;
}

static void renew_lifetimes(struct tdm_address *address, tdm_ms now)
{
	if (now < address->broom_at)
		return;
	address->broom_at = now + TDM_BROOM_RENEW_MS;
	for (size_t i = 0; i < TDM_MEMBERS_MAX; i++) {
		struct tdm_address_member *member = &address->members[i];

		for (size_t k = 0; member->held && k < member->addresses_len; k++) {
			const struct tdm_held *held = &member->addresses[k];
			struct tdm_diag diag;

			if (held->ours && tdm_link_put(address->link, held->interface.index,
						  &held->prefix, TDM_BROOM_S, &diag) != TDM_OK)
				tdm_log_error("%s", diag.text);
		}
	}
}

static void tick(struct tdm_address *address)
{
	tdm_ms now = tdm_clock_ms();

	if (!atomic_load(&address->holding))
		return;
	if (tdm_address_is_fenced(address)) {
		fence(address);
		return;
	}
	renew_and_report(address);
	renew_lifetimes(address, now);
	for (size_t i = 0; i < TDM_MEMBERS_MAX; i++)
		if (address->members[i].held && !address->members[i].paused)
			tdm_address_announce_due(address, &address->members[i], now);
}

static struct timespec after(struct timespec t, long ms)
{
	t.tv_nsec += ms * NS_PER_MS;
	if (t.tv_nsec >= NS_PER_S) {
		t.tv_nsec -= NS_PER_S;
		t.tv_sec++;
	}
	return t;
}

static void *lease_main(void *arg)
{
	struct tdm_address *address = arg;

	pthread_mutex_lock(&address->lock);
	while (!address->stopping) {
		struct timespec next;

		clock_gettime(CLOCK_MONOTONIC, &next);
		next = after(next, TDM_LEASE_RENEW_MS);
		tick(address);
		while (!address->stopping &&
			pthread_cond_timedwait(&address->wake, &address->lock, &next) == 0)
			;
	}
	pthread_mutex_unlock(&address->lock);
	return NULL;
}

enum tdm_err tdm_lease_start(struct tdm_address *address, struct tdm_diag *diag)
{
	/* A busy host must not cost us the lease. Without the permission it goes without. */
	const struct sched_param priority = { .sched_priority = 1 };
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&address->thread, NULL, lease_main, address);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return tdm_diag_set(
			diag, TDM_ERR_NOMEM, "cannot start a thread: %s", strerror(error));
	address->thread_runs = true;
	pthread_setschedparam(address->thread, SCHED_RR, &priority);
	return TDM_OK;
}

void tdm_lease_stop(struct tdm_address *address)
{
	if (!address->thread_runs)
		return;
	pthread_mutex_lock(&address->lock);
	address->stopping = true;
	pthread_cond_signal(&address->wake);
	pthread_mutex_unlock(&address->lock);
	pthread_join(address->thread, NULL);
	address->thread_runs = false;
}
