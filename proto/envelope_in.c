/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/envelope_pb.h"

#include <string.h>

enum { SUM_BYTES = 8, DIGEST_BYTES = SUM_BYTES * TDM_DIGEST_SHARDS };

static void tag_in(uint32_t rep, uint64_t seq, uint64_t hash, struct tdm_round_tag *tag)
{
	tag->ring.rep = rep;
	tag->ring.seq = seq;
	tag->members_hash = hash;
}

static bool member_in(uint32_t v, tdm_member_id *out)
{
	*out = (tdm_member_id)v;
	return v != 0 && v <= UINT16_MAX;
}

static enum tdm_err hello_in(const Tandem__Replication__Hello *pb, struct tdm_hello *hello)
{
	if (pb->n_synced_peers > TDM_NODES_MAX || pb->n_owned > TDM_MEMBERS_MAX)
		return TDM_ERR_MALFORMED;
	tag_in(pb->ring_rep, pb->ring_seq, pb->members_hash, &hello->tag);
	hello->synced = pb->synced;
	hello->table_size = pb->table_size;
	hello->doubt_ms = pb->doubt_ms;
	hello->sections[0] = pb->config_members;
	hello->sections[1] = pb->config_groups;
	hello->sections[2] = pb->config_tunnel_groups;
	hello->config_any = pb->config_any;
	hello->peers_len = pb->n_synced_peers;
	for (size_t i = 0; i < pb->n_synced_peers; i++)
		hello->peers[i] = (struct tdm_peer_ref){ pb->synced_peers[i]->node,
			pb->synced_peers[i]->boot };
	hello->owned_len = pb->n_owned;
	for (size_t i = 0; i < pb->n_owned; i++) {
		const Tandem__Replication__Ownership *o = pb->owned[i];

		hello->owned[i].owner = o->owner;
		hello->owned[i].epoch = (struct tdm_epoch){ o->epoch_counter, o->epoch_node };
		hello->owned[i].mine = o->mine;
		if (!member_in(o->member, &hello->owned[i].member))
			return TDM_ERR_MALFORMED;
	}
	return TDM_OK;
}

static enum tdm_err batch_in(const ProtobufCBinaryData *policies, size_t n_policies,
	Tandem__Replication__Change *const *changes, size_t n_changes, struct tdm_arena *arena,
	struct tdm_batch *batch)
{
	batch->policies = tdm_arena_get(arena, n_policies * sizeof(*batch->policies));
	batch->changes = tdm_arena_get(arena, n_changes * sizeof(*batch->changes));
	if (!batch->policies || !batch->changes)
		return TDM_ERR_TOO_LONG;
	batch->policies_len = n_policies;
	batch->changes_len = n_changes;
	for (size_t i = 0; i < n_policies; i++)
		batch->policies[i] = (struct tdm_blob){ policies[i].data, policies[i].len };
	for (size_t i = 0; i < n_changes; i++) {
		const Tandem__Replication__Change *c = changes[i];
		struct tdm_change *to = &batch->changes[i];

		if (c->policy >= n_policies || c->age_ms > INT64_MAX / 2 ||
			c->dropped_ms > INT64_MAX / 2)
			return TDM_ERR_MALFORMED;
		to->record = (struct tdm_blob){ c->record.data, c->record.len };
		to->policy = c->policy;
		to->age_ms = (int64_t)c->age_ms;
		to->dropped_ms = (int64_t)c->dropped_ms - 1;
		to->guessed = c->dropped_guessed && c->dropped_ms;
	}
	return TDM_OK;
}

static enum tdm_err ack_in(const Tandem__Replication__Ack *pb, struct tdm_message *msg)
{
	if (pb->n_acked > TDM_NODES_MAX)
		return TDM_ERR_MALFORMED;
	msg->ack.len = pb->n_acked;
	for (size_t i = 0; i < pb->n_acked; i++) {
		msg->ack.items[i].peer =
			(struct tdm_peer_ref){ pb->acked[i]->node, pb->acked[i]->boot };
		msg->ack.items[i].seq = pb->acked[i]->seq;
	}
	return TDM_OK;
}

static enum tdm_err chunk_in(
	const Tandem__Replication__BulkChunk *pb, struct tdm_arena *arena, struct tdm_message *msg)
{
	msg->chunk.stream = pb->stream;
	msg->chunk.number = pb->number;
	return batch_in(
		pb->policies, pb->n_policies, pb->changes, pb->n_changes, arena, &msg->chunk.batch);
}

static enum tdm_err owner_in(
	uint32_t member, uint32_t to, uint64_t counter, uint32_t node, struct tdm_message *msg)
{
	msg->owner.to = to;
	msg->owner.epoch = (struct tdm_epoch){ counter, node };
	return member_in(member, &msg->owner.member) ? TDM_OK : TDM_ERR_MALFORMED;
}

