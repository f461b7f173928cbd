/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "proto/bytes.h"
#include "replication/journal_format.h"
#include "replication/journal_hash.h"

enum {
	OPS_FIRST = 16,
	BYTES_FIRST = 4096,
	CHECK_LEN = 8,
	SESSION_HEAD = CHECK_LEN + 3 * 8,
	SMALL_MAX = CHECK_LEN + 4 + 2 + 2 * (2 + TDM_NAME_MAX), /* header, numbers, stamp */
};

static const uint8_t magic[4] = { 'T', 'D', 'M', 'J' };

void tdm_journal_batch_init(struct tdm_journal_batch *batch)
{
	*batch = (struct tdm_journal_batch){ 0 };
}

void tdm_journal_batch_reset(struct tdm_journal_batch *batch)
{
	batch->len = batch->bytes_len = batch->sessions = 0;
	batch->has_policy = false;
}

void tdm_journal_batch_deinit(struct tdm_journal_batch *batch)
{
	free(batch->ops);
	free(batch->bytes);
	tdm_journal_batch_init(batch);
}

/* --- memory --- */

static enum tdm_err need(struct tdm_journal_batch *batch, size_t ops, size_t bytes)
{
	size_t cap = batch->cap ? batch->cap : OPS_FIRST;
	size_t bytes_cap = batch->bytes_cap ? batch->bytes_cap : BYTES_FIRST;
	void *fresh;

	while (cap < batch->len + ops)
		cap *= 2;
	while (bytes_cap < batch->bytes_len + bytes)
		bytes_cap *= 2;
	if (cap > batch->cap) {
		fresh = realloc(batch->ops, cap * sizeof(*batch->ops));
		if (!fresh)
			return TDM_ERR_NOMEM;
		batch->ops = fresh;
		batch->cap = cap;
	}
	if (bytes_cap > batch->bytes_cap) {
		fresh = realloc(batch->bytes, bytes_cap);
		if (!fresh)
			return TDM_ERR_NOMEM;
		batch->bytes = fresh;
		batch->bytes_cap = bytes_cap;
	}
	return TDM_OK;
}

/* Room for a value of value_len bytes behind its key; the check comes with close_op. */
static enum tdm_err open_op(struct tdm_journal_batch *batch, enum tdm_journal_op_kind kind,
	struct tdm_blob key, size_t value_len, struct tdm_writer *value)
{
	enum tdm_err err = need(batch, 1, key.len + value_len);
	struct tdm_journal_op *op;

	if (err)
		return err;
	op = &batch->ops[batch->len++];
	*op = (struct tdm_journal_op){ .kind = kind,
		.key = batch->bytes_len,
		.key_len = (uint32_t)key.len,
		.value_len = (uint32_t)value_len };
	memcpy(batch->bytes + op->key, key.data, key.len);
	batch->bytes_len += key.len + value_len;
	if (value) {
		tdm_writer_init(value, batch->bytes + op->key + key.len, value_len);
		tdm_writer_u64(value, 0);
	}
	return TDM_OK;
}

/* The value is complete, and may be shorter than foreseen. */
static void close_op(struct tdm_journal_batch *batch, struct tdm_writer *value)
{
	struct tdm_journal_op *op = &batch->ops[batch->len - 1];
	struct tdm_blob key = tdm_journal_op_key(batch, op);
	struct tdm_blob body = { value->data + CHECK_LEN, value->len - CHECK_LEN };
	struct tdm_writer check;

	tdm_writer_init(&check, value->data, CHECK_LEN);
	tdm_writer_u64(&check, tdm_journal_check(key, body));
	batch->bytes_len -= op->value_len - value->len;
	op->value_len = (uint32_t)value->len;
}

static struct tdm_blob key_of(uint8_t out[TDM_JOURNAL_KEY_MAX], enum tdm_journal_key kind)
{
	out[0] = (uint8_t)kind;
	return (struct tdm_blob){ out, 1 };
}

static struct tdm_blob key_of_id(
	uint8_t out[TDM_JOURNAL_KEY_MAX], enum tdm_journal_key kind, uint64_t id)
{
	struct tdm_writer w;

	tdm_writer_init(&w, out, TDM_JOURNAL_KEY_MAX);
	tdm_writer_u8(&w, (uint8_t)kind);
	tdm_writer_u64(&w, id);
	return (struct tdm_blob){ out, w.len };
}

/* --- entries --- */

static enum tdm_err put_policy(struct tdm_journal_batch *batch, struct tdm_blob wire, uint64_t hash)
{
	uint8_t key[TDM_JOURNAL_KEY_MAX];
	struct tdm_writer w;
	enum tdm_err err;

	if (batch->has_policy && batch->policy == hash)
		return TDM_OK;
	err = open_op(batch, TDM_JOURNAL_OP_ONCE, key_of_id(key, TDM_JOURNAL_KEY_POLICY, hash),
		CHECK_LEN + wire.len, &w);
	if (err)
		return err;
	tdm_writer_copy(&w, wire.data, wire.len);
	close_op(batch, &w);
	batch->policy = hash;
	batch->has_policy = true;
	return TDM_OK;
}

