/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of the journal's entries, the same for every adapter: docs/journal.md. Reading trusts
 * nothing: the medium may be damaged, or another cluster's.
 */
#pragma once

#include "replication/journal.h"

enum {
	TDM_JOURNAL_FORMAT = 1,
	TDM_JOURNAL_KEY_MAX = 9,
	TDM_JOURNAL_VALUE_MAX = 64 * 1024,
};

/* The kinds of keys: their first byte. In the order of the keys a header comes before everything
 * and a policy before the sessions that have it. */
enum tdm_journal_key {
	TDM_JOURNAL_KEY_HEADER = 'h',
	TDM_JOURNAL_KEY_NUMBERS = 'n',
	TDM_JOURNAL_KEY_POLICY = 'p',
	TDM_JOURNAL_KEY_SESSION = 's',
	TDM_JOURNAL_KEY_STAMP = 't',
};

enum tdm_journal_op_kind {
	TDM_JOURNAL_OP_SET,   /* write, or write over */
	TDM_JOURNAL_OP_ONCE,  /* write; if it is there already it must be the same */
	TDM_JOURNAL_OP_CLEAR, /* delete, if it is there */
};

/* Positions in the batch's bytes. */
struct tdm_journal_op {
	enum tdm_journal_op_kind kind;
	uint32_t key_len, value_len;
	size_t key; /* the value follows the key */
};

static inline struct tdm_blob tdm_journal_op_key(
	const struct tdm_journal_batch *batch, const struct tdm_journal_op *op)
{
	return (struct tdm_blob){ batch->bytes + op->key, op->key_len };
}

static inline struct tdm_blob tdm_journal_op_value(
	const struct tdm_journal_batch *batch, const struct tdm_journal_op *op)
{
	return (struct tdm_blob){ batch->bytes + op->key + op->key_len, op->value_len };
}

/* The entry that every journal begins with. Errors like tdm_journal_put. */
enum tdm_err tdm_journal_header(
	struct tdm_journal_batch *batch, const char *cluster, const char *node) TDM_MUST_USE;
enum tdm_err tdm_journal_drop_policy(struct tdm_journal_batch *batch, uint64_t hash) TDM_MUST_USE;

struct tdm_journal_policy {
	uint64_t hash;
	struct tdm_blob wire; /* as long as the entry it came from */
	bool used;
};

/* Reads a journal's entries one after the other, in the order of their keys. */
struct tdm_journal_scan {
	const char *cluster, *node; /* whose it has to be */
	tdm_journal_visit *visit;   /* NULL: only check */
	void *ctx;

	/* found */
	size_t entries, sessions;
	struct tdm_numbers numbers;
	struct tdm_journal_stamp stamp;
	struct tdm_journal_policy *policies; /* in the order of their hashes */
	size_t policies_len, policies_cap;
};

/* One entry. TDM_OK; or what is wrong, with diag->text as a phrase: TDM_ERR_MALFORMED (damaged),
 * TDM_ERR_VERSION (newer format), TDM_ERR_PERM (another cluster's or node's); or TDM_ERR_NOMEM. */
enum tdm_err tdm_journal_scan_entry(struct tdm_journal_scan *scan, struct tdm_blob key,
	struct tdm_blob value, struct tdm_diag *diag) TDM_MUST_USE;
void tdm_journal_scan_deinit(struct tdm_journal_scan *scan);
