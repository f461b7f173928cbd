/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "proto/envelope.h"

static uint8_t memory[TDM_ENVELOPE_ARENA] __attribute__((aligned(16)));
static struct tdm_arena arena;
static uint8_t wire[TDM_ENVELOPE_MAX + 1];
static size_t len;

static void sum(void *ctx, const uint8_t *data, size_t n, uint8_t out[TDM_ENVELOPE_MAC])
{
	uint8_t s = ctx ? *(uint8_t *)ctx : 1;

	for (size_t i = 0; i < n; i++)
		s = (uint8_t)(s * 31 + data[i]);
	memset(out, s, TDM_ENVELOPE_MAC);
}

static void init(void)
{
	tdm_arena_init(&arena, memory, sizeof(memory));
}

static struct tdm_message head(enum tdm_message_kind kind)
{
	return (struct tdm_message){ .from = { 2, 0x1122334455667788 },
		.seq = 9,
		.epoch = { 7, 1 },
		.config = 0xfedcba9876543210,
		.unprotected = 3,
		.kind = kind };
}

static enum tdm_err encode(const struct tdm_message *msg)
{
	return tdm_envelope_encode(msg, sum, NULL, &arena, wire, TDM_ENVELOPE_MAX, &len);
}

static enum tdm_err decode(struct tdm_message *msg)
{
	return tdm_envelope_decode(wire, len, sum, NULL, &arena, msg);
}

static struct tdm_message there_and_back(const struct tdm_message *in)
{
	struct tdm_message out;

	cr_assert_eq(encode(in), TDM_OK);
	cr_assert_eq(decode(&out), TDM_OK);
	cr_assert_eq(out.schema, TDM_SCHEMA);
	cr_assert_eq(out.from.node, in->from.node);
	cr_assert_eq(out.from.boot, in->from.boot);
	cr_assert_eq(out.seq, in->seq);
	cr_assert_eq(out.epoch.counter, in->epoch.counter);
	cr_assert_eq(out.epoch.node, in->epoch.node);
	cr_assert_eq(out.config, in->config);
	cr_assert_eq(out.unprotected, in->unprotected);
	cr_assert_eq(out.kind, in->kind);
	return out;
}

TestSuite(envelope, .init = init);

Test(envelope, carries_a_hello)
{
	struct tdm_message in = head(TDM_MESSAGE_HELLO), out;
	struct tdm_hello *h = &in.hello;

	h->tag = (struct tdm_round_tag){ { 1, 44 }, 0xabcdef };
	h->synced = true;
	h->table_size = 100000;
	h->doubt_ms = 5;
	for (size_t i = 0; i < TDM_NODES_MAX; i++)
		h->peers[h->peers_len++] = (struct tdm_peer_ref){ (tdm_node_id)i + 1, i * 7 + 1 };
	for (size_t i = 0; i < TDM_MEMBERS_MAX; i++)
		h->owned[h->owned_len++] = (struct tdm_ownership){ (tdm_member_id)(i + 1),
			(tdm_node_id)i, { i, 3 }, i % 2 == 0 };
	out = there_and_back(&in);
	cr_assert_eq(out.hello.tag.ring.seq, 44);
	cr_assert_eq(out.hello.tag.members_hash, 0xabcdef);
	cr_assert(out.hello.synced);
	cr_assert_eq(out.hello.table_size, 100000);
	cr_assert_eq(out.hello.doubt_ms, 5);
	cr_assert_eq(out.hello.peers_len, TDM_NODES_MAX);
	cr_assert_eq(out.hello.owned_len, TDM_MEMBERS_MAX);
	for (size_t i = 0; i < TDM_NODES_MAX; i++) {
		cr_assert_eq(out.hello.peers[i].boot, i * 7 + 1);
		cr_assert_eq(out.hello.owned[i].epoch.counter, i);
		cr_assert_eq(out.hello.owned[i].mine, i % 2 == 0);
	}
}

static struct tdm_blob policies[] = { { (const uint8_t *)"p1", 2 }, { (const uint8_t *)"", 0 } };
static struct tdm_change changes[] = {
	{ .record = { (const uint8_t *)"rec\0ord", 7 },
		.policy = 1,
		.age_ms = 12,
		.dropped_ms = 0,
		.guessed = true },
	{ .record = { (const uint8_t *)"x", 1 }, .policy = 0, .age_ms = 0, .dropped_ms = -1 },
};

static void check_batch(const struct tdm_batch *b)
{
	cr_assert_eq(b->policies_len, 2);
	cr_assert_eq(b->changes_len, 2);
	cr_assert_eq(b->policies[0].len, 2);
	cr_assert_eq(b->changes[0].record.len, 7);
	cr_assert_arr_eq(b->changes[0].record.data, "rec\0ord", 7);
	cr_assert_eq(b->changes[0].policy, 1);
	cr_assert_eq(b->changes[0].age_ms, 12);
	cr_assert_eq(b->changes[0].dropped_ms, 0);
	cr_assert_eq(b->changes[1].dropped_ms, -1);
	cr_assert(b->changes[0].guessed);
	cr_assert_not(b->changes[1].guessed);
}

