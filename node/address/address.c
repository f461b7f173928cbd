/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/address/address.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/address/announce.h"
#include "node/address/internal.h"
#include "node/address/nft.h"
#include "node/address/service.h"
#include "node/clock.h"
#include "node/log.h"

/* When an address is announced, counted from taking it: frames get lost, caches are stubborn. */
static const tdm_ms announce_at_ms[] = { 0, 100, 1000, 2000, 5000, 10000 };

enum { ANNOUNCEMENTS = sizeof(announce_at_ms) / sizeof(announce_at_ms[0]) };

static struct tdm_address_member *find(struct tdm_address *address, tdm_member_id member)
{
	return &address->members[member - 1];
}

static const struct tdm_config_member *configured(
	const struct tdm_address *address, tdm_member_id member)
{
	return &address->config->members[member - 1];
}

void tdm_address_announce_due(
	struct tdm_address *address, struct tdm_address_member *member, tdm_ms now)
{
	if (member->announced == ANNOUNCEMENTS ||
		now - member->announcing_since < announce_at_ms[member->announced])
		return;
	member->announced++;
	for (size_t i = 0; i < member->addresses_len; i++)
		tdm_announce(address->announce_fd, &member->addresses[i].interface,
			&member->addresses[i].prefix.ip);
}

static void announce_anew(struct tdm_address *address, struct tdm_address_member *member)
{
	member->announcing_since = tdm_clock_ms();
	member->announced = 0;
	tdm_address_announce_due(address, member, member->announcing_since);
}

static enum tdm_err load_tables(const struct tdm_config *config, struct tdm_diag *diag)
{
	char *text = tdm_nft_text(config);
	struct tdm_nft *nft = NULL;
	enum tdm_err err;

	if (!text)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "%s", tdm_err_text(TDM_ERR_NOMEM));
	err = tdm_nft_open(&nft, diag);
	if (!err)
		err = tdm_nft_load(nft, text, diag);
	tdm_nft_close(nft);
	free(text);
	return err;
}

static enum tdm_err open_lease(struct tdm_address *address, struct tdm_diag *diag)
{
	enum tdm_err err = load_tables(address->config, diag);

	if (err)
		return err;
	err = tdm_nfbatch_open(&address->nft_fd);
	if (err)
		return tdm_diag_set(diag, err, "nftables: cannot open a socket");
	tdm_link_sweep(address->link, address->config);
	return tdm_lease_start(address, diag);
}

static void init_locks(struct tdm_address *address)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&address->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&address->wake, &attr);
	pthread_condattr_destroy(&attr);
}

enum tdm_err tdm_address_new(
	const struct tdm_config *config, struct tdm_address **out, struct tdm_diag *diag)
{
	struct tdm_address *address = calloc(1, sizeof(*address));
	enum tdm_err err;

	if (!address)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "%s", tdm_err_text(TDM_ERR_NOMEM));
	address->config = config;
	address->announce_fd = address->nft_fd = -1;
	init_locks(address);
	err = tdm_link_open(&address->link, diag);
	if (!err)
		err = tdm_announce_open(&address->announce_fd, diag);
	if (!err && !config->cluster.none)
		err = open_lease(address, diag);
	if (err)
		tdm_address_free(address);
	else
		*out = address;
	return err;
}

void tdm_address_free(struct tdm_address *address)
{
	if (!address)
		return;
	for (size_t i = 0; i < address->config->members_len; i++)
		tdm_address_drop(address, address->config->members[i].id);
	tdm_lease_stop(address);
	tdm_link_close(address->link);
	if (address->announce_fd >= 0)
		close(address->announce_fd);
	if (address->nft_fd >= 0)
		close(address->nft_fd);
	tdm_nfbatch_deinit(&address->renewal);
	pthread_cond_destroy(&address->wake);
	pthread_mutex_destroy(&address->lock);
	free(address);
}

static enum tdm_err add_routes(
	struct tdm_address *address, tdm_member_id member, const char *tun, struct tdm_diag *diag)
{
	const struct tdm_config_member *config = configured(address, member);
	struct tdm_address_member *m = find(address, member);
	struct tdm_interface interface;
	enum tdm_err err;

	m->tun = 0;
	if (!tun || config->pools_len == 0)
		return TDM_OK;
	err = tdm_link_interface(tun, &interface, diag);
	if (err)
		return err;
	m->tun = interface.index;
	for (size_t i = 0; !err && i < config->pools_len; i++)
		err = tdm_link_route(address->link, m->tun, &config->pools[i], diag);
	return err;
}

static enum tdm_err put_address(
	struct tdm_address *address, struct tdm_held *held, struct tdm_diag *diag)
{
	bool alone = address->config->cluster.none;
	struct tdm_link_address found;
	enum tdm_err err;

