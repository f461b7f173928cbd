/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages between nodes as plain values, and their wire form: "TDM1", a 32 byte MAC over the rest,
 * tandem.replication.Envelope. protobuf's own structs stay inside.
 */
#pragma once

#include "proto/arena.h"
#include "proto/err.h"
#include "proto/types.h"

enum {
	TDM_ENVELOPE_MAX = 64 * 1024,
	TDM_ENVELOPE_MAC = 32,
	TDM_ENVELOPE_HEAD = 4 + TDM_ENVELOPE_MAC,
	TDM_ENVELOPE_ARENA = 512 * 1024, /* enough to decode any message that we send */
	TDM_SCHEMA = 1,                  /* what we write */
	TDM_SCHEMA_MIN = 1,              /* the oldest reader that understands it */
	TDM_DIGEST_SHARDS = 256,
};

/* MAC over data; the shell keeps the key (HMAC-SHA-256 with the cluster key). */
typedef void tdm_mac_fn(void *ctx, const uint8_t *data, size_t len, uint8_t out[TDM_ENVELOPE_MAC]);

struct tdm_blob {
	const uint8_t *data; /* borrowed */
	size_t len;
};

struct tdm_peer_ref {
	tdm_node_id node;
	tdm_boot_id boot;
};

struct tdm_ownership {
	tdm_member_id member;
	tdm_node_id owner;
	struct tdm_epoch epoch;
	bool mine;
};

/* A view: its ring and a hash of its members. */
struct tdm_round_tag {
	struct tdm_ring ring;
	uint64_t members_hash;
};

struct tdm_hello {
	struct tdm_round_tag tag;
	bool synced;
	struct tdm_peer_ref peers[TDM_NODES_MAX]; /* synced, and stayed with the sender */
	size_t peers_len;
	struct tdm_ownership owned[TDM_MEMBERS_MAX];
	size_t owned_len;
	uint64_t table_size;
	uint64_t doubt_ms; /* for so long somebody out of sight may know more tokens */
	uint64_t sections[TDM_CONFIG_SECTIONS]; /* fingerprints of the sender's configuration */
	bool config_any; /* the sender may take over though its configuration differs */
};

struct tdm_change {
	struct tdm_blob record;
	uint32_t policy;    /* position in the message's policies */
	int64_t age_ms;     /* since the version was written */
	int64_t dropped_ms; /* since its tunnel was lost with its owner; -1 = it was not */
	bool guessed;       /* dropped_ms is from a journal: it was lost then or later */
};

struct tdm_batch {
	struct tdm_blob *policies;
	size_t policies_len;
	struct tdm_change *changes;
	size_t changes_len;
};

struct tdm_acked {
	struct tdm_peer_ref peer;
	uint64_t seq;
};

/* Shards of the session table, one bit each. */
struct tdm_shard_set {
	uint8_t bits[TDM_DIGEST_SHARDS / 8];
};

enum tdm_digest_kind {
	TDM_DIGEST_ASK,    /* what are your sums at this point? */
	TDM_DIGEST_ANSWER, /* these, at the point of that question */
	TDM_DIGEST_SEND,   /* send your records of some shards */
	TDM_DIGEST_KINDS
};

struct tdm_digest_message {
	enum tdm_digest_kind kind;
	tdm_node_id asker; /* answers: the question, by its sender and sequence number */
	uint64_t ask_seq;
	tdm_node_id to;   /* questions: 0 = all synced nodes */
	uint32_t round;   /* of the asker's comparison; from 1 on, what differs is exchanged */
	tdm_wall horizon; /* sessions that ended before are not counted */
	uint64_t records; /* answers: sessions in the sender's table, ended ones included */
	uint64_t *shards; /* answers: TDM_DIGEST_SHARDS sums, else NULL */
	struct tdm_shard_set suspects; /* what differed last time, or what is to be sent */
};

enum tdm_message_kind {
	TDM_MESSAGE_NONE,
	TDM_MESSAGE_HELLO,
	TDM_MESSAGE_UPDATE,
	TDM_MESSAGE_ACK,
	TDM_MESSAGE_BULK_REQUEST,
	TDM_MESSAGE_BULK_CHUNK,
	TDM_MESSAGE_BULK_END,
	TDM_MESSAGE_SYNCED,
	TDM_MESSAGE_DEMOTE,
	TDM_MESSAGE_OWNER,
	TDM_MESSAGE_HANDOVER, /* reserved: decoded, not acted on */
	TDM_MESSAGE_DIGEST,
	TDM_MESSAGE_KINDS
};

struct tdm_message {
	/* header; schema is written by encode */
	uint32_t schema;
	struct tdm_peer_ref from;
	uint64_t seq;
	struct tdm_epoch epoch;
	uint64_t config;
	uint32_t unprotected;

	enum tdm_message_kind kind; /* NONE: a body that this release does not know */
	union {
		struct tdm_hello hello;
		struct tdm_batch update;
		struct {
			struct tdm_acked items[TDM_NODES_MAX];
			size_t len;
		} ack;
		struct {
			bool offer;
		} bulk_request;
		struct {
			uint64_t stream, number;
			struct tdm_batch batch;
		} chunk;
		struct {
			uint64_t stream, chunks, records;
			tdm_node_id request_node; /* the request that started the stream */
			uint64_t request_seq;
		} end;
		struct {
			bool cold;
			struct tdm_round_tag tag;
		} synced;
		struct {
			struct tdm_peer_ref who;
			struct tdm_round_tag tag;
		} demote;
		struct {
			tdm_member_id member;
			tdm_node_id to;           /* handover only */
			struct tdm_round_tag tag; /* not with handover */
			struct tdm_epoch epoch;
		} owner;
		struct tdm_digest_message digest;
	};
};

/* Encode into out[cap]; arena is scratch (reset by the call). TDM_ERR_TOO_LONG when the message is
 * larger than cap or TDM_ENVELOPE_MAX. */
enum tdm_err tdm_envelope_encode(const struct tdm_message *msg, tdm_mac_fn *mac, void *mac_ctx,
	struct tdm_arena *arena, uint8_t *out, size_t cap, size_t *len) TDM_MUST_USE;
/* Decode; blobs and lists live in arena (reset by the call) until its next use.
 * TDM_ERR_SHORT, TDM_ERR_TOO_LONG, TDM_ERR_MAGIC, TDM_ERR_MAC (nothing else was looked at),
 * TDM_ERR_VERSION (the sender is newer and says that we cannot read it), TDM_ERR_MALFORMED. */
enum tdm_err tdm_envelope_decode(const uint8_t *wire, size_t wire_len, tdm_mac_fn *mac,
	void *mac_ctx, struct tdm_arena *arena, struct tdm_message *msg) TDM_MUST_USE;
