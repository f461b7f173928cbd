/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/table.h"

#include <stdlib.h>
#include <string.h>

#include "proto/bytes.h"
#include "proto/ip.h"
#include "replication/digest.h"
#include "replication/merge.h"

enum { SLOTS_FIRST = 64 };

enum tdm_err tdm_table_init(struct tdm_table *table, uint64_t seed)
{
	*table = (struct tdm_table){ 0 };
	if (tdm_map_init(&table->ids, seed) || tdm_map_init(&table->verifiers, seed + 1) ||
		tdm_map_init(&table->addrs, seed + 2) || tdm_map_init(&table->users, seed + 3) ||
		tdm_map_init(&table->policies, seed + 4)) {
		tdm_table_deinit(table);
		return TDM_ERR_NOMEM;
	}
	return TDM_OK;
}

void tdm_table_deinit(struct tdm_table *table)
{
	for (size_t i = 0; i < table->slots_len; i++)
		if (table->slots[i])
			tdm_table_drop(table, table->slots[i]);
	free(table->slots);
	free(table->free_slots);
	tdm_map_deinit(&table->ids);
	tdm_map_deinit(&table->verifiers);
	tdm_map_deinit(&table->addrs);
	tdm_map_deinit(&table->users);
	tdm_map_deinit(&table->policies);
}

/* --- slots: a place that an entry keeps, so that a walk by position misses nobody --- */

static bool slots_grow(struct tdm_table *table)
{
	size_t cap = table->slots_cap ? 2 * table->slots_cap : SLOTS_FIRST;
	struct tdm_entry **slots = realloc(table->slots, cap * sizeof(struct tdm_entry *));
	uint32_t *free_slots;

	if (!slots)
		return false;
	table->slots = slots;
	free_slots = realloc(table->free_slots, cap * sizeof(*free_slots));
	if (!free_slots)
		return false;
	table->free_slots = free_slots;
	table->slots_cap = cap;
	return true;
}

static bool slot_take(struct tdm_table *table, struct tdm_entry *entry)
{
	if (table->free_len) {
		entry->slot = table->free_slots[--table->free_len];
	} else {
		if (table->slots_len == table->slots_cap && !slots_grow(table))
			return false;
		entry->slot = (uint32_t)table->slots_len++;
	}
	table->slots[entry->slot] = entry;
	return true;
}

/* --- finding --- */

struct tdm_entry *tdm_table_find(const struct tdm_table *table, tdm_session_id id)
{
	struct tdm_map_link *l = tdm_map_find(&table->ids, tdm_map_hash_u64(&table->ids, id));

	for (; l; l = tdm_map_next(l)) {
		struct tdm_entry *e = TDM_MAP_ITEM(l, struct tdm_entry, by_id);

		if (e->id == id)
			return e;
	}
	return NULL;
}

struct tdm_entry *tdm_table_find_verifier(
	const struct tdm_table *table, const uint8_t verifier[TDM_VERIFIER_LEN])
{
	uint32_t hash = tdm_map_hash_bytes(&table->verifiers, verifier, TDM_VERIFIER_LEN);

	for (struct tdm_map_link *l = tdm_map_find(&table->verifiers, hash); l;
		l = tdm_map_next(l)) {
		struct tdm_entry *e = TDM_MAP_ITEM(l, struct tdm_entry, by_verifier);

		if (tdm_bytes_equal(tdm_entry_verifier(e), verifier, TDM_VERIFIER_LEN))
			return e;
	}
	return NULL;
}

/* Of all live sessions with this address, apart from one: the rightful holder. */
static struct tdm_entry *find_addr_but(
	const struct tdm_table *table, uint32_t addr, const struct tdm_entry *but)
{
	struct tdm_map_link *l = tdm_map_find(&table->addrs, tdm_map_hash_u64(&table->addrs, addr));
	struct tdm_entry *best = NULL;

	for (; l; l = tdm_map_next(l)) {
		struct tdm_entry *e = TDM_MAP_ITEM(l, struct tdm_entry, by_addr);

		if (e->addr == addr && e != but && (!best || tdm_entry_loser(best, e) == best))
			best = e;
	}
	return best;
}

struct tdm_entry *tdm_table_find_addr(const struct tdm_table *table, uint32_t addr)
{
	return find_addr_but(table, addr, NULL);
}

struct tdm_entry *tdm_table_find_user(const struct tdm_table *table, const char *user)
{
	struct tdm_shared *s = tdm_shared_find(&table->users, user, strlen(user));

