/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order of records, and that a table fed in any order ends up the same. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "replication/merge.h"
#include "replication/table.h"

enum { KEYS = 60, SHUFFLES = 40 };

static uint64_t seed = 88172645463325252u;

static uint64_t draw(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static const uint8_t texts[] = "abcdefgh";

/* From small ranges, so that every part of a key often decides. */
static struct tdm_merge_key key_random(void)
{
	static const enum tdm_session_state states[] = { TDM_SESSION_NEW, TDM_SESSION_ACTIVE,
		TDM_SESSION_INACTIVE, TDM_SESSION_REVOKED, TDM_SESSION_EXPIRED };
	struct tdm_merge_key k = { .state = states[draw(5)] };

	k.version.epoch = (struct tdm_epoch){ draw(2), (tdm_node_id)draw(2) };
	k.version.seq = draw(2);
	k.wire = (struct tdm_blob){ texts + draw(3), draw(3) };
	k.policy = (struct tdm_blob){ texts + draw(2), draw(2) };
	if (k.state == TDM_SESSION_REVOKED) {
		k.ended = (tdm_wall)draw(2);
		k.reason = (enum tdm_reason)draw(2);
		k.ended_by = (tdm_node_id)draw(2);
	}
	return k;
}

Test(order, is_a_total_order)
{
	struct tdm_merge_key k[KEYS];

	for (size_t i = 0; i < KEYS; i++)
		k[i] = key_random();
	for (size_t a = 0; a < KEYS; a++) {
		cr_assert_eq(tdm_merge_cmp(&k[a], &k[a]), 0);
		for (size_t b = 0; b < KEYS; b++) {
			int ab = tdm_merge_cmp(&k[a], &k[b]);

			cr_assert_eq(ab > 0, tdm_merge_cmp(&k[b], &k[a]) < 0);
			for (size_t c = 0; c < KEYS; c++)
				if (ab >= 0 && tdm_merge_cmp(&k[b], &k[c]) >= 0)
					cr_assert_geq(tdm_merge_cmp(&k[a], &k[c]), 0);
		}
	}
}

static struct tdm_merge_key of(enum tdm_session_state state, uint64_t counter, uint64_t seq)
{
	return (struct tdm_merge_key){ .state = state, .version = { { counter, 1 }, seq } };
}

#define BEATS(a, b)                                                                                \
	do {                                                                                       \
		struct tdm_merge_key x = a, y = b;                                                 \
		cr_expect_gt(tdm_merge_cmp(&x, &y), 0, #a " does not beat " #b);                   \
	} while (0)

Test(order, a_revocation_beats_every_version)
{
	BEATS(of(TDM_SESSION_REVOKED, 1, 1), of(TDM_SESSION_ACTIVE, 9, 9));
	BEATS(of(TDM_SESSION_REVOKED, 1, 1), of(TDM_SESSION_EXPIRED, 9, 9));
}

Test(order, a_higher_epoch_beats_more_changes)
{
	BEATS(of(TDM_SESSION_ACTIVE, 2, 1), of(TDM_SESSION_ACTIVE, 1, 9));
	BEATS(of(TDM_SESSION_ACTIVE, 2, 1), of(TDM_SESSION_EXPIRED, 1, 9));
	BEATS(of(TDM_SESSION_ACTIVE, 1, 2), of(TDM_SESSION_ACTIVE, 1, 1));
}

Test(order, expired_beats_live_at_the_same_version)
{
	BEATS(of(TDM_SESSION_EXPIRED, 1, 1), of(TDM_SESSION_ACTIVE, 1, 1));
	BEATS(of(TDM_SESSION_ACTIVE, 1, 2), of(TDM_SESSION_EXPIRED, 1, 1));
}

Test(order, the_first_of_two_revocations_stays)
{
	struct tdm_merge_key early = of(TDM_SESSION_REVOKED, 1, 1), late = early;

	early.ended = 10;
	late.ended = 11;
	late.version.seq = 5;
	cr_assert_gt(tdm_merge_cmp(&early, &late), 0);
	late.ended = 10;
	early.reason = TDM_REASON_LOGOUT;
	late.reason = TDM_REASON_ADMIN;
	cr_assert_gt(tdm_merge_cmp(&early, &late), 0);
}

/* --- whole tables --- */

enum { VERSIONS = 40, SESSIONS = 6 };

struct version {
	struct tdm_record rec;
	uint8_t wire[TDM_RECORD_WIRE_MAX];
	size_t len;
	uint8_t policy[TDM_POLICY_WIRE_MAX];
	size_t policy_len;
};

static void version_make(struct version *v)
{
	static const enum tdm_session_state states[] = { TDM_SESSION_NEW, TDM_SESSION_ACTIVE,
		TDM_SESSION_INACTIVE, TDM_SESSION_REVOKED, TDM_SESSION_EXPIRED };
	struct tdm_policy policy = { .mtu = 1400 };
	tdm_session_id id = 1 + draw(SESSIONS);

	memset(v, 0, sizeof(*v));
	v->rec.id = id;
	v->rec.index = (uint32_t)id;
	v->rec.member = 1;
	memset(v->rec.verifier, (int)id, sizeof(v->rec.verifier));
	v->rec.state = states[draw(5)];
	v->rec.version.epoch = (struct tdm_epoch){ 1 + draw(3), 1 + (tdm_node_id)draw(2) };
	v->rec.version.seq = 1 + draw(4);
	snprintf(v->rec.user, sizeof(v->rec.user), "u%u", (unsigned)(id % 3));
	snprintf(v->rec.addr4, sizeof(v->rec.addr4), "10.0.0.%u", (unsigned)(1 + draw(4)));
	v->rec.ended = (tdm_wall)draw(3);
	policy.idle_timeout_s = (uint32_t)draw(2);
	cr_assert_eq(
		tdm_record_encode(&v->rec, NULL, 0, v->wire, sizeof(v->wire), &v->len), TDM_OK);
	cr_assert_eq(
		tdm_policy_encode(&policy, v->policy, sizeof(v->policy), &v->policy_len), TDM_OK);
}

static void put(struct tdm_table *table, const struct version *v, tdm_ms written)
{
	struct tdm_incoming in = { .rec = &v->rec,
		.wire = { v->wire, v->len },
		.policy = { v->policy, v->policy_len },
		.written = written,
		.dropped = TDM_NEVER };
	struct tdm_merged merged;

	cr_assert_eq(tdm_table_merge(table, &in, &merged), TDM_OK);
}

static bool equal(const struct tdm_table *a, const struct tdm_table *b)
{
	for (tdm_session_id id = 1; id <= SESSIONS; id++) {
		const struct tdm_entry *x = tdm_table_find(a, id), *y = tdm_table_find(b, id);

		if (!x != !y)
			return false;
		if (x &&
			(x->wire_len != y->wire_len || memcmp(x->wire, y->wire, x->wire_len) != 0 ||
				x->policy->len != y->policy->len ||
				memcmp(x->policy->bytes, y->policy->bytes, x->policy->len) != 0))
			return false;
	}
	return true;
}

static void shuffle(struct version **v, size_t len)
{
	for (size_t i = len; i > 1; i--) {
		size_t k = draw(i);
		struct version *t = v[i - 1];

		v[i - 1] = v[k];
		v[k] = t;
	}
}

Test(order, tables_end_up_equal_in_any_order_and_with_repeats)
{
	static struct version versions[VERSIONS];
	struct version *order[2 * VERSIONS];
	struct tdm_table first, other;

	for (size_t i = 0; i < VERSIONS; i++) {
		version_make(&versions[i]);
		order[i] = order[VERSIONS + i] = &versions[i];
	}
	cr_assert_eq(tdm_table_init(&first, 1), TDM_OK);
	for (size_t i = 0; i < VERSIONS; i++)
		put(&first, order[i], 0);
	for (size_t s = 0; s < SHUFFLES; s++) {
		cr_assert_eq(tdm_table_init(&other, s), TDM_OK);
		shuffle(order, 2 * VERSIONS);
		for (size_t i = 0; i < 2 * VERSIONS; i++)
			put(&other, order[i], 0);
		cr_expect(equal(&first, &other), "shuffle %zu", s);
		cr_expect_eq(first.live, other.live);
		cr_expect_eq(first.ended, other.ended);
		tdm_table_deinit(&other);
	}
	tdm_table_deinit(&first);
}