static enum tdm_err digest_in(const Tandem__Replication__Digest *pb, struct tdm_arena *arena,
	struct tdm_digest_message *digest)
{
	if (pb->kind >= TDM_DIGEST_KINDS ||
		(pb->suspects.len && pb->suspects.len != sizeof(digest->suspects.bits)) ||
		pb->shards.len != (pb->kind == TDM_DIGEST_ANSWER ? DIGEST_BYTES : 0))
		return TDM_ERR_MALFORMED;
	digest->kind = (enum tdm_digest_kind)pb->kind;
	digest->asker = pb->asker;
	digest->ask_seq = pb->ask_seq;
	digest->to = pb->to;
	digest->round = pb->round;
	digest->horizon = pb->horizon;
	digest->records = pb->records;
	if (pb->suspects.len)
		memcpy(digest->suspects.bits, pb->suspects.data, pb->suspects.len);
	if (!pb->shards.len)
		return TDM_OK;
	digest->shards = tdm_arena_get(arena, TDM_DIGEST_SHARDS * sizeof(*digest->shards));
	if (!digest->shards)
		return TDM_ERR_TOO_LONG;
	for (size_t i = 0; i < TDM_DIGEST_SHARDS; i++) {
		digest->shards[i] = 0;
		for (size_t k = 0; k < SUM_BYTES; k++)
			digest->shards[i] |= (uint64_t)pb->shards.data[SUM_BYTES * i + k]
					     << (8 * k);
	}
	return TDM_OK;
}

static enum tdm_err body_in(
	const Tandem__Replication__Envelope *pb, struct tdm_arena *arena, struct tdm_message *msg)
{
	switch (pb->body_case) {
	case TANDEM__REPLICATION__ENVELOPE__BODY_HELLO:
		msg->kind = TDM_MESSAGE_HELLO;
		return hello_in(pb->hello, &msg->hello);
	case TANDEM__REPLICATION__ENVELOPE__BODY_UPDATE:
		msg->kind = TDM_MESSAGE_UPDATE;
		return batch_in(pb->update->policies, pb->update->n_policies, pb->update->changes,
			pb->update->n_changes, arena, &msg->update);
	case TANDEM__REPLICATION__ENVELOPE__BODY_ACK:
		msg->kind = TDM_MESSAGE_ACK;
		return ack_in(pb->ack, msg);
	case TANDEM__REPLICATION__ENVELOPE__BODY_BULK_REQUEST:
		msg->kind = TDM_MESSAGE_BULK_REQUEST;
		msg->bulk_request.offer = pb->bulk_request->offer;
		return TDM_OK;
	case TANDEM__REPLICATION__ENVELOPE__BODY_BULK_CHUNK:
		msg->kind = TDM_MESSAGE_BULK_CHUNK;
		return chunk_in(pb->bulk_chunk, arena, msg);
	case TANDEM__REPLICATION__ENVELOPE__BODY_BULK_END:
		msg->kind = TDM_MESSAGE_BULK_END;
		msg->end.stream = pb->bulk_end->stream;
		msg->end.chunks = pb->bulk_end->chunks;
		msg->end.records = pb->bulk_end->records;
		msg->end.request_node = pb->bulk_end->request_node;
		msg->end.request_seq = pb->bulk_end->request_seq;
		return TDM_OK;
	case TANDEM__REPLICATION__ENVELOPE__BODY_SYNCED:
		msg->kind = TDM_MESSAGE_SYNCED;
		msg->synced.cold = pb->synced->cold;
		tag_in(pb->synced->ring_rep, pb->synced->ring_seq, pb->synced->members_hash,
			&msg->synced.tag);
		return TDM_OK;
	case TANDEM__REPLICATION__ENVELOPE__BODY_DEMOTE:
		msg->kind = TDM_MESSAGE_DEMOTE;
		msg->demote.who = (struct tdm_peer_ref){ pb->demote->node, pb->demote->boot };
		tag_in(pb->demote->ring_rep, pb->demote->ring_seq, pb->demote->members_hash,
			&msg->demote.tag);
		return TDM_OK;
	case TANDEM__REPLICATION__ENVELOPE__BODY_OWNER:
		msg->kind = TDM_MESSAGE_OWNER;
		tag_in(pb->owner->ring_rep, pb->owner->ring_seq, pb->owner->members_hash,
			&msg->owner.tag);
		return owner_in(
			pb->owner->member, 0, pb->owner->epoch_counter, pb->owner->epoch_node, msg);
	case TANDEM__REPLICATION__ENVELOPE__BODY_HANDOVER:
		msg->kind = TDM_MESSAGE_HANDOVER;
		return owner_in(pb->handover->member, pb->handover->to, pb->handover->epoch_counter,
			pb->handover->epoch_node, msg);
	case TANDEM__REPLICATION__ENVELOPE__BODY_DIGEST:
		msg->kind = TDM_MESSAGE_DIGEST;
		return digest_in(pb->digest, arena, &msg->digest);
	default:
		/* A body of a newer release: its header still counts. */
		return TDM_OK;
	}
}

enum tdm_err tdm_envelope_from_pb(
	const Tandem__Replication__Envelope *pb, struct tdm_arena *arena, struct tdm_message *msg)
{
	memset(msg, 0, sizeof(*msg));
	if (!pb->node || !pb->boot || !pb->seq)
		return TDM_ERR_MALFORMED;
	msg->schema = pb->schema;
	msg->from = (struct tdm_peer_ref){ pb->node, pb->boot };
	msg->seq = pb->seq;
	msg->epoch = (struct tdm_epoch){ pb->epoch_counter, pb->epoch_node };
	msg->config = pb->config;
	msg->unprotected = pb->unprotected;
	return body_in(pb, arena, msg);
}
