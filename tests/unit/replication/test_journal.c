/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every journal does, whatever it is written on: each body runs over both adapters. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "replication/journal_format.h"
#include "tests/unit/replication/journal_kit.h"

#define BOTH(name)                                                                                 \
	static void name##_on(struct kit_medium *medium);                                          \
	Test(journal, name##_memory)                                                               \
	{                                                                                          \
		struct kit_medium medium;                                                          \
		kit_medium_init(&medium, false);                                                   \
		name##_on(&medium);                                                                \
		kit_medium_deinit(&medium);                                                        \
	}                                                                                          \
	Test(journal, name##_lmdb)                                                                 \
	{                                                                                          \
		struct kit_medium medium;                                                          \
		kit_medium_init(&medium, true);                                                    \
		name##_on(&medium);                                                                \
		kit_medium_deinit(&medium);                                                        \
	}                                                                                          \
	static void name##_on(struct kit_medium *medium)

/* A new journal is empty, and says nothing. */
BOTH(new_is_empty)
{
	struct tdm_journal *j = kit_open(medium);

	cr_assert_not(j->why.code, "%s", j->why.text);
	cr_assert_eq(kit_load(j)->len, 0);
	cr_assert_eq(j->numbers.epoch_counter, 0);
	cr_assert_eq(j->stamp.wall, 0);
	tdm_journal_close(j);
	j = kit_open(medium);
	cr_assert_not(j->why.code, "opened again: %s", j->why.text);
	tdm_journal_close(j);
	cr_assert_eq(kit_aside(medium), 0);
}

/* What was committed is there after a restart, the later version of each session. */
BOTH(survives)
{
	struct tdm_journal *j = kit_open(medium);
	struct tdm_journal_batch b;
	const struct kit_found *found;
	size_t i;

	tdm_journal_batch_init(&b);
	kit_put(&b, 7, 1, 1);
	kit_put(&b, 8, 1, 1);
	kit_put(&b, 9, 1, 2);
	kit_put(&b, 7, 2, 1);
	kit_commit(j, &b);
	kit_revoke(&b, 8, 1);
	cr_assert_not(tdm_journal_drop(&b, 9));
	cr_assert_not(tdm_journal_drop(&b, 4711), "unknown is fine");
	kit_commit(j, &b);
	tdm_journal_batch_deinit(&b);
	tdm_journal_close(j);

	j = kit_open(medium);
	cr_assert_eq(j->sessions, 2);
	found = kit_load(j);
	cr_assert_eq(found->len, 2);
	i = kit_find(found, 7);
	cr_expect_eq(found->items[i].seq, 2);
	cr_expect_eq(found->items[i].written, 1002);
	cr_expect_eq(found->items[i].dropped, 2002);
	cr_expect_str_eq(found->items[i].policy, "policy1");
	cr_expect_str_eq(found->items[i].user, "user7");
	i = kit_find(found, 8);
	cr_expect_eq(found->items[i].state, TDM_SESSION_REVOKED, "a revocation is not forgotten");
	cr_expect_eq(found->items[i].dropped, 0);
	tdm_journal_close(j);
}

/* The numbers and the stamp come back, and sessions do not disturb them. */
BOTH(numbers_and_stamp)
{
	struct tdm_journal *j = kit_open(medium);
	struct tdm_journal_batch b;

	tdm_journal_batch_init(&b);
	cr_assert_not(tdm_journal_numbers(&b, &(struct tdm_numbers){ 5, 900 }));
	kit_put(&b, 1, 1, 1);
	cr_assert_not(tdm_journal_stamp(&b, &(struct tdm_journal_stamp){ 77, 5000, 4000 }));
	kit_commit(j, &b);
	cr_assert_not(tdm_journal_numbers(&b, &(struct tdm_numbers){ 6, 901 }));
	kit_commit(j, &b);
	tdm_journal_batch_deinit(&b);
	tdm_journal_close(j);

	j = kit_open(medium);
	cr_expect_eq(j->numbers.epoch_counter, 6);
	cr_expect_eq(j->numbers.index_counter, 901);
	cr_expect_eq(j->stamp.boot, 77);
	cr_expect_eq(j->stamp.wall, 5000);
	cr_expect_eq(j->stamp.synced, 4000);
	tdm_journal_close(j);
}

/* Another cluster's sessions, and another node's numbers, are not used: not a byte of them. */
BOTH(foreign_is_put_aside)
{
	static const struct {
		const char *cluster, *node;
	} others[] = { { "elsewhere", KIT_NODE }, { KIT_CLUSTER, "n2" } };
	struct tdm_journal *j = kit_open(medium);
	struct tdm_journal_batch b;

	tdm_journal_batch_init(&b);
	for (size_t i = 0; i < 2; i++) {
		kit_put(&b, 1, 1, 1);
		cr_assert_not(tdm_journal_numbers(&b, &(struct tdm_numbers){ 5, 900 }));
		kit_commit(j, &b);
		tdm_journal_close(j);
		j = kit_open_as(medium, others[i].cluster, others[i].node);
		cr_expect_eq(j->why.code, TDM_ERR_PERM);
		cr_expect_not_null(strstr(j->why.text, "belongs to node"), "%s", j->why.text);
		cr_expect_eq(kit_load(j)->len, 0);
		cr_expect_eq(j->numbers.epoch_counter, 0);
		cr_expect_eq(kit_aside(medium), i + 1);
	}
	tdm_journal_batch_deinit(&b);
	tdm_journal_close(j);
}

/* A format of tomorrow is put aside, not guessed at. */
BOTH(newer_is_put_aside)
{
	struct tdm_journal *j = kit_open(medium);
	struct tdm_journal_batch b;
	struct tdm_journal_op *op;

	tdm_journal_batch_init(&b);
	/* the header of a new journal, with its version raised: the check has to be right */
	cr_assert_not(tdm_journal_header(&b, KIT_CLUSTER, KIT_NODE));
	op = &b.ops[0];
	b.bytes[op->key + op->key_len + 8 + 5] = TDM_JOURNAL_FORMAT + 1;
	{
		struct tdm_blob value = tdm_journal_op_value(&b, op);
		uint64_t h = UINT64_C(0xcbf29ce484222325);

		h = (h ^ 'h') * UINT64_C(0x100000001b3);
		for (size_t i = 8; i < value.len; i++)
			h = (h ^ value.data[i]) * UINT64_C(0x100000001b3);
		for (size_t i = 0; i < 8; i++)
			b.bytes[op->key + 1 + i] = (uint8_t)(h >> (56 - 8 * i));
	}
	kit_commit(j, &b);
	tdm_journal_batch_deinit(&b);
	tdm_journal_close(j);
	j = kit_open(medium);
	cr_expect_eq(j->why.code, TDM_ERR_VERSION);
	cr_expect_not_null(strstr(j->why.text, "newer release (format 2"), "%s", j->why.text);
	cr_expect_eq(kit_aside(medium), 1);
	tdm_journal_close(j);
}

/* Many sessions in many batches, through growths of whatever there is to grow. */
BOTH(many)
{
	struct tdm_journal *j = kit_open(medium);
	const struct kit_found *found;
	struct tdm_journal_batch b;

	tdm_journal_batch_init(&b);
	for (tdm_session_id id = 1; id <= KIT_SESSIONS; id++) {
		kit_put(&b, id * 7919 % 100003, 1, (unsigned)(id % 40));
		if (id % 64 == 0)
			kit_commit(j, &b);
	}
	tdm_journal_batch_deinit(&b);
	tdm_journal_close(j);
	j = kit_open(medium);
	cr_expect_not(j->why.code, "%s", j->why.text);
	found = kit_load(j);
	cr_assert_eq(found->len, KIT_SESSIONS);
	for (tdm_session_id id = 1; id <= KIT_SESSIONS; id += 100)
		kit_find(found, id * 7919 % 100003);
	tdm_journal_close(j);
}

/* A batch that was appended to another is in it, in order. */
BOTH(append_keeps_the_order)
{
	struct tdm_journal *j = kit_open(medium);
	struct tdm_journal_batch a, b;
	const struct kit_found *found;

	tdm_journal_batch_init(&a);
	tdm_journal_batch_init(&b);
	kit_put(&a, 1, 1, 1);
	kit_put(&b, 1, 2, 2);
	kit_put(&b, 2, 1, 1);
	cr_assert_not(tdm_journal_append(&a, &b));
	cr_expect_eq(a.sessions, 3);
	tdm_journal_batch_deinit(&b);
	kit_put(&a, 3, 1, 1);
	kit_commit(j, &a);
	tdm_journal_batch_deinit(&a);
	found = kit_load(j);
	cr_assert_eq(found->len, 3);
	cr_expect_eq(found->items[kit_find(found, 1)].seq, 2);
	cr_expect_str_eq(found->items[kit_find(found, 1)].policy, "policy2");
	cr_expect_str_eq(found->items[kit_find(found, 3)].policy, "policy1");
	tdm_journal_close(j);
}

/* --- what only the one in memory can show --- */

/* The oldest of what was not synced may be there, then nothing: never half a batch. */
Test(journal, crash_keeps_whole_batches)
{
	enum { BATCHES = 5, EACH = 4 };

	for (size_t keep = 0; keep <= BATCHES; keep++) {
		struct kit_medium medium;
		struct tdm_journal *j;
		struct tdm_journal_batch b;

		kit_medium_init(&medium, false);
		j = kit_open(&medium);
		tdm_journal_batch_init(&b);
		for (unsigned i = 0; i < BATCHES * EACH; i++) {
			kit_put(&b, i + 1, 1, 1);
			if (i % EACH == EACH - 1) {
				cr_assert_not(tdm_journal_disk_write(medium.disk, &b));
				tdm_journal_batch_reset(&b);
			}
		}
		cr_expect_eq(tdm_journal_disk_pending(medium.disk), BATCHES);
		tdm_journal_batch_deinit(&b);
		tdm_journal_close(j);
		tdm_journal_disk_crash(medium.disk, keep);
		j = kit_open(&medium);
		cr_expect_eq(kit_load(j)->len, keep * EACH);
		tdm_journal_close(j);
		kit_medium_deinit(&medium);
	}
}

/* Every bit that can change is noticed, and the numbers are kept when they are not what changed. */
Test(journal, any_flipped_bit_is_noticed)
{
	enum { BITS = 3000 }; /* of more than there are: it wraps */
	size_t kept = 0;

	for (size_t at = 0; at < BITS; at++) {
		struct kit_medium medium;
		struct tdm_journal *j;
		struct tdm_journal_batch b;

		kit_medium_init(&medium, false);
		j = kit_open(&medium);
		tdm_journal_batch_init(&b);
		cr_assert_not(tdm_journal_numbers(&b, &(struct tdm_numbers){ 5, 900 }));
		kit_put(&b, 1, 1, 1);
		kit_commit(j, &b);
		tdm_journal_batch_deinit(&b);
		tdm_journal_close(j);
		tdm_journal_disk_damage(medium.disk, at);
		j = kit_open(&medium);
		cr_assert(j->why.code, "bit %zu", at);
		kept += j->numbers.epoch_counter == 5;
		cr_expect_eq(kit_load(j)->len, 0);
		tdm_journal_close(j);
		kit_medium_deinit(&medium);
	}
	cr_expect_gt(kept, 1000);
}

/* A failed commit changes nothing; the next one may succeed. */
Test(journal, failed_commit)
{
	struct tdm_diag diag = { 0 };
	struct kit_medium medium;
	struct tdm_journal *j;
	struct tdm_journal_batch b;

	kit_medium_init(&medium, false);
	j = kit_open(&medium);
	tdm_journal_batch_init(&b);
	kit_put(&b, 1, 1, 1);
	tdm_journal_disk_fail(medium.disk, TDM_ERR_FULL);
	cr_expect_eq(tdm_journal_commit(j, &b, &diag), TDM_ERR_FULL);
	cr_expect_eq(kit_load(j)->len, 0);
	tdm_journal_disk_fail(medium.disk, TDM_OK);
	kit_commit(j, &b);
	cr_expect_eq(kit_load(j)->len, 1);
	tdm_journal_batch_deinit(&b);
	tdm_journal_close(j);
	kit_medium_deinit(&medium);
}

/* --- how old it is --- */

Test(journal, age)
{
	enum { KEEP = 1000 };
	struct tdm_journal_stamp stamp = { 1, 5000, 4900 };
	struct tdm_journal_age age = tdm_journal_age(&stamp, 5600, KEEP);

	cr_expect(!age.clock_went_back && !age.stale);
	cr_expect_eq(age.stamp_ms, 600);
	cr_expect_eq(tdm_journal_since(&age, 4000, 5600), 1600);
	cr_expect_eq(tdm_journal_since(&age, 6000, 5600), 0, "written by a clock ahead of ours");
	age = tdm_journal_age(&stamp, 4900 + KEEP, KEEP);
	cr_expect(!age.stale);
	age = tdm_journal_age(&stamp, 4900 + KEEP + 1, KEEP);
	cr_expect(age.stale, "who was away for too long only receives");
	age = tdm_journal_age(&stamp, 4999, KEEP);
	cr_expect(age.clock_went_back && !age.stale);
	cr_expect_eq(age.stamp_ms, 0);
	cr_expect_eq(tdm_journal_since(&age, 4000, 4999), 0, "nothing can be said");
	stamp.synced = 0;
	age = tdm_journal_age(&stamp, 5600, KEEP);
	cr_expect(age.stale, "never synced: revocations may be missing");
}
