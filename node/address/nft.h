/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The nftables tables "inet tandem" and "arp tandem": who may answer for a service address, and
 * what must not leave the node when the daemon is dead. Two static parts (which addresses, which
 * rules) and the lease sets, which nfbatch.h fills.
 */
#pragma once

#include "node/config/config.h"

#define TDM_NFT_TABLE       "tandem"
#define TDM_NFT_ARP_LEASE   "lease"
#define TDM_NFT_INET_LEASE4 "lease4"
#define TDM_NFT_INET_LEASE6 "lease6"

/* The tables as text for "nft -f", replacing what is there of them. The caller frees it; NULL when
 * out of memory. */
char *tdm_nft_text(const struct tdm_config *config);

/* One connection to the kernel's nftables per process: none of it survives a fork. */
struct tdm_nft;
enum tdm_err tdm_nft_open(struct tdm_nft **out, struct tdm_diag *diag) TDM_MUST_USE;
void tdm_nft_close(struct tdm_nft *nft); /* NULL is fine */
/* Load text in one transaction. TDM_ERR_PERM, TDM_ERR_IO with diag. */
enum tdm_err tdm_nft_load(
	struct tdm_nft *nft, const char *text, struct tdm_diag *diag) TDM_MUST_USE;
/* What the kernel has of our tables, without set elements and counters: two equal texts mean that
 * nobody touched them. The caller frees it; NULL when a table is missing. */
char *tdm_nft_listing(struct tdm_nft *nft);
