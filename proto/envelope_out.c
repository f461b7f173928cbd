/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/envelope_pb.h"

/* One body of type Tandem__Replication__<type> in arena, initialised; returns NULL without room. */
#define BODY(type, init_fn)                                                                        \
	type *b = tdm_arena_get(arena, sizeof(*b));                                                \
	if (!b)                                                                                    \
		return TDM_ERR_TOO_LONG;                                                           \
	init_fn(b)

/* n structs of one type and the array of pointers that protobuf-c wants; false without room. */
static bool list_make(struct tdm_arena *arena, size_t n, size_t size, void **items, void ***ptrs)
{
	uint8_t *at = tdm_arena_get(arena, n * size);

	*items = at;
	*ptrs = tdm_arena_get(arena, n * sizeof(**ptrs));
	if (!at || !*ptrs)
		return false;
	for (size_t i = 0; i < n; i++)
		(*ptrs)[i] = at + i * size;
	return true;
}

static ProtobufCBinaryData blob_out(struct tdm_blob b)
{
	return (ProtobufCBinaryData){ .len = b.len, .data = (uint8_t *)(uintptr_t)b.data };
}

static void tag_out(const struct tdm_round_tag *tag, uint32_t *rep, uint64_t *seq, uint64_t *hash)
{
	*rep = tag->ring.rep;
	*seq = tag->ring.seq;
	*hash = tag->members_hash;
}

static enum tdm_err hello_out(
	const struct tdm_hello *hello, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
	Tandem__Replication__Peer *peers;
	Tandem__Replication__Ownership *owned;
	void *items, **ptrs;

	BODY(Tandem__Replication__Hello, tandem__replication__hello__init);
	pb->hello = b;
	tag_out(&hello->tag, &b->ring_rep, &b->ring_seq, &b->members_hash);
	b->synced = hello->synced;
	b->table_size = hello->table_size;
	b->doubt_ms = hello->doubt_ms;
	b->config_members = hello->sections[0];
	b->config_groups = hello->sections[1];
	b->config_tunnel_groups = hello->sections[2];
	b->config_any = hello->config_any;
	if (!list_make(arena, hello->peers_len, sizeof(*peers), &items, &ptrs))
		return TDM_ERR_TOO_LONG;
	peers = items;
	b->synced_peers = (Tandem__Replication__Peer **)ptrs;
	b->n_synced_peers = hello->peers_len;
	for (size_t i = 0; i < hello->peers_len; i++) {
		tandem__replication__peer__init(&peers[i]);
		peers[i].node = hello->peers[i].node;
		peers[i].boot = hello->peers[i].boot;
	}
	if (!list_make(arena, hello->owned_len, sizeof(*owned), &items, &ptrs))
		return TDM_ERR_TOO_LONG;
	owned = items;
	b->owned = (Tandem__Replication__Ownership **)ptrs;
	b->n_owned = hello->owned_len;
	for (size_t i = 0; i < hello->owned_len; i++) {
		tandem__replication__ownership__init(&owned[i]);
		owned[i].member = hello->owned[i].member;
		owned[i].owner = hello->owned[i].owner;
		owned[i].epoch_counter = hello->owned[i].epoch.counter;
		owned[i].epoch_node = hello->owned[i].epoch.node;
		owned[i].mine = hello->owned[i].mine;
	}
	return TDM_OK;
}

static enum tdm_err batch_out(const struct tdm_batch *batch, struct tdm_arena *arena,
	ProtobufCBinaryData **policies, Tandem__Replication__Change ***changes)
{
	Tandem__Replication__Change *c;
	void *items, **ptrs;

	*policies = tdm_arena_get(arena, batch->policies_len * sizeof(**policies));
	if (!*policies || !list_make(arena, batch->changes_len, sizeof(*c), &items, &ptrs))
		return TDM_ERR_TOO_LONG;
	c = items;
	*changes = (Tandem__Replication__Change **)ptrs;
	for (size_t i = 0; i < batch->policies_len; i++)
		(*policies)[i] = blob_out(batch->policies[i]);
	for (size_t i = 0; i < batch->changes_len; i++) {
		const struct tdm_change *from = &batch->changes[i];

		tandem__replication__change__init(&c[i]);
		c[i].record = blob_out(from->record);
		c[i].policy = from->policy;
		c[i].age_ms = from->age_ms > 0 ? (uint64_t)from->age_ms : 0;
		c[i].dropped_ms = from->dropped_ms >= 0 ? (uint64_t)from->dropped_ms + 1 : 0;
		c[i].dropped_guessed = from->guessed;
	}
	return TDM_OK;
}

