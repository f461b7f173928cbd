/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/record.h"

#include <string.h>

#include "proto/arena.h"
#include "proto/replication.pb-c.h"
#include "proto/text.h"

enum {
	RECORD_FIELD_LAST = 32, /* the highest field number that this release knows */
	RECORD_ARENA = 32 * 1024,
	REASON_WIRE_MAX = 255, /* newer releases may know more reasons than we */
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5,
};

const char *tdm_session_state_name(enum tdm_session_state state)
{
	static const char *const names[TDM_SESSION_STATES] = {
		[TDM_SESSION_NONE] = "none",
		[TDM_SESSION_NEW] = "new",
		[TDM_SESSION_ACTIVE] = "active",
		[TDM_SESSION_INACTIVE] = "inactive",
		[TDM_SESSION_REVOKED] = "revoked",
		[TDM_SESSION_EXPIRED] = "expired",
	};

	return (unsigned)state < TDM_SESSION_STATES ? names[state] : "unknown";
}

const char *tdm_reason_name(enum tdm_reason reason)
{
	static const char *const names[TDM_REASON_COUNT] = {
		[TDM_REASON_NONE] = "none",
		[TDM_REASON_LOGOUT] = "logout",
		[TDM_REASON_ADMIN] = "ended by an administrator",
		[TDM_REASON_DISPLACED] = "displaced by a newer login",
		[TDM_REASON_IDLE_TIMEOUT] = "idle timeout",
		[TDM_REASON_SESSION_TIMEOUT] = "maximum connect time",
		[TDM_REASON_CONNECT_TIMEOUT] = "never connected",
		[TDM_REASON_UNKNOWN_TOKEN] = "unknown token",
		[TDM_REASON_NOT_OWNER] = "owner changed during the login",
		[TDM_REASON_NOT_SYNCED] = "not synced",
		[TDM_REASON_ADDRESS_CONFLICT] = "inner address in use twice",
	};

	return (unsigned)reason < TDM_REASON_COUNT ? names[reason] : "unknown";
}

/* --- protobuf's outer form, as far as it takes to carry unknown fields over --- */

static bool varint_get(const uint8_t *wire, size_t len, size_t *pos, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b;

		if (*pos >= len)
			return false;
		b = wire[(*pos)++];
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*out = v;
			return true;
		}
	}
	return false;
}

/* Step over one field; false at the end or when it is broken. */
static bool field_next(const uint8_t *wire, size_t len, size_t *pos, uint64_t *number)
{
	uint64_t tag, v;

	if (*pos >= len || !varint_get(wire, len, pos, &tag))
		return false;
	*number = tag >> 3;
	switch (tag & 7) {
	case WIRE_VARINT:
		return varint_get(wire, len, pos, &v);
	case WIRE_FIXED64:
		v = 8;
		break;
	case WIRE_FIXED32:
		v = 4;
		break;
	case WIRE_BYTES:
		if (!varint_get(wire, len, pos, &v))
			return false;
		break;
	default:
		return false;
	}
	if (v > len - *pos)
		return false;
	*pos += (size_t)v;
	return true;
}

static enum tdm_err carry_unknown(
	const uint8_t *base, size_t base_len, uint8_t *out, size_t cap, size_t *len)
{
	size_t pos = 0, start = 0;
	uint64_t number;

	while (field_next(base, base_len, &pos, &number)) {
		size_t n = pos - start;

		if (number > RECORD_FIELD_LAST) {
			if (n > cap - *len)
				return TDM_ERR_TOO_LONG;
			memcpy(out + *len, base + start, n);
			*len += n;
		}
		start = pos;
	}
	return TDM_OK;
}

/* --- record --- */

static ProtobufCBinaryData ip_out(const struct tdm_ip *ip)
{
	size_t len = ip->family == 4 ? 4 : ip->family == 6 ? 16 : 0;

	return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)ip->addr };
}

static bool ip_in(const ProtobufCBinaryData *b, struct tdm_ip *ip)
{
	if (b->len != 0 && b->len != 4 && b->len != 16)
		return false;
	memset(ip, 0, sizeof(*ip));
	ip->family = b->len == 16 ? 6 : (uint8_t)b->len;
	if (b->len)
		memcpy(ip->addr, b->data, b->len);
	return true;
}

static uint64_t left_out(int64_t ms)
{
	if (ms == TDM_NEVER)
		return 0;
	return ms > 0 ? (uint64_t)ms + 1 : 1;
}