	return s ? s->sessions : NULL;
}

/* --- links --- */

static void user_link(struct tdm_entry *e)
{
	e->user_prev = NULL;
	e->user_next = e->user->sessions;
	if (e->user_next)
		e->user_next->user_prev = e;
	e->user->sessions = e;
}

static void user_unlink(struct tdm_entry *e)
{
	if (e->user_prev)
		e->user_prev->user_next = e->user_next;
	else
		e->user->sessions = e->user_next;
	if (e->user_next)
		e->user_next->user_prev = e->user_prev;
}

static void addr_unlink(struct tdm_table *table, struct tdm_entry *e)
{
	if (e->addr_linked)
		tdm_map_drop(&table->addrs, &e->by_addr);
	e->addr_linked = false;
}

/* The address index holds live sessions only. Returns another one with the same address. */
static struct tdm_entry *addr_link(struct tdm_table *table, struct tdm_entry *e)
{
	if (!tdm_state_is_live(e->state) || !e->addr)
		return NULL;
	tdm_map_add(&table->addrs, &e->by_addr, tdm_map_hash_u64(&table->addrs, e->addr));
	e->addr_linked = true;
	return find_addr_but(table, e->addr, e);
}

/* --- merging --- */

static void count(struct tdm_table *table, enum tdm_session_state state, size_t by)
{
	if (tdm_state_is_live(state))
		table->live += by;
	else
		table->ended += by;
}

static uint32_t addr_number(const char *text)
{
	struct tdm_ip ip;

	return tdm_ip_parse(text, &ip) ? 0 : tdm_ip_v4(&ip);
}

/* Copy what is needed often. */
static void entry_fill(struct tdm_entry *e, const struct tdm_record *rec)
{
	e->id = rec->id;
	e->version = rec->version;
	e->login = rec->login;
	e->ended = rec->ended;
	e->ended_by = rec->ended_by;
	e->index = rec->index;
	e->addr = addr_number(rec->addr4);
	e->member = rec->member;
	e->state = (uint8_t)rec->state;
	e->reason = (uint8_t)rec->reason;
	e->wait_left_ms = rec->disconnected_left_ms != TDM_NEVER ? rec->disconnected_left_ms
								 : rec->idle_left_ms;
	e->session_left_ms = rec->session_left_ms;
}

/* --- digests --- */

static void digest_take(struct tdm_table *table, struct tdm_entry *e)
{
	table->digests[tdm_digest_shard(e->id)] -= e->digest;
	e->digest = 0;
}

static void digest_add(struct tdm_table *table, struct tdm_entry *e)
{
	if (!tdm_state_is_live(e->state) && e->ended < table->digest_horizon)
		return;
	e->digest = tdm_digest_record(tdm_entry_wire(e), e->policy->digest);
	table->digests[tdm_digest_shard(e->id)] += e->digest;
}

void tdm_table_horizon(struct tdm_table *table, tdm_wall horizon)
{
	if (horizon == table->digest_horizon)
		return;
	table->digest_horizon = horizon;
	for (size_t i = 0; i < table->slots_len; i++) {
		struct tdm_entry *e = table->slots[i];

		if (!e || tdm_state_is_live(e->state))
			continue;
		digest_take(table, e);
		digest_add(table, e);
	}
}

/* What a change needs, taken before anything is changed: from the allocator, or what the entry has
 * already and keeps. */
struct parts {
	uint8_t *wire;
	size_t verifier_at;
	struct tdm_shared *user, *policy;
};

static void parts_drop(struct tdm_table *table, const struct tdm_entry *e, struct parts *p)
{
	if (p->wire != e->wire)
		free(p->wire);
	if (p->user != e->user)
		tdm_shared_unref(&table->users, p->user);
	if (p->policy != e->policy)
		tdm_shared_unref(&table->policies, p->policy);
}

static enum tdm_err policy_read(struct tdm_shared *shared)
{
	struct tdm_policy *policy;
	enum tdm_err err;

	if (shared->policy)
		return TDM_OK;
	policy = malloc(sizeof(*policy));
	if (!policy)
		return TDM_ERR_NOMEM;
	err = tdm_policy_decode(shared->bytes, shared->len, policy);
	if (err)
		free(policy);
	else
		shared->policy = policy;
	shared->digest = tdm_digest_bytes(shared->bytes, shared->len, 0);
	return err;
}

static struct tdm_shared *take_shared(
	struct tdm_map *map, struct tdm_shared *had, const void *bytes, size_t len)
{
	if (had && had->len == len && (!len || !memcmp(had->bytes, bytes, len)))
		return had;
	return tdm_shared_ref(map, bytes, len);
}

