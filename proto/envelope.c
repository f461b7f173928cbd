/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/envelope.h"

#include <string.h>

#include "proto/bytes.h"
#include "proto/envelope_pb.h"

static const uint8_t magic[4] = { 'T', 'D', 'M', '1' };

enum tdm_err tdm_envelope_encode(const struct tdm_message *msg, tdm_mac_fn *mac, void *mac_ctx,
	struct tdm_arena *arena, uint8_t *out, size_t cap, size_t *len)
{
	Tandem__Replication__Envelope pb;
	size_t body;
	enum tdm_err err;

	tdm_arena_reset(arena);
	err = tdm_envelope_to_pb(msg, arena, &pb);
	if (err)
		return err;
	body = tandem__replication__envelope__get_packed_size(&pb);
	if (cap > TDM_ENVELOPE_MAX)
		cap = TDM_ENVELOPE_MAX;
	if (cap < TDM_ENVELOPE_HEAD || body > cap - TDM_ENVELOPE_HEAD)
		return TDM_ERR_TOO_LONG;
	tandem__replication__envelope__pack(&pb, out + TDM_ENVELOPE_HEAD);
	memcpy(out, magic, sizeof(magic));
	mac(mac_ctx, out + TDM_ENVELOPE_HEAD, body, out + sizeof(magic));
	*len = TDM_ENVELOPE_HEAD + body;
	return TDM_OK;
}

enum tdm_err tdm_envelope_decode(const uint8_t *wire, size_t wire_len, tdm_mac_fn *mac,
	void *mac_ctx, struct tdm_arena *arena, struct tdm_message *msg)
{
	uint8_t sum[TDM_ENVELOPE_MAC];
	ProtobufCAllocator alloc = tdm_arena_allocator(arena);
	Tandem__Replication__Envelope *pb;
	const uint8_t *body = wire + TDM_ENVELOPE_HEAD;

	if (wire_len > TDM_ENVELOPE_MAX)
		return TDM_ERR_TOO_LONG;
	if (wire_len < TDM_ENVELOPE_HEAD)
		return TDM_ERR_SHORT;
	if (memcmp(wire, magic, sizeof(magic)) != 0)
		return TDM_ERR_MAGIC;
	mac(mac_ctx, body, wire_len - TDM_ENVELOPE_HEAD, sum);
	if (!tdm_bytes_equal(sum, wire + sizeof(magic), sizeof(sum)))
		return TDM_ERR_MAC;

	tdm_arena_reset(arena);
	pb = tandem__replication__envelope__unpack(&alloc, wire_len - TDM_ENVELOPE_HEAD, body);
	if (!pb)
		return TDM_ERR_MALFORMED;
	if (pb->schema_min > TDM_SCHEMA)
		return TDM_ERR_VERSION;
	return tdm_envelope_from_pb(pb, arena, msg);
}