enum tdm_err tdm_journal_put(struct tdm_journal_batch *batch, const struct tdm_journal_session *s)
{
	uint64_t hash = tdm_journal_hash(s->policy);
	uint8_t key[TDM_JOURNAL_KEY_MAX];
	struct tdm_writer w;
	enum tdm_err err;

	if (s->record.len > TDM_JOURNAL_VALUE_MAX - SESSION_HEAD ||
		s->policy.len > TDM_JOURNAL_VALUE_MAX - CHECK_LEN)
		return TDM_ERR_TOO_LONG;
	err = put_policy(batch, s->policy, hash);
	if (!err)
		err = open_op(batch, TDM_JOURNAL_OP_SET,
			key_of_id(key, TDM_JOURNAL_KEY_SESSION, s->id),
			SESSION_HEAD + s->record.len, &w);
	if (err)
		return err;
	tdm_writer_u64(&w, hash);
	tdm_writer_u64(&w, (uint64_t)s->written);
	tdm_writer_u64(&w, (uint64_t)s->dropped);
	tdm_writer_copy(&w, s->record.data, s->record.len);
	close_op(batch, &w);
	batch->sessions++;
	return TDM_OK;
}

enum tdm_err tdm_journal_drop(struct tdm_journal_batch *batch, tdm_session_id id)
{
	uint8_t key[TDM_JOURNAL_KEY_MAX];
	enum tdm_err err = open_op(
		batch, TDM_JOURNAL_OP_CLEAR, key_of_id(key, TDM_JOURNAL_KEY_SESSION, id), 0, NULL);

	batch->sessions += !err;
	return err;
}

enum tdm_err tdm_journal_drop_policy(struct tdm_journal_batch *batch, uint64_t hash)
{
	uint8_t key[TDM_JOURNAL_KEY_MAX];

	return open_op(
		batch, TDM_JOURNAL_OP_CLEAR, key_of_id(key, TDM_JOURNAL_KEY_POLICY, hash), 0, NULL);
}

enum tdm_err tdm_journal_numbers(struct tdm_journal_batch *batch, const struct tdm_numbers *numbers)
{
	uint8_t key[TDM_JOURNAL_KEY_MAX];
	struct tdm_writer w;
	enum tdm_err err = open_op(
		batch, TDM_JOURNAL_OP_SET, key_of(key, TDM_JOURNAL_KEY_NUMBERS), SMALL_MAX, &w);

	if (err)
		return err;
	tdm_writer_u64(&w, numbers->epoch_counter);
	tdm_writer_u64(&w, numbers->index_counter);
	close_op(batch, &w);
	return TDM_OK;
}

enum tdm_err tdm_journal_stamp(
	struct tdm_journal_batch *batch, const struct tdm_journal_stamp *stamp)
{
	uint8_t key[TDM_JOURNAL_KEY_MAX];
	struct tdm_writer w;
	enum tdm_err err = open_op(
		batch, TDM_JOURNAL_OP_SET, key_of(key, TDM_JOURNAL_KEY_STAMP), SMALL_MAX, &w);

	if (err)
		return err;
	tdm_writer_u64(&w, stamp->boot);
	tdm_writer_u64(&w, (uint64_t)stamp->wall);
	tdm_writer_u64(&w, (uint64_t)stamp->synced);
	close_op(batch, &w);
	return TDM_OK;
}

enum tdm_err tdm_journal_header(
	struct tdm_journal_batch *batch, const char *cluster, const char *node)
{
	uint8_t key[TDM_JOURNAL_KEY_MAX];
	struct tdm_writer w;
	enum tdm_err err;

	if (strlen(cluster) >= TDM_NAME_MAX || strlen(node) >= TDM_NAME_MAX)
		return TDM_ERR_TOO_LONG;
	err = open_op(
		batch, TDM_JOURNAL_OP_SET, key_of(key, TDM_JOURNAL_KEY_HEADER), SMALL_MAX, &w);
	if (err)
		return err;
	tdm_writer_copy(&w, magic, sizeof(magic));
	tdm_writer_u16(&w, TDM_JOURNAL_FORMAT);
	tdm_writer_field(&w, cluster, strlen(cluster));
	tdm_writer_field(&w, node, strlen(node));
	close_op(batch, &w);
	return TDM_OK;
}

enum tdm_err tdm_journal_append(
	struct tdm_journal_batch *batch, const struct tdm_journal_batch *from)
{
	enum tdm_err err;

	if (!from->len)
		return TDM_OK;
	err = need(batch, from->len, from->bytes_len);
	if (err)
		return err;
	for (size_t i = 0; i < from->len; i++) {
		batch->ops[batch->len + i] = from->ops[i];
		batch->ops[batch->len + i].key += batch->bytes_len;
	}
	memcpy(batch->bytes + batch->bytes_len, from->bytes, from->bytes_len);
	batch->len += from->len;
	batch->bytes_len += from->bytes_len;
	if (from->has_policy) {
		batch->policy = from->policy;
		batch->has_policy = true;
	}
	batch->sessions += from->sessions;
	return TDM_OK;
}