static enum tdm_err update_out(
	const struct tdm_message *msg, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
	BODY(Tandem__Replication__Update, tandem__replication__update__init);
	pb->update = b;
	b->n_policies = msg->update.policies_len;
	b->n_changes = msg->update.changes_len;
	return batch_out(&msg->update, arena, &b->policies, &b->changes);
}

static enum tdm_err chunk_out(
	const struct tdm_message *msg, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
	BODY(Tandem__Replication__BulkChunk, tandem__replication__bulk_chunk__init);
	pb->bulk_chunk = b;
	b->stream = msg->chunk.stream;
	b->number = msg->chunk.number;
	b->n_policies = msg->chunk.batch.policies_len;
	b->n_changes = msg->chunk.batch.changes_len;
	return batch_out(&msg->chunk.batch, arena, &b->policies, &b->changes);
}

static enum tdm_err ack_out(
	const struct tdm_message *msg, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
	Tandem__Replication__Acked *acked;
	void *items, **ptrs;

	BODY(Tandem__Replication__Ack, tandem__replication__ack__init);
	pb->ack = b;
	if (!list_make(arena, msg->ack.len, sizeof(*acked), &items, &ptrs))
		return TDM_ERR_TOO_LONG;
	acked = items;
	b->acked = (Tandem__Replication__Acked **)ptrs;
	b->n_acked = msg->ack.len;
	for (size_t i = 0; i < msg->ack.len; i++) {
		tandem__replication__acked__init(&acked[i]);
		acked[i].node = msg->ack.items[i].peer.node;
		acked[i].boot = msg->ack.items[i].peer.boot;
		acked[i].seq = msg->ack.items[i].seq;
	}
	return TDM_OK;
}

static enum tdm_err request_out(
	const struct tdm_message *msg, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
	BODY(Tandem__Replication__BulkRequest, tandem__replication__bulk_request__init);
	pb->bulk_request = b;
	b->offer = msg->bulk_request.offer;
	return TDM_OK;
}

static enum tdm_err end_out(
	const struct tdm_message *msg, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
	BODY(Tandem__Replication__BulkEnd, tandem__replication__bulk_end__init);
	pb->bulk_end = b;
	b->stream = msg->end.stream;
	b->chunks = msg->end.chunks;
	b->records = msg->end.records;
	b->request_node = msg->end.request_node;
	b->request_seq = msg->end.request_seq;
	return TDM_OK;
}

static enum tdm_err synced_out(
	const struct tdm_message *msg, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
	BODY(Tandem__Replication__Synced, tandem__replication__synced__init);
	pb->synced = b;
	b->cold = msg->synced.cold;
	tag_out(&msg->synced.tag, &b->ring_rep, &b->ring_seq, &b->members_hash);
	return TDM_OK;
}

static enum tdm_err demote_out(
	const struct tdm_message *msg, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
	BODY(Tandem__Replication__Demote, tandem__replication__demote__init);
	pb->demote = b;
	b->node = msg->demote.who.node;
	b->boot = msg->demote.who.boot;
	tag_out(&msg->demote.tag, &b->ring_rep, &b->ring_seq, &b->members_hash);
	return TDM_OK;
}

static enum tdm_err owner_out(
	const struct tdm_message *msg, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
	BODY(Tandem__Replication__Owner, tandem__replication__owner__init);
	pb->owner = b;
	b->member = msg->owner.member;
	b->epoch_counter = msg->owner.epoch.counter;
	b->epoch_node = msg->owner.epoch.node;
	tag_out(&msg->owner.tag, &b->ring_rep, &b->ring_seq, &b->members_hash);
	return TDM_OK;
}