static bool has_verifier(const struct tdm_incoming *in, size_t at)
{
	return at + TDM_VERIFIER_LEN <= in->wire.len &&
	       !memcmp(in->wire.data + at, in->rec->verifier, TDM_VERIFIER_LEN);
}

/* Mostly where it was in the version before. */
static enum tdm_err find_verifier(
	const struct tdm_entry *e, const struct tdm_incoming *in, size_t *at)
{
	const uint8_t *found;

	*at = e->verifier_at;
	if (has_verifier(in, *at))
		return TDM_OK;
	found = memmem(in->wire.data, in->wire.len, in->rec->verifier, TDM_VERIFIER_LEN);
	if (!found || in->wire.len > UINT16_MAX)
		return TDM_ERR_MALFORMED;
	*at = (size_t)(found - in->wire.data);
	return TDM_OK;
}

/* e is zeroed when it is new. */
static enum tdm_err parts_make(struct tdm_table *table, const struct tdm_entry *e,
	const struct tdm_incoming *in, struct parts *p)
{
	enum tdm_err err = find_verifier(e, in, &p->verifier_at);

	if (err)
		return err;
	p->wire = e->wire_len == in->wire.len ? e->wire : malloc(in->wire.len);
	p->user = take_shared(&table->users, e->user, in->rec->user, strlen(in->rec->user));
	p->policy = take_shared(&table->policies, e->policy, in->policy.data, in->policy.len);
	err = p->wire && p->user && p->policy ? policy_read(p->policy) : TDM_ERR_NOMEM;
	if (err)
		parts_drop(table, e, p);
	return err;
}

static void verifier_link(struct tdm_table *table, struct tdm_entry *e, const uint8_t *verifier)
{
	tdm_map_add(&table->verifiers, &e->by_verifier,
		tdm_map_hash_bytes(&table->verifiers, verifier, TDM_VERIFIER_LEN));
}

static void set_wire(struct tdm_table *table, struct tdm_entry *e, const struct tdm_incoming *in,
	const struct parts *p)
{
	bool known = e->wire && !memcmp(tdm_entry_verifier(e), in->rec->verifier, TDM_VERIFIER_LEN);

	if (e->wire && !known)
		tdm_map_drop(&table->verifiers, &e->by_verifier);
	if (!known)
		verifier_link(table, e, in->rec->verifier);
	if (e->wire != p->wire)
		free(e->wire);
	e->wire = p->wire;
	e->wire_len = (uint16_t)in->wire.len;
	e->verifier_at = (uint16_t)p->verifier_at;
	memcpy(e->wire, in->wire.data, in->wire.len);
}

static void set_shared(struct tdm_table *table, struct tdm_entry *e, const struct parts *p)
{
	if (e->policy != p->policy) {
		tdm_shared_unref(&table->policies, e->policy);
		e->policy = p->policy;
	}
	if (e->user == p->user)
		return;
	if (e->user)
		user_unlink(e);
	tdm_shared_unref(&table->users, e->user);
	e->user = p->user;
	user_link(e);
}

/* Put a record in the place of what the entry held. What did not change keeps its links: most
 * changes are of clocks and tunnels. */
static struct tdm_entry *entry_set(struct tdm_table *table, struct tdm_entry *e,
	const struct tdm_incoming *in, const struct parts *p)
{
	uint32_t addr = e->addr;

	digest_take(table, e);
	set_wire(table, e, in, p);
	set_shared(table, e, p);
	entry_fill(e, in->rec);
	e->written = in->written;
	e->dropped = in->dropped;
	e->guessed = in->guessed;
	digest_add(table, e);
	count(table, e->state, 1);
	if (e->addr_linked && e->addr == addr && tdm_state_is_live(e->state))
		return find_addr_but(table, addr, e);
	addr_unlink(table, e);
	return addr_link(table, e);
}

static enum tdm_err create(
	struct tdm_table *table, const struct tdm_incoming *in, struct tdm_merged *out)
{
	struct tdm_entry *e = calloc(1, sizeof(*e));
	struct parts parts;
	enum tdm_err err;