static bool left_in(uint64_t v, int64_t *ms)
{
	if (v > INT64_MAX)
		return false;
	*ms = v ? (int64_t)(v - 1) : TDM_NEVER;
	return true;
}

/* Strings of a record are only read while it is packed; protobuf-c wants them writable. */
#define STR(field) ((char *)(uintptr_t)(rec->field))

static void record_fill(const struct tdm_record *rec, Tandem__Replication__Record *pb)
{
	pb->id = rec->id;
	pb->index = rec->index;
	pb->member = rec->member;
	pb->verifier.data = (uint8_t *)(uintptr_t)rec->verifier;
	pb->verifier.len = sizeof(rec->verifier);
	pb->epoch_counter = rec->version.epoch.counter;
	pb->epoch_node = rec->version.epoch.node;
	pb->seq = rec->version.seq;
	pb->state = (uint32_t)rec->state;
	pb->reason = (uint32_t)rec->reason;
	pb->ended = rec->ended;
	pb->ended_by = rec->ended_by;
	pb->user = STR(user);
	pb->group = STR(group);
	pb->tunnel_group = STR(tunnel_group);
	pb->auth_method = STR(auth_method);
	pb->auth_mode = STR(auth_mode);
	pb->entry = (uint32_t)rec->entry;
	pb->agent = STR(agent);
	pb->device = STR(device);
	pb->hostname = STR(hostname);
	pb->addr4 = STR(addr4);
	pb->mask4 = STR(mask4);
	pb->addr6 = STR(addr6);
	pb->mtu = rec->mtu;
	pb->dtls_offered = rec->dtls_offered;
	pb->login = rec->login;
	pb->inactive_since = rec->inactive_since;
	pb->idle_left = left_out(rec->idle_left_ms);
	pb->disconnected_left = left_out(rec->disconnected_left_ms);
	pb->session_left = left_out(rec->session_left_ms);
}

static void tunnel_fill(const struct tdm_tunnel_desc *t, Tandem__Replication__Tunnel *pb)
{
	tandem__replication__tunnel__init(pb);
	pb->kind = (uint32_t)t->kind;
	pb->local_ip = ip_out(&t->local.ip);
	pb->local_port = t->local.port;
	pb->remote_ip = ip_out(&t->remote.ip);
	pb->remote_port = t->remote.port;
	pb->suite = (char *)(uintptr_t)t->suite;
	pb->seq = t->seq;
	pb->ack = t->ack;
	pb->started = t->started;
}

enum tdm_err tdm_record_encode(const struct tdm_record *rec, const uint8_t *base, size_t base_len,
	uint8_t *out, size_t cap, size_t *len)
{
	Tandem__Replication__Record pb = TANDEM__REPLICATION__RECORD__INIT;
	Tandem__Replication__PublicAddress addrs[TDM_PUBLIC_ADDRS_MAX],
		*addr_ptrs[TDM_PUBLIC_ADDRS_MAX];
	Tandem__Replication__Tunnel tunnels[2], *tunnel_ptrs[2];

	record_fill(rec, &pb);
	for (size_t i = 0; i < rec->public_len && i < TDM_PUBLIC_ADDRS_MAX; i++) {
		addr_ptrs[i] = &addrs[i];
		tandem__replication__public_address__init(&addrs[i]);
		addrs[i].ip = ip_out(&rec->public_addrs[i].ip);
		addrs[i].since = rec->public_addrs[i].since;
		pb.n_public_addrs++;
	}
	pb.public_addrs = addr_ptrs;
	for (size_t i = 0; i < rec->tunnels_len && i < 2; i++) {
		tunnel_ptrs[i] = &tunnels[i];
		tunnel_fill(&rec->tunnels[i], &tunnels[i]);
		pb.n_tunnels++;
	}
	pb.tunnels = tunnel_ptrs;

	if (tandem__replication__record__get_packed_size(&pb) > cap)
		return TDM_ERR_TOO_LONG;
	*len = tandem__replication__record__pack(&pb, out);
	return base ? carry_unknown(base, base_len, out, cap, len) : TDM_OK;
}

static bool str_in(char *out, size_t cap, const char *s)
{
	return tdm_text_copy(out, cap, s, strlen(s)) == TDM_OK;
}

#define STR_IN(field) str_in(rec->field, sizeof(rec->field), pb->field)

