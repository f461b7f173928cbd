/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries that are wrong although their check is right: each is refused by name. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bytes.h"
#include "replication/journal_format.h"
#include "replication/journal_hash.h"

enum { CHECK_LEN = 8, BODY_MAX = 256 };

struct reading {
	struct tdm_journal_scan scan;
	struct tdm_diag diag;
	uint8_t kept[8][CHECK_LEN + BODY_MAX]; /* policies are borrowed */
	size_t used;
};

static struct reading begin(void)
{
	return (struct reading){ .scan = { .cluster = "c", .node = "n" } };
}

/* A key of a letter, and a number when it has one. */
static enum tdm_err entry(
	struct reading *r, char kind, const uint64_t *number, const void *body, size_t len)
{
	uint8_t key[TDM_JOURNAL_KEY_MAX], *value = r->kept[r->used++];
	struct tdm_writer w;
	struct tdm_blob k;

	cr_assert_leq(r->used, 8);
	tdm_writer_init(&w, key, sizeof(key));
	tdm_writer_u8(&w, (uint8_t)kind);
	if (number)
		tdm_writer_u64(&w, *number);
	k = (struct tdm_blob){ key, w.len };
	memcpy(value + CHECK_LEN, body, len);
	tdm_writer_init(&w, value, CHECK_LEN);
	tdm_writer_u64(&w, tdm_journal_check(k, (struct tdm_blob){ value + CHECK_LEN, len }));
	return tdm_journal_scan_entry(
		&r->scan, k, (struct tdm_blob){ value, CHECK_LEN + len }, &r->diag);
}

static void header(struct reading *r)
{
	cr_assert_not(entry(r, 'h', NULL, "TDMJ\0\1\0\1c\0\1n", 12), "%s", r->diag.text);
}

#define REFUSED(r, got, phrase)                                                                    \
	do {                                                                                       \
		cr_expect_eq((got), TDM_ERR_MALFORMED);                                            \
		cr_expect_not_null(strstr((r)->diag.text, phrase), "%s", (r)->diag.text);          \
		tdm_journal_scan_deinit(&(r)->scan);                                               \
		*(r) = begin();                                                                    \
	} while (0)

Test(journal_scan, headers)
{
	struct reading r = begin();
	uint8_t numbers[16] = { 0 };

	REFUSED(&r, entry(&r, 'n', NULL, numbers, 16), "has no header");
	REFUSED(&r, entry(&r, 'h', NULL, "TDMX\0\1\0\1c\0\1n", 12), "not a journal's");
	REFUSED(&r, entry(&r, 'h', NULL, "TDMJ\0\0\0\1c\0\1n", 12), "not a journal's");
	REFUSED(&r, entry(&r, 'h', NULL, "TDMJ\0\1\0\1c\0\1", 11), "cannot be read");
	REFUSED(&r, entry(&r, 'h', NULL, "TDMJ\0\1\0\1c\0\1nn", 13), "cannot be read");
	cr_expect_eq(entry(&r, 'h', NULL, "TDMJ\0\2", 6), TDM_ERR_VERSION);
	r = begin();
	cr_expect_eq(entry(&r, 'h', NULL, "TDMJ\0\1\0\1d\0\1n", 12), TDM_ERR_PERM);
	r = begin();
	cr_expect_eq(entry(&r, 'h', NULL, "TDMJ\0\1\0\1c\0\1m", 12), TDM_ERR_PERM);
}

Test(journal_scan, small_entries)
{
	uint8_t body[32] = { 0 };
	struct reading r = begin();
	uint64_t number = 1;

	header(&r);
	REFUSED(&r, entry(&r, 'n', NULL, body, 15), "numbers");
	header(&r);
	REFUSED(&r, entry(&r, 'n', NULL, body, 17), "numbers");
	header(&r);
	REFUSED(&r, entry(&r, 't', NULL, body, 23), "stamp");
	header(&r);
	body[8] = 0x80; /* before 1970 */
	REFUSED(&r, entry(&r, 't', NULL, body, 24), "stamp");
	header(&r);
	REFUSED(&r, entry(&r, 'n', &number, body, 16), "no name");
	header(&r);
	REFUSED(&r, entry(&r, 's', NULL, body, 16), "no name");
	header(&r);
	REFUSED(&r, entry(&r, 'x', NULL, body, 16), "unknown kind");
}