	if (!e)
		return TDM_ERR_NOMEM;
	err = parts_make(table, e, in, &parts);
	if (err)
		goto err_after_entry;
	if (!slot_take(table, e)) {
		parts_drop(table, e, &parts);
		err = TDM_ERR_NOMEM;
		goto err_after_entry;
	}
	tdm_map_add(&table->ids, &e->by_id, tdm_map_hash_u64(&table->ids, in->rec->id));
	out->rival = entry_set(table, e, in, &parts);
	out->entry = e;
	out->created = out->changed = true;
	return TDM_OK;

err_after_entry:
	free(e);
	return err;
}

static struct tdm_merge_key entry_key(const struct tdm_entry *e)
{
	return (struct tdm_merge_key){
		.state = e->state,
		.reason = e->reason,
		.ended = e->ended,
		.ended_by = e->ended_by,
		.version = e->version,
		.wire = tdm_entry_wire(e),
		.policy = tdm_entry_policy_wire(e),
	};
}

static tdm_ms earlier(tdm_ms a, tdm_ms b)
{
	return a < b ? a : b;
}

/* The same version came once more: two accounts of its times become one. */
static bool age(struct tdm_entry *e, const struct tdm_incoming *in)
{
	tdm_ms written = e->written, dropped = e->dropped;
	bool guessed = e->guessed;

	e->written = earlier(e->written, in->written);
	if (e->guessed && in->guessed)
		e->dropped = e->dropped > in->dropped ? e->dropped : in->dropped;
	else if (e->guessed)
		e->dropped = in->dropped;
	else if (!in->guessed)
		e->dropped = earlier(e->dropped, in->dropped);
	e->guessed = e->guessed && in->guessed;
	return e->written != written || e->dropped != dropped || e->guessed != guessed;
}

enum tdm_err tdm_table_merge(
	struct tdm_table *table, const struct tdm_incoming *in, struct tdm_merged *out)
{
	struct tdm_entry *e = tdm_table_find(table, in->rec->id);
	struct tdm_entry *other = NULL;
	struct tdm_merge_key ours, theirs;
	struct parts parts;
	enum tdm_err err;
	int cmp;

	*out = (struct tdm_merged){ .entry = e };
	if (!e || memcmp(tdm_entry_verifier(e), in->rec->verifier, TDM_VERIFIER_LEN) != 0)
		other = tdm_table_find_verifier(table, in->rec->verifier);
	if (other && other != e)
		return TDM_ERR_EXISTS;
	if (!e)
		return create(table, in, out);
	out->before = e->state;
	ours = entry_key(e);
	theirs = tdm_merge_key_of(in->rec, in->wire, in->policy);
	cmp = tdm_merge_cmp(&theirs, &ours);
	if (!cmp)
		out->aged = age(e, in);
	if (cmp <= 0)
		return TDM_OK;
	err = parts_make(table, e, in, &parts);
	if (err)
		return err;
	count(table, e->state, (size_t)-1);
	out->rival = entry_set(table, e, in, &parts);
	out->changed = true;
	return TDM_OK;
}

void tdm_table_drop(struct tdm_table *table, struct tdm_entry *e)
{
	digest_take(table, e);
	count(table, e->state, (size_t)-1);
	addr_unlink(table, e);
	user_unlink(e);
	tdm_shared_unref(&table->users, e->user);
	tdm_shared_unref(&table->policies, e->policy);
	tdm_map_drop(&table->verifiers, &e->by_verifier);
	tdm_map_drop(&table->ids, &e->by_id);
	table->slots[e->slot] = NULL;
	table->free_slots[table->free_len++] = e->slot;
	free(e->wire);
	free(e);
}

/* --- entries --- */

const struct tdm_policy *tdm_entry_policy(const struct tdm_entry *e)
{
	return e->policy->policy;
}

enum tdm_err tdm_entry_record(const struct tdm_entry *e, struct tdm_record *rec)
{
	return tdm_record_decode(e->wire, e->wire_len, rec);
}

const uint8_t *tdm_entry_verifier(const struct tdm_entry *e)
{
	return e->wire + e->verifier_at;
}

struct tdm_blob tdm_entry_wire(const struct tdm_entry *e)
{
	return (struct tdm_blob){ e->wire, e->wire_len };
}

struct tdm_blob tdm_entry_policy_wire(const struct tdm_entry *e)
{
	return (struct tdm_blob){ e->policy->bytes, e->policy->len };
}

struct tdm_entry *tdm_entry_loser(struct tdm_entry *a, struct tdm_entry *b)
{
	int c = tdm_epoch_cmp(a->version.epoch, b->version.epoch);

	if (c)
		return c < 0 ? a : b;
	if (a->login != b->login)
		return a->login > b->login ? a : b;
	return a->id > b->id ? a : b;
}
