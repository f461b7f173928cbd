/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole tables as a stream of chunks. The sender walks its slots and reads every entry when its
 * chunk is made; changes meanwhile are multicast as always, and merging does not care which comes
 * first. The stream clocks itself: a new chunk for each of ours that was delivered to us, so that
 * live updates find room between them.
 */
#include "replication/core.h"
#include "replication/mutant.h"

enum {
	CHUNK_BYTES = 8 * 1024,
	CHUNK_ENTRIES = 128,
	CHUNK_POLICIES = 32,
	CHUNK_WINDOW = 4,
	ENTRY_OVERHEAD = 24,
};

struct chunk {
	struct tdm_blob policies[CHUNK_POLICIES];
	const struct tdm_shared *shared[CHUNK_POLICIES];
	struct tdm_change changes[CHUNK_ENTRIES];
	size_t policies_len, changes_len, bytes;
};

void tdm_bulk_start(struct tdm_cluster *c, tdm_node_id request_node, uint64_t request_seq)
{
	c->bulk.active = true;
	c->bulk.ending = false;
	c->bulk.stream++;
	c->bulk.number = c->bulk.records = 0;
	c->bulk.request_node = request_node;
	c->bulk.request_seq = request_seq;
	c->bulk.slot = 0;
	c->bulk.in_flight = 0;
	c->bulk.some = false;
}

void tdm_bulk_cancel(struct tdm_cluster *c)
{
	c->bulk.active = false;
}

/* False when the entry has to wait for the next chunk. */
static bool chunk_add(struct tdm_cluster *c, struct chunk *chunk, const struct tdm_entry *e)
{
	struct tdm_change *change = &chunk->changes[chunk->changes_len];
	size_t cost = e->wire_len + ENTRY_OVERHEAD, i = 0;

	while (i < chunk->policies_len && chunk->shared[i] != e->policy)
		i++;
	if (i == chunk->policies_len)
		cost += e->policy->len;
	if (chunk->changes_len && (chunk->bytes + cost > CHUNK_BYTES || i == CHUNK_POLICIES))
		return false;
	if (i == chunk->policies_len) {
		chunk->shared[i] = e->policy;
		chunk->policies[i] = tdm_entry_policy_wire(e);
		chunk->policies_len++;
	}
	*change = tdm_message_change(c, e);
	change->policy = (uint32_t)i;
	chunk->changes_len++;
	chunk->bytes += cost;
	return true;
}

static void cast_chunk(struct tdm_cluster *c, struct chunk *chunk)
{
	struct tdm_message msg = { .kind = TDM_MESSAGE_BULK_CHUNK };

	msg.chunk.stream = c->bulk.stream;
	msg.chunk.number = c->bulk.number++;
	msg.chunk.batch.policies = chunk->policies;
	msg.chunk.batch.policies_len = chunk->policies_len;
	msg.chunk.batch.changes = chunk->changes;
	msg.chunk.batch.changes_len = chunk->changes_len;
	c->bulk.records += chunk->changes_len;
	c->bulk.in_flight++;
	tdm_message_cast(c, &msg);
}

static void cast_end(struct tdm_cluster *c)
{
	struct tdm_message msg = { .kind = TDM_MESSAGE_BULK_END };

	msg.end.stream = c->bulk.stream;
	msg.end.chunks = c->bulk.number;
	msg.end.records = c->bulk.records;
	msg.end.request_node = c->bulk.request_node;
	msg.end.request_seq = c->bulk.request_seq;
	c->bulk.ending = true;
	tdm_message_cast(c, &msg);
}

static bool is_wanted(const struct tdm_cluster *c, const struct tdm_entry *e)
{
	return e && (!c->bulk.some || tdm_shard_set_has(&c->bulk.shards, tdm_digest_shard(e->id)));
}