static enum tdm_err handover_out(
	const struct tdm_message *msg, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
	BODY(Tandem__Replication__Handover, tandem__replication__handover__init);
	pb->handover = b;
	b->member = msg->owner.member;
	b->to = msg->owner.to;
	b->epoch_counter = msg->owner.epoch.counter;
	b->epoch_node = msg->owner.epoch.node;
	return TDM_OK;
}

static enum tdm_err digest_out(
	const struct tdm_message *msg, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
	enum { SUM_BYTES = 8, DIGEST_BYTES = SUM_BYTES * TDM_DIGEST_SHARDS };
	const struct tdm_digest_message *digest = &msg->digest;
	uint8_t *sums;

	BODY(Tandem__Replication__Digest, tandem__replication__digest__init);
	pb->digest = b;
	b->kind = digest->kind;
	b->asker = digest->asker;
	b->ask_seq = digest->ask_seq;
	b->to = digest->to;
	b->round = digest->round;
	b->horizon = digest->horizon;
	b->records = digest->records;
	b->suspects =
		blob_out((struct tdm_blob){ digest->suspects.bits, sizeof(digest->suspects.bits) });
	if (digest->kind != TDM_DIGEST_ANSWER)
		return TDM_OK;
	sums = tdm_arena_get(arena, DIGEST_BYTES);
	if (!sums)
		return TDM_ERR_TOO_LONG;
	for (size_t i = 0; i < DIGEST_BYTES; i++)
		sums[i] = (uint8_t)(digest->shards[i / SUM_BYTES] >> (8 * (i % SUM_BYTES)));
	b->shards = blob_out((struct tdm_blob){ sums, DIGEST_BYTES });
	return TDM_OK;
}

static enum tdm_err body_out(
	const struct tdm_message *msg, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
#define CASE(kind_, pb_kind, fn)                                                                   \
	case TDM_MESSAGE_##kind_:                                                                  \
		pb->body_case = TANDEM__REPLICATION__ENVELOPE__BODY_##pb_kind;                     \
		return fn
	switch (msg->kind) {
		CASE(HELLO, HELLO, hello_out(&msg->hello, arena, pb));
		CASE(UPDATE, UPDATE, update_out(msg, arena, pb));
		CASE(ACK, ACK, ack_out(msg, arena, pb));
		CASE(BULK_REQUEST, BULK_REQUEST, request_out(msg, arena, pb));
		CASE(BULK_CHUNK, BULK_CHUNK, chunk_out(msg, arena, pb));
		CASE(BULK_END, BULK_END, end_out(msg, arena, pb));
		CASE(SYNCED, SYNCED, synced_out(msg, arena, pb));
		CASE(DEMOTE, DEMOTE, demote_out(msg, arena, pb));
		CASE(OWNER, OWNER, owner_out(msg, arena, pb));
		CASE(HANDOVER, HANDOVER, handover_out(msg, arena, pb));
		CASE(DIGEST, DIGEST, digest_out(msg, arena, pb));
	case TDM_MESSAGE_NONE:
	case TDM_MESSAGE_KINDS:
		break;
	}
#undef CASE
	return TDM_ERR_INVAL;
}

enum tdm_err tdm_envelope_to_pb(
	const struct tdm_message *msg, struct tdm_arena *arena, Tandem__Replication__Envelope *pb)
{
	tandem__replication__envelope__init(pb);
	pb->schema = TDM_SCHEMA;
	pb->schema_min = TDM_SCHEMA_MIN;
	pb->node = msg->from.node;
	pb->boot = msg->from.boot;
	pb->seq = msg->seq;
	pb->epoch_counter = msg->epoch.counter;
	pb->epoch_node = msg->epoch.node;
	pb->config = msg->config;
	pb->unprotected = msg->unprotected;
	return body_out(msg, arena, pb);
}
