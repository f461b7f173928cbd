/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Vocabulary shared by everything: times, ids, versions, limits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds of a monotonic clock that also counts while the machine sleeps (CLOCK_BOOTTIME).
 * Only differences mean anything. */
typedef int64_t tdm_ms;
/* Milliseconds since 1970 UTC: for people and for records, never for deadlines. */
typedef int64_t tdm_wall;

#define TDM_NEVER INT64_MAX

typedef uint32_t tdm_node_id;    /* corosync's nodeid; 0 = none */
typedef uint16_t tdm_member_id;  /* position in the configuration's member list, from 1; 0 = none */
typedef uint64_t tdm_session_id; /* random; 0 = none */
typedef uint64_t tdm_boot_id;    /* random per daemon start */

/* Ownership number: raised, saved to disk and only then used; never used twice (design: epoch). */
struct tdm_epoch {
	uint64_t counter;
	tdm_node_id node;
};

/* Version of a record: who may write it counts more than how often it was written. */
struct tdm_version {
	struct tdm_epoch epoch;
	uint64_t seq;
};

/* A ring of the cluster's membership layer: representative and sequence. */
struct tdm_ring {
	tdm_node_id rep;
	uint64_t seq;
};

enum {
	TDM_NODES_MAX = 16,
	TDM_CONFIG_SECTIONS = 3, /* that nodes compare: members, groups, tunnel-groups */
	TDM_MEMBERS_MAX = 16,
	TDM_NAME_MAX = 64,         /* node, member, group names, with the NUL */
	TDM_USER_MAX = 128,        /* user names, with the NUL */
	TDM_CLIENT_TEXT_MAX = 128, /* client strings (agent, device, host name), with the NUL */
	TDM_VERIFIER_LEN = 32,     /* SHA-256 of the token's 43 bytes */
	TDM_ADDR_TEXT_MAX = 46,    /* IPv4 or IPv6 address text, with the NUL */
	TDM_PREFIX_TEXT_MAX = 50,  /* the same with "/len" */
	TDM_INDEX_SLOTS = 32,      /* session index = counter * 32 + slot of the creating node */
};

/* <0, 0, >0 like memcmp. */
static inline int tdm_epoch_cmp(struct tdm_epoch a, struct tdm_epoch b)
{
	if (a.counter != b.counter)
		return a.counter < b.counter ? -1 : 1;
	return (a.node > b.node) - (a.node < b.node);
}

static inline int tdm_version_cmp(struct tdm_version a, struct tdm_version b)
{
	int c = tdm_epoch_cmp(a.epoch, b.epoch);

	return c ? c : (a.seq > b.seq) - (a.seq < b.seq);
}

static inline bool tdm_ring_equal(struct tdm_ring a, struct tdm_ring b)
{
	return a.rep == b.rep && a.seq == b.seq;
}