Test(envelope, carries_records)
{
	struct tdm_message in = head(TDM_MESSAGE_UPDATE), out;

	in.update = (struct tdm_batch){ policies, 2, changes, 2 };
	out = there_and_back(&in);
	check_batch(&out.update);
	in = head(TDM_MESSAGE_BULK_CHUNK);
	in.chunk.stream = 3;
	in.chunk.number = 4;
	in.chunk.batch = (struct tdm_batch){ policies, 2, changes, 2 };
	out = there_and_back(&in);
	cr_assert_eq(out.chunk.stream, 3);
	cr_assert_eq(out.chunk.number, 4);
	check_batch(&out.chunk.batch);
	in = head(TDM_MESSAGE_UPDATE); /* empty: a fence */
	out = there_and_back(&in);
	cr_assert_eq(out.update.changes_len, 0);
}

Test(envelope, carries_everything_else)
{
	struct tdm_message in = head(TDM_MESSAGE_ACK), out;

	in.ack.items[0] = (struct tdm_acked){ { 1, 11 }, 500 };
	in.ack.items[1] = (struct tdm_acked){ { 3, 33 }, UINT64_MAX };
	in.ack.len = 2;
	out = there_and_back(&in);
	cr_assert_eq(out.ack.len, 2);
	cr_assert_eq(out.ack.items[1].peer.boot, 33);
	cr_assert_eq(out.ack.items[1].seq, UINT64_MAX);

	in = head(TDM_MESSAGE_BULK_REQUEST);
	in.bulk_request.offer = true;
	cr_assert(there_and_back(&in).bulk_request.offer);

	in = head(TDM_MESSAGE_BULK_END);
	in.end.stream = 5;
	in.end.chunks = 6;
	in.end.records = 7;
	in.end.request_node = 8;
	in.end.request_seq = 9;
	out = there_and_back(&in);
	cr_assert(out.end.stream == 5 && out.end.chunks == 6 && out.end.records == 7);
	cr_assert(out.end.request_node == 8 && out.end.request_seq == 9);

	in = head(TDM_MESSAGE_SYNCED);
	in.synced.cold = true;
	in.synced.tag = (struct tdm_round_tag){ { 2, 8 }, 1 };
	out = there_and_back(&in);
	cr_assert(out.synced.cold && out.synced.tag.ring.rep == 2);

	in = head(TDM_MESSAGE_DEMOTE);
	in.demote.who = (struct tdm_peer_ref){ 3, 77 };
	in.demote.tag = (struct tdm_round_tag){ { 2, 8 }, 1 };
	out = there_and_back(&in);
	cr_assert(out.demote.who.node == 3 && out.demote.who.boot == 77);
	cr_assert(out.demote.tag.ring.seq == 8 && out.demote.tag.members_hash == 1);

	in = head(TDM_MESSAGE_OWNER);
	in.owner.member = 2;
	in.owner.epoch = (struct tdm_epoch){ 12, 2 };
	in.owner.tag = (struct tdm_round_tag){ { 2, 8 }, 1 };
	out = there_and_back(&in);
	cr_assert(out.owner.member == 2 && out.owner.epoch.counter == 12);
	cr_assert(out.owner.tag.ring.seq == 8 && out.owner.tag.members_hash == 1);

	in = head(TDM_MESSAGE_HANDOVER);
	in.owner.member = 2;
	in.owner.to = 1;
	out = there_and_back(&in);
	cr_assert(out.owner.member == 2 && out.owner.to == 1);

	in = head(TDM_MESSAGE_NONE);
	cr_assert_eq(encode(&in), TDM_ERR_INVAL);
}

Test(envelope, carries_digests)
{
	static uint64_t sums[TDM_DIGEST_SHARDS];
	struct tdm_message in, out;

	in = head(TDM_MESSAGE_DIGEST);
	in.digest.kind = TDM_DIGEST_ANSWER;
	in.digest.asker = 3;
	in.digest.ask_seq = 44;
	in.digest.records = 100000;
	in.digest.shards = sums;
	for (size_t i = 0; i < TDM_DIGEST_SHARDS; i++)
		sums[i] = i * 0x0123456789abcdefu;
	out = there_and_back(&in);
	cr_assert(out.digest.asker == 3 && out.digest.ask_seq == 44);
	cr_assert_eq(out.digest.records, 100000);
	cr_assert_eq(memcmp(out.digest.shards, sums, sizeof(sums)), 0);

	in = head(TDM_MESSAGE_DIGEST);
	in.digest.kind = TDM_DIGEST_ASK;
	in.digest.to = 2;
	in.digest.round = 1;
	in.digest.horizon = -5;
	in.digest.suspects.bits[31] = 0x80;
	out = there_and_back(&in);
	cr_assert(out.digest.kind == TDM_DIGEST_ASK && out.digest.to == 2);
	cr_assert(out.digest.round == 1 && out.digest.horizon == -5 && !out.digest.shards);
	cr_assert_eq(out.digest.suspects.bits[31], 0x80);

	in.digest.kind = TDM_DIGEST_KINDS;
	cr_assert_eq(encode(&in), TDM_OK);
	cr_assert_eq(decode(&out), TDM_ERR_MALFORMED);
}

