/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses and routes of this node, over netlink. Not thread-safe: one per lock. */
#pragma once

#include "node/config/config.h"

enum { TDM_MAC_LEN = 6 };

/* A network interface as it is now. */
struct tdm_interface {
	int index;
	bool ethernet; /* has a MAC address, neighbours can be told */
	uint8_t mac[TDM_MAC_LEN];
};

enum tdm_link_state {
	TDM_LINK_ABSENT,
	TDM_LINK_OURS,    /* with a limited lifetime, as we put addresses on */
	TDM_LINK_FOREIGN, /* permanent: the administrator's */
};

/* What an interface knows about an address. */
struct tdm_link_address {
	enum tdm_link_state state;
	uint8_t len;        /* prefix length it is there with */
	bool subnet_served; /* another address of the interface covers its subnet */
};

struct tdm_link;

enum tdm_err tdm_link_open(struct tdm_link **out, struct tdm_diag *diag) TDM_MUST_USE;
void tdm_link_close(struct tdm_link *link); /* NULL is fine */

/* TDM_ERR_NOT_FOUND with diag when there is no such interface. */
enum tdm_err tdm_link_interface(
	const char *name, struct tdm_interface *out, struct tdm_diag *diag) TDM_MUST_USE;
enum tdm_err tdm_link_find(struct tdm_link *link, int index, const struct tdm_prefix *prefix,
	struct tdm_link_address *out, struct tdm_diag *diag) TDM_MUST_USE;

/* Put an address on, or renew its lifetime. valid_s 0 = for ever. */
enum tdm_err tdm_link_put(struct tdm_link *link, int index, const struct tdm_prefix *prefix,
	uint32_t valid_s, struct tdm_diag *diag) TDM_MUST_USE;
/* Missing is fine. */
void tdm_link_remove(struct tdm_link *link, int index, const struct tdm_prefix *prefix);

enum tdm_err tdm_link_route(struct tdm_link *link, int index, const struct tdm_prefix *prefix,
	struct tdm_diag *diag) TDM_MUST_USE;
void tdm_link_unroute(struct tdm_link *link, int index, const struct tdm_prefix *prefix);

/* Remove every service address that a dead daemon left behind. */
void tdm_link_sweep(struct tdm_link *link, const struct tdm_config *config);