static bool strings_in(const Tandem__Replication__Record *pb, struct tdm_record *rec)
{
	return STR_IN(user) && STR_IN(group) && STR_IN(tunnel_group) && STR_IN(auth_method) &&
	       STR_IN(auth_mode) && STR_IN(agent) && STR_IN(device) && STR_IN(hostname) &&
	       STR_IN(addr4) && STR_IN(mask4) && STR_IN(addr6);
}

static bool numbers_in(const Tandem__Replication__Record *pb, struct tdm_record *rec)
{
	if (!pb->id || !pb->member || pb->member > UINT16_MAX || pb->mtu > UINT16_MAX)
		return false;
	if (pb->state <= TDM_SESSION_NONE || pb->state >= TDM_SESSION_STATES ||
		pb->reason > REASON_WIRE_MAX || pb->entry > REASON_WIRE_MAX)
		return false;
	if (pb->verifier.len != sizeof(rec->verifier))
		return false;
	rec->id = pb->id;
	rec->index = pb->index;
	rec->member = (tdm_member_id)pb->member;
	memcpy(rec->verifier, pb->verifier.data, sizeof(rec->verifier));
	rec->version.epoch = (struct tdm_epoch){ pb->epoch_counter, pb->epoch_node };
	rec->version.seq = pb->seq;
	rec->state = (enum tdm_session_state)pb->state;
	rec->reason = (enum tdm_reason)pb->reason;
	rec->entry = (enum tdm_entry_way)pb->entry;
	rec->ended = pb->ended;
	rec->ended_by = pb->ended_by;
	rec->mtu = (uint16_t)pb->mtu;
	rec->dtls_offered = pb->dtls_offered;
	rec->login = pb->login;
	rec->inactive_since = pb->inactive_since;
	return left_in(pb->idle_left, &rec->idle_left_ms) &&
	       left_in(pb->disconnected_left, &rec->disconnected_left_ms) &&
	       left_in(pb->session_left, &rec->session_left_ms);
}

static bool tunnel_in(const Tandem__Replication__Tunnel *pb, struct tdm_tunnel_desc *t)
{
	if (pb->kind > TDM_TUNNEL_DTLS || pb->local_port > UINT16_MAX ||
		pb->remote_port > UINT16_MAX)
		return false;
	t->kind = (enum tdm_tunnel_kind)pb->kind;
	t->local.port = (uint16_t)pb->local_port;
	t->remote.port = (uint16_t)pb->remote_port;
	t->seq = pb->seq;
	t->ack = pb->ack;
	t->started = pb->started;
	return ip_in(&pb->local_ip, &t->local.ip) && ip_in(&pb->remote_ip, &t->remote.ip) &&
	       str_in(t->suite, sizeof(t->suite), pb->suite);
}

static bool lists_in(const Tandem__Replication__Record *pb, struct tdm_record *rec)
{
	if (pb->n_public_addrs > TDM_PUBLIC_ADDRS_MAX || pb->n_tunnels > 2)
		return false;
	rec->public_len = (uint8_t)pb->n_public_addrs;
	for (size_t i = 0; i < pb->n_public_addrs; i++) {
		rec->public_addrs[i].since = pb->public_addrs[i]->since;
		if (!ip_in(&pb->public_addrs[i]->ip, &rec->public_addrs[i].ip))
			return false;
	}
	rec->tunnels_len = (uint8_t)pb->n_tunnels;
	for (size_t i = 0; i < pb->n_tunnels; i++)
		if (!tunnel_in(pb->tunnels[i], &rec->tunnels[i]))
			return false;
	return true;
}

enum tdm_err tdm_record_decode(const uint8_t *wire, size_t len, struct tdm_record *rec)
{
	_Alignas(16) uint8_t memory[RECORD_ARENA];
	struct tdm_arena arena;
	ProtobufCAllocator alloc = tdm_arena_allocator(&arena);
	Tandem__Replication__Record *pb;

	tdm_arena_init(&arena, memory, sizeof(memory));
	pb = tandem__replication__record__unpack(&alloc, len, wire);
	if (!pb)
		return TDM_ERR_MALFORMED;
	memset(rec, 0, sizeof(*rec));
	if (!numbers_in(pb, rec) || !strings_in(pb, rec) || !lists_in(pb, rec))
		return TDM_ERR_MALFORMED;
	return TDM_OK;
}