Test(journal_scan, policies_and_sessions)
{
	static const uint8_t policy[] = { 0x0a, 1, 'a' }, broken[] = { 0x0a, 5, 'a' };
	uint64_t hash = tdm_journal_hash((struct tdm_blob){ policy, sizeof(policy) }), other = 1,
		 id = 7;
	uint8_t body[BODY_MAX] = { 0 };
	struct reading r = begin();

	header(&r);
	REFUSED(&r, entry(&r, 'p', &other, policy, sizeof(policy)), "another one's name");
	header(&r);
	other = tdm_journal_hash((struct tdm_blob){ broken, sizeof(broken) });
	REFUSED(&r, entry(&r, 'p', &other, broken, sizeof(broken)), "policy cannot be read");
	header(&r);
	cr_expect_not(entry(&r, 'p', &hash, policy, sizeof(policy)), "%s", r.diag.text);
	REFUSED(&r, entry(&r, 'p', &hash, policy, sizeof(policy)), "not in order");
	header(&r);
	REFUSED(&r, entry(&r, 's', &id, body, 20), "session cannot be read");
	header(&r);
	REFUSED(&r, entry(&r, 's', &id, body, 40), "session cannot be read");
}

/* A session needs its policy, its own name, and times that can be. */
Test(journal_scan, session)
{
	static const uint8_t policy[] = { 0x0a, 1, 'a' };
	uint64_t hash = tdm_journal_hash((struct tdm_blob){ policy, sizeof(policy) }), id = 7,
		 wrong = 8;
	struct tdm_record rec = { .id = 7, .member = 1, .state = TDM_SESSION_ACTIVE };
	uint8_t wire[BODY_MAX], body[BODY_MAX];
	struct reading r = begin();
	struct tdm_writer w;
	size_t len;

	cr_assert_not(tdm_record_encode(&rec, NULL, 0, wire, sizeof(wire), &len));
	tdm_writer_init(&w, body, sizeof(body));
	tdm_writer_u64(&w, hash);
	tdm_writer_u64(&w, 5);
	tdm_writer_u64(&w, 0);
	tdm_writer_copy(&w, wire, len);
	cr_assert_not(w.err);
	header(&r);
	REFUSED(&r, entry(&r, 's', &id, body, w.len), "policy is missing");
	header(&r);
	cr_expect_not(entry(&r, 'p', &hash, policy, sizeof(policy)));
	REFUSED(&r, entry(&r, 's', &wrong, body, w.len), "session cannot be read");
	header(&r);
	cr_expect_not(entry(&r, 'p', &hash, policy, sizeof(policy)));
	cr_expect_not(entry(&r, 's', &id, body, w.len), "%s", r.diag.text);
	cr_expect_eq(r.scan.sessions, 1);
	cr_expect(r.scan.policies[0].used);
	body[8] = 0xff; /* written before 1970 */
	REFUSED(&r, entry(&r, 's', &id, body, w.len), "session cannot be read");
}

Test(journal_scan, lengths_and_checks)
{
	uint8_t bytes[16] = { 'h' };
	struct reading r = begin();

	REFUSED(&r,
		tdm_journal_scan_entry(&r.scan, (struct tdm_blob){ bytes, 0 },
			(struct tdm_blob){ bytes, 16 }, &r.diag),
		"impossible length");
	REFUSED(&r,
		tdm_journal_scan_entry(&r.scan, (struct tdm_blob){ bytes, 1 },
			(struct tdm_blob){ bytes, 7 }, &r.diag),
		"impossible length");
	REFUSED(&r,
		tdm_journal_scan_entry(&r.scan, (struct tdm_blob){ bytes, 10 },
			(struct tdm_blob){ bytes, 16 }, &r.diag),
		"impossible length");
	REFUSED(&r,
		tdm_journal_scan_entry(&r.scan, (struct tdm_blob){ bytes, 1 },
			(struct tdm_blob){ bytes, 16 }, &r.diag),
		"check does not match");
}
