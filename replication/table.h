/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The session table: owns every session of the cluster, live and ended, as this node knows it. An
 * entry keeps what is needed often as fields and the whole record as the bytes that came, so that
 * fields of a newer release survive and nodes that merged the same records are equal byte for byte.
 * The only way to change a session is to merge a record.
 */
#pragma once

#include "proto/envelope.h"
#include "proto/record.h"
#include "replication/intern.h"
#include "replication/map.h"

/* Ordered by how often it is looked at together; kept small, there may be many. */
struct tdm_entry {
	struct tdm_map_link by_id;
	tdm_session_id id;
	uint8_t *wire;
	struct tdm_version version;
	uint32_t slot;
	uint16_t wire_len, verifier_at; /* the verifier is read from the wire */

	struct tdm_shared *user, *policy;
	/* of the record, like id and version */
	tdm_wall ended;
	tdm_node_id ended_by;
	tdm_member_id member;
	uint8_t state, reason;
	uint32_t index, addr; /* inner IPv4 address, 0 = none */
	tdm_wall login;
	int64_t wait_left_ms;    /* of the clock that runs while there is no tunnel */
	int64_t session_left_ms; /* TDM_NEVER = no limit, both */

	uint64_t digest; /* what it adds to its shard's sum, 0 = not counted */

	/* this node's own account */
	tdm_ms written;      /* when the version was written */
	tdm_ms dropped;      /* when its tunnel was lost with its owner; TDM_NEVER = it was not */
	uint64_t journal;    /* number of its revocation in the journal */
	uint32_t generation; /* of the tunnel on this node, 0 = none */
	bool guessed; /* dropped is when a journal was last written; who was there knows better */
	bool unsaved; /* the stamps changed since it was given to the journal */
	bool addr_linked;
	bool pending;     /* a login that was not answered yet: its token is not out */
	bool undelivered; /* our own login, not yet in the order of messages */
	bool unprotected; /* no other node was known to hold it when its token went out */

	struct tdm_map_link by_verifier, by_addr;
	struct tdm_entry *user_prev, *user_next; /* sessions of one user */
};

struct tdm_table {
	struct tdm_map ids, verifiers, addrs, users, policies;
	struct tdm_entry **slots; /* NULL = free; an entry keeps its slot for life */
	uint32_t *free_slots;
	size_t slots_len, slots_cap, free_len;
	size_t live, ended;
	/* Sums that tell whether two nodes hold the same records, see digest.h. Sessions that ended
	 * before the horizon are left out: every node forgets them at a time of its own. */
	uint64_t digests[TDM_DIGEST_SHARDS];
	tdm_wall digest_horizon;
};

/* A record on its way into the table. */
struct tdm_incoming {
	const struct tdm_record *rec;
	struct tdm_blob wire, policy; /* borrowed */
	tdm_ms written, dropped;
	bool guessed;
};

struct tdm_merged {
	struct tdm_entry *entry;
	bool changed; /* the incoming record won, or was the first */
	bool created;
	bool aged;                     /* not changed, but its stamps */
	enum tdm_session_state before; /* NONE when created */
	struct tdm_entry *rival;       /* another live session with this inner address, or NULL */
};

enum tdm_err tdm_table_init(struct tdm_table *table, uint64_t seed) TDM_MUST_USE;
void tdm_table_deinit(struct tdm_table *table);

/* Merge one record. A record that loses or is known changes at most the stamps: the older account
 * of the same version counts, the later one of two guesses, and anybody's before a guess.
 * TDM_ERR_NOMEM: the table is as before. TDM_ERR_MALFORMED: a new policy that cannot be read, or
 * bytes that are not those of the record. TDM_ERR_EXISTS: the verifier belongs to another session.
 */
enum tdm_err tdm_table_merge(struct tdm_table *table, const struct tdm_incoming *in,
	struct tdm_merged *out) TDM_MUST_USE;
/* Move the horizon of the digests. Costs a walk over the table when it really moves. */
void tdm_table_horizon(struct tdm_table *table, tdm_wall horizon);
/* Forget a session (an ended one whose time is over). */
void tdm_table_drop(struct tdm_table *table, struct tdm_entry *entry);

/* All find functions: NULL when there is none. Ended sessions are found too, but not by address. */
struct tdm_entry *tdm_table_find(const struct tdm_table *table, tdm_session_id id);
/* Compares in constant time once the hash led here. */
struct tdm_entry *tdm_table_find_verifier(
	const struct tdm_table *table, const uint8_t verifier[TDM_VERIFIER_LEN]);
/* Of several with this address the one that may keep it. */
struct tdm_entry *tdm_table_find_addr(const struct tdm_table *table, uint32_t addr);
/* First of a user's sessions; go on with user_next. */
struct tdm_entry *tdm_table_find_user(const struct tdm_table *table, const char *user);

/* The policy as a value; lives as long as the entry has it. */
const struct tdm_policy *tdm_entry_policy(const struct tdm_entry *entry);
/* The whole record. TDM_ERR_MALFORMED cannot happen for what was merged. */
enum tdm_err tdm_entry_record(const struct tdm_entry *entry, struct tdm_record *rec) TDM_MUST_USE;
/* Lives until the next change of the entry. */
const uint8_t *tdm_entry_verifier(const struct tdm_entry *entry);
struct tdm_blob tdm_entry_wire(const struct tdm_entry *entry);
struct tdm_blob tdm_entry_policy_wire(const struct tdm_entry *entry);
/* Which of two live sessions has to give up an address that both hold: the lower version epoch,
 * then the later login, then the larger id. */
struct tdm_entry *tdm_entry_loser(struct tdm_entry *a, struct tdm_entry *b);
