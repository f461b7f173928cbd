/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * FNV-1a with 64 bits: finds damage and names policies. Any one changed byte changes it. It is no
 * defence against somebody who can write the journal; that is root.
 */
#pragma once

#include "proto/envelope.h"

#define TDM_FNV_START UINT64_C(0xcbf29ce484222325)
#define TDM_FNV_PRIME UINT64_C(0x100000001b3)

static inline uint64_t tdm_journal_fnv(uint64_t hash, struct tdm_blob bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		hash = (hash ^ bytes.data[i]) * TDM_FNV_PRIME;
	return hash;
}

static inline uint64_t tdm_journal_hash(struct tdm_blob bytes)
{
	return tdm_journal_fnv(TDM_FNV_START, bytes);
}

/* Of an entry: its key and what follows the check in its value. */
static inline uint64_t tdm_journal_check(struct tdm_blob key, struct tdm_blob body)
{
	return tdm_journal_fnv(tdm_journal_hash(key), body);
}