	err = tdm_link_find(address->link, held->interface.index, &held->prefix, &found, diag);
	if (err)
		return err;
	if (found.state == TDM_LINK_FOREIGN)
		return TDM_OK;
	/* Beside another address of the subnet it stands alone: no second route to the subnet, and
	 * it does not go when the other one goes. */
	if (found.state == TDM_LINK_OURS)
		held->prefix.len = found.len;
	else if (found.subnet_served)
		held->prefix.len = held->prefix.ip.family == 4 ? 32 : 128;
	err = tdm_link_put(
		address->link, held->interface.index, &held->prefix, alone ? 0 : TDM_BROOM_S, diag);
	held->ours = err == TDM_OK;
	return err;
}

static enum tdm_err put_addresses(
	struct tdm_address *address, tdm_member_id member, struct tdm_diag *diag)
{
	struct tdm_service services[TDM_SERVICES_MAX];
	size_t len = tdm_service_list(address->config, member, services);
	struct tdm_address_member *m = find(address, member);
	enum tdm_err err = TDM_OK;

	m->addresses_len = 0;
	for (size_t i = 0; !err && i < len; i++) {
		struct tdm_held *held = &m->addresses[m->addresses_len];

		*held = (struct tdm_held){ .prefix = services[i].prefix };
		err = tdm_link_interface(services[i].interface, &held->interface, diag);
		if (err)
			break;
		m->addresses_len++;
		err = put_address(address, held, diag);
	}
	return err;
}

static void update_holding(struct tdm_address *address)
{
	bool any = false;

	for (size_t i = 0; i < TDM_MEMBERS_MAX; i++)
		any = any || address->members[i].held;
	atomic_store(&address->holding, any);
	if (!any)
		atomic_store(&address->fenced, false);
}

static void let_go(struct tdm_address *address, tdm_member_id member)
{
	const struct tdm_config_member *config = configured(address, member);
	struct tdm_address_member *m = find(address, member);

	m->held = false;
	tdm_lease_clear(address, m);
	update_holding(address);
	if (address->nft_fd >= 0) {
		struct tdm_diag diag;

		if (tdm_lease_update(address, &diag) != TDM_OK)
			tdm_log_error("%s", diag.text);
	}
	for (size_t i = 0; i < m->addresses_len; i++)
		if (m->addresses[i].ours)
			tdm_link_remove(address->link, m->addresses[i].interface.index,
				&m->addresses[i].prefix);
	for (size_t i = 0; m->tun != 0 && i < config->pools_len; i++)
		tdm_link_unroute(address->link, m->tun, &config->pools[i]);
	*m = (struct tdm_address_member){ 0 };
}

/* The control thread is alive, it is here. Whether corosync is shows its last sign: when that is
 * old, all is taken, stays silent, and is fenced. */
static void hold(struct tdm_address *address, struct tdm_address_member *m)
{
	if (!atomic_load(&address->holding))
		atomic_store(&address->control_at, tdm_clock_ms());
	m->held = true;
	m->paused = false;
	update_holding(address);
}

static enum tdm_err take(
	struct tdm_address *address, tdm_member_id member, const char *tun, struct tdm_diag *diag)
{
	struct tdm_address_member *m = find(address, member);
	enum tdm_err err = add_routes(address, member, tun, diag);

	if (!err)
		err = put_addresses(address, member, diag);
	if (!err) {
		hold(address, m);
		if (!address->config->cluster.none)
			err = tdm_lease_update(address, diag);
	}
	if (err) {
		let_go(address, member);
		return err;
	}
	address->broom_at = tdm_clock_ms() + TDM_BROOM_RENEW_MS;
	if (!tdm_address_is_fenced(address))
		announce_anew(address, m);
	return TDM_OK;
}

enum tdm_err tdm_address_take(
	struct tdm_address *address, tdm_member_id member, const char *tun, struct tdm_diag *diag)
{
	enum tdm_err err = TDM_OK;

	pthread_mutex_lock(&address->lock);
	if (!find(address, member)->held)
		err = take(address, member, tun, diag);
	pthread_mutex_unlock(&address->lock);
	return err;
}

void tdm_address_drop(struct tdm_address *address, tdm_member_id member)
{
	pthread_mutex_lock(&address->lock);
	if (find(address, member)->held)
		let_go(address, member);
	pthread_mutex_unlock(&address->lock);
}

void tdm_address_pause(struct tdm_address *address, tdm_member_id member, bool pause)
{
	struct tdm_address_member *m = find(address, member);
	struct tdm_diag diag;

	pthread_mutex_lock(&address->lock);
	if (m->held && m->paused != pause && !address->config->cluster.none) {
		m->paused = pause;
		if (pause)
			tdm_lease_clear(address, m);
		if (tdm_lease_update(address, &diag) != TDM_OK)
			tdm_log_error("%s", diag.text);
		if (!pause && !tdm_address_is_fenced(address))
			announce_anew(address, m);
	}
	pthread_mutex_unlock(&address->lock);
}