void tdm_bulk_settle(struct tdm_cluster *c)
{
	while (c->bulk.active && !c->bulk.ending && c->bulk.in_flight < CHUNK_WINDOW) {
		struct chunk chunk = { .bytes = 0 };

		while (c->bulk.slot < c->table.slots_len && chunk.changes_len < CHUNK_ENTRIES) {
			const struct tdm_entry *e = c->table.slots[c->bulk.slot];

			if (TDM_MUTANT_IS(22) && e && !tdm_state_is_live(e->state)) {
				c->bulk.slot++;
				continue;
			}
			if (is_wanted(c, e) && !chunk_add(c, &chunk, e))
				break;
			c->bulk.slot++;
		}
		if (!chunk.changes_len) {
			cast_end(c);
			return;
		}
		cast_chunk(c, &chunk);
	}
}

struct tdm_peer *tdm_bulk_senior(struct tdm_cluster *c)
{
	struct tdm_peer *lowest = NULL;

	for (size_t i = 0; i < c->members_len; i++) {
		struct tdm_peer *p = tdm_core_peer(c, c->members[i].owner);

		if (p && p->present && p->synced)
			return p;
	}
	for (size_t i = 0; i < c->peers_len; i++) {
		struct tdm_peer *p = &c->peers[i];

		if (p->present && p->synced && (!lowest || p->id < lowest->id))
			lowest = p;
	}
	return lowest;
}

void tdm_bulk_request(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg)
{
	struct tdm_peer *self = tdm_core_self(c), *sender = tdm_bulk_senior(c);

	if (c->round != TDM_ROUND_NONE || from->synced || !sender)
		return;
	from->owes = msg->bulk_request.offer;
	if (sender == self)
		tdm_bulk_start(c, from->id, msg->seq);
	c->latest_node = from->id;
	c->latest_seq = msg->seq;
	if (from != self || msg->seq != c->ask_seq)
		return;
	c->await = sender->id;
	c->await_done = false;
	if (self->owes)
		tdm_bulk_start(c, from->id, msg->seq);
}

void tdm_bulk_chunk(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg)
{
	const struct tdm_batch *batch = &msg->chunk.batch;

	if (msg->chunk.number == 0) {
		from->stream = msg->chunk.stream;
		from->chunks = 0;
		from->stream_ok = true;
	}
	from->stream_ok = from->stream_ok && from->stream == msg->chunk.stream &&
			  from->chunks == msg->chunk.number;
	from->chunks++;
	if (from != tdm_core_self(c)) {
		for (size_t i = 0; i < batch->changes_len; i++)
			(void)tdm_change_merge(
				c, &batch->changes[i], batch->policies[batch->changes[i].policy]);
	} else if (c->bulk.active && msg->chunk.stream == c->bulk.stream && c->bulk.in_flight) {
		c->bulk.in_flight--;
	}
}

/* Was this stream begun at our request or after it? Then it holds all that we lacked. */
static bool for_us(const struct tdm_cluster *c, const struct tdm_message *msg)
{
	tdm_node_id node = msg->end.request_node;
	uint64_t seq = msg->end.request_seq;

	return (node == c->config.self && seq == c->ask_seq) ||
	       (node == c->latest_node && seq == c->latest_seq);
}

void tdm_bulk_end(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg)
{
	bool whole = !msg->end.chunks || (from->stream_ok && from->stream == msg->end.stream &&
						 from->chunks == msg->end.chunks);

	if (from == tdm_core_self(c)) {
		if (!c->bulk.active || msg->end.stream != c->bulk.stream)
			return;
		c->bulk.active = false;
	}
	tdm_verify_bulk_end(c, msg);
	if (!whole) {
		/* cannot happen while the transport keeps its word; a new request starts over */
		if (c->await == from->id)
			c->asked = false;
		return;
	}
	from->owes = false;
	if (c->await == from->id && c->asked && for_us(c, msg)) {
		c->await_done = true;
		c->journal_synced = c->journal_last;
	}
}