Test(envelope, a_changed_byte_anywhere_is_refused)
{
	struct tdm_message in = head(TDM_MESSAGE_OWNER), out;
	uint8_t key = 5;

	in.owner.member = 1;
	cr_assert_eq(encode(&in), TDM_OK);
	for (size_t i = 0; i < len; i++) {
		wire[i] ^= 0x10;
		cr_assert_eq(decode(&out), i < 4 ? TDM_ERR_MAGIC : TDM_ERR_MAC, "byte %zu", i);
		wire[i] ^= 0x10;
	}
	cr_assert_eq(decode(&out), TDM_OK);
	cr_assert_eq(tdm_envelope_decode(wire, len, sum, &key, &arena, &out), TDM_ERR_MAC);
}

Test(envelope, lengths_are_bounded)
{
	struct tdm_message in = head(TDM_MESSAGE_UPDATE), out;
	static uint8_t big[TDM_ENVELOPE_MAX];
	struct tdm_blob policy = { big, sizeof(big) - 100 };

	in.update = (struct tdm_batch){ &policy, 1, NULL, 0 };
	cr_assert_eq(encode(&in), TDM_OK);
	policy.len = sizeof(big);
	cr_assert_eq(encode(&in), TDM_ERR_TOO_LONG);
	cr_assert_eq(tdm_envelope_encode(&in, sum, NULL, &arena, wire, 10, &len), TDM_ERR_TOO_LONG);
	len = TDM_ENVELOPE_MAX + 1;
	cr_assert_eq(decode(&out), TDM_ERR_TOO_LONG);
	len = TDM_ENVELOPE_HEAD - 1;
	cr_assert_eq(decode(&out), TDM_ERR_SHORT);
}

/* A body as given, with a good MAC. */
static enum tdm_err body(const void *data, size_t n, struct tdm_message *out)
{
	memcpy(wire, "TDM1", 4);
	memcpy(wire + TDM_ENVELOPE_HEAD, data, n);
	sum(NULL, wire + TDM_ENVELOPE_HEAD, n, wire + 4);
	len = TDM_ENVELOPE_HEAD + n;
	return decode(out);
}

#define HEAD "\x08\x01\x10\x01\x18\x02\x21\x01\0\0\0\0\0\0\0\x28\x01"

Test(envelope, of_a_newer_release_is_read_when_it_can_be)
{
	struct tdm_message out;

	cr_assert_eq(
		body("\x08\x09\x10\x01\x18\x02\x21\x01\0\0\0\0\0\0\0\x28\x01", 17, &out), TDM_OK);
	cr_assert_eq(out.schema, 9);
	cr_assert_eq(body("\x08\x09\x10\x02\x18\x02\x21\x01\0\0\0\0\0\0\0\x28\x01", 17, &out),
		TDM_ERR_VERSION);
	/* a body that we do not know: field 40 */
	cr_assert_eq(body(HEAD "\xc2\x02\x02xx", 22, &out), TDM_OK);
	cr_assert_eq(out.kind, TDM_MESSAGE_NONE);
	cr_assert_eq(out.from.node, 2);
}

Test(envelope, nonsense_is_refused)
{
	struct tdm_message out;

	cr_assert_eq(body("", 0, &out), TDM_ERR_MALFORMED);
	cr_assert_eq(body("\xff\xff\xff", 3, &out), TDM_ERR_MALFORMED);
	cr_assert_eq(body(HEAD "\xc2\x01\x00", 20, &out), TDM_ERR_MALFORMED, "owner of no member");
	cr_assert_eq(body(HEAD "\x8a\x01\x04\x12\x02\x10\x05", 24, &out), TDM_ERR_MALFORMED,
		"a change with a policy that is not there");
}

/* Two bytes on the wire are a struct in memory: that must end somewhere. */
Test(envelope, a_message_of_many_empty_parts_does_not_take_all_memory)
{
	static uint8_t many[60000 + 32];
	struct tdm_message out;
	size_t n = sizeof(HEAD) - 1;

	memcpy(many, HEAD, n);
	many[n++] = 0x8a;
	many[n++] = 0x01;
	many[n++] = 0xe0; /* 60000 */
	many[n++] = 0xd4;
	many[n++] = 0x03;
	for (size_t i = 0; i < 60000; i += 2) {
		many[n + i] = 0x12;
		many[n + i + 1] = 0;
	}
	cr_assert_neq(body(many, n + 60000, &out), TDM_OK);
}
