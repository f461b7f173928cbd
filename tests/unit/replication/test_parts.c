/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The small parts: map, shared strings, table, pool, place, commits, decision, actions. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "replication/actions.h"
#include "replication/commit.h"
#include "replication/decide.h"
#include "replication/intern.h"
#include "replication/place.h"
#include "replication/pool.h"
#include "replication/table.h"

/* --- map --- */

struct thing {
	uint64_t key;
	struct tdm_map_link link;
};

Test(map, finds_what_it_holds_and_nothing_else)
{
	enum { THINGS = 5000 };
	static struct thing things[THINGS];
	struct tdm_map map;

	cr_assert_eq(tdm_map_init(&map, 42), TDM_OK);
	for (uint64_t i = 0; i < THINGS; i++) {
		things[i].key = i;
		tdm_map_add(&map, &things[i].link, tdm_map_hash_u64(&map, i));
	}
	for (uint64_t i = 0; i < THINGS; i += 2)
		tdm_map_drop(&map, &things[i].link);
	for (uint64_t i = 0; i < THINGS; i++) {
		struct tdm_map_link *l = tdm_map_find(&map, tdm_map_hash_u64(&map, i));

		while (l && TDM_MAP_ITEM(l, struct thing, link)->key != i)
			l = tdm_map_next(l);
		cr_assert_eq(l != NULL, i % 2 == 1);
	}
	cr_assert_eq(map.len, THINGS / 2);
	tdm_map_deinit(&map);
}

Test(map, other_seeds_give_other_hashes)
{
	struct tdm_map a = { .seed = 1 }, b = { .seed = 2 };
	size_t same = 0;

	for (uint64_t i = 0; i < 100; i++)
		same += tdm_map_hash_u64(&a, i) == tdm_map_hash_u64(&b, i);
	cr_assert_lt(same, 3);
	cr_assert_neq(
		tdm_map_hash_bytes(&a, "abcdefghi", 9), tdm_map_hash_bytes(&b, "abcdefghi", 9));
	cr_assert_neq(tdm_map_hash_bytes(&a, "a", 1), tdm_map_hash_bytes(&a, "a\0", 2));
}

Test(intern, shares_equal_bytes_and_counts)
{
	struct tdm_map map;
	struct tdm_shared *a, *b;

	cr_assert_eq(tdm_map_init(&map, 1), TDM_OK);
	a = tdm_shared_ref(&map, "ann", 3);
	b = tdm_shared_ref(&map, "ann", 3);
	cr_assert_eq(a, b);
	cr_assert_eq(tdm_shared_find(&map, "ann", 3), a);
	cr_assert_null(tdm_shared_find(&map, "an", 2));
	tdm_shared_unref(&map, a);
	cr_assert_not_null(tdm_shared_find(&map, "ann", 3));
	tdm_shared_unref(&map, b);
	cr_assert_null(tdm_shared_find(&map, "ann", 3));
	tdm_shared_unref(&map, NULL);
	tdm_map_deinit(&map);
}

/* --- table --- */

static struct tdm_table table;

static void table_init(void)
{
	cr_assert_eq(tdm_table_init(&table, 3), TDM_OK);
}

static void table_deinit(void)
{
	tdm_table_deinit(&table);
}

static struct tdm_merged put(tdm_session_id id, const char *user, const char *addr,
	uint64_t counter, enum tdm_session_state state)
{
	struct tdm_record rec = { .id = id, .member = 1, .state = state };
	struct tdm_policy policy = { .mtu = 1300 };
	uint8_t wire[TDM_RECORD_WIRE_MAX], pol[TDM_POLICY_WIRE_MAX];
	struct tdm_incoming in = { .rec = &rec, .written = 50, .dropped = TDM_NEVER };
	struct tdm_merged merged;

	rec.index = (uint32_t)id;
	rec.version.epoch.counter = counter;
	memset(rec.verifier, (int)id, sizeof(rec.verifier));
	snprintf(rec.user, sizeof(rec.user), "%s", user);
	snprintf(rec.addr4, sizeof(rec.addr4), "%s", addr);
	in.wire.data = wire;
	in.policy.data = pol;
	cr_assert_eq(tdm_record_encode(&rec, NULL, 0, wire, sizeof(wire), &in.wire.len), TDM_OK);
	cr_assert_eq(tdm_policy_encode(&policy, pol, sizeof(pol), &in.policy.len), TDM_OK);
	cr_assert_eq(tdm_table_merge(&table, &in, &merged), TDM_OK);
	return merged;
}

TestSuite(table, .init = table_init, .fini = table_deinit);

Test(table, finds_by_every_key)
{
	uint8_t verifier[TDM_VERIFIER_LEN];
	struct tdm_entry *e = put(7, "ann", "10.0.0.7", 1, TDM_SESSION_NEW).entry;

	put(8, "ann", "10.0.0.8", 1, TDM_SESSION_NEW);
	put(9, "bob", "10.0.0.9", 1, TDM_SESSION_NEW);
	memset(verifier, 7, sizeof(verifier));
	cr_assert_eq(tdm_table_find(&table, 7), e);
	cr_assert_eq(tdm_table_find_verifier(&table, verifier), e);
	cr_assert_eq(tdm_table_find_addr(&table, 0x0a000007), e);
	cr_assert_eq(tdm_table_find_user(&table, "ann")->user_next, e);
	cr_assert_null(tdm_table_find_user(&table, "cyd"));
	cr_assert_eq(tdm_entry_policy(e)->mtu, 1300);
	cr_assert_eq(e->policy->refs, 3, "the policy is stored once");
	verifier[31] ^= 1;
	cr_assert_null(tdm_table_find_verifier(&table, verifier));
	tdm_table_drop(&table, e);
	cr_assert_null(tdm_table_find(&table, 7));
	cr_assert_null(tdm_table_find_addr(&table, 0x0a000007));
	cr_assert_eq(table.live, 2);
}

Test(table, an_ended_session_gives_up_its_address)
{
	put(7, "ann", "10.0.0.7", 1, TDM_SESSION_ACTIVE);
	put(7, "ann", "10.0.0.7", 2, TDM_SESSION_EXPIRED);
	cr_assert_null(tdm_table_find_addr(&table, 0x0a000007));
	cr_assert_eq(table.live, 0);
	cr_assert_eq(table.ended, 1);
	put(8, "bob", "10.0.0.7", 1, TDM_SESSION_NEW);
	cr_assert_eq(tdm_table_find_addr(&table, 0x0a000007)->id, 8);
}

Test(table, tells_of_a_rival_and_knows_the_rightful_holder)
{
	struct tdm_merged m;

	put(7, "ann", "10.0.0.7", 2, TDM_SESSION_ACTIVE);
	m = put(8, "bob", "10.0.0.7", 1, TDM_SESSION_ACTIVE);
	cr_assert_eq(m.rival->id, 7);
	cr_assert_eq(tdm_entry_loser(m.entry, m.rival)->id, 8);
	cr_assert_eq(tdm_table_find_addr(&table, 0x0a000007)->id, 7);
	put(7, "ann", "10.0.0.7", 3, TDM_SESSION_EXPIRED);
	cr_assert_eq(
		tdm_table_find_addr(&table, 0x0a000007)->id, 8, "the other one is still there");
}

Test(table, the_older_account_of_a_version_counts)
{
	struct tdm_entry *e = put(7, "ann", "10.0.0.7", 1, TDM_SESSION_NEW).entry;

	e->written = 80;
	cr_assert_not(put(7, "ann", "10.0.0.7", 1, TDM_SESSION_NEW).changed);
	cr_assert_eq(e->written, 50);
}

Test(table, slots_are_stable_and_reused)
{
	uint32_t slot;

	for (tdm_session_id id = 1; id <= 200; id++)
		put(id, "ann", "", 1, TDM_SESSION_NEW);
	slot = tdm_table_find(&table, 100)->slot;
	tdm_table_drop(&table, tdm_table_find(&table, 100));
	cr_assert_null(table.slots[slot]);
	cr_assert_eq(put(201, "bob", "", 1, TDM_SESSION_NEW).entry->slot, slot);
	cr_assert_eq(table.slots_len, 200);
}

/* --- pool --- */

static struct tdm_pool pool_of(const char *a, const char *b, const char *reserved)
{
	struct tdm_prefix prefixes[2];
	struct tdm_ip ip = { 0 };
	struct tdm_pool pool;

	cr_assert_eq(tdm_prefix_parse(a, &prefixes[0]), TDM_OK);
	if (b)
		cr_assert_eq(tdm_prefix_parse(b, &prefixes[1]), TDM_OK);
	if (reserved)
		cr_assert_eq(tdm_ip_parse(reserved, &ip), TDM_OK);
	cr_assert_eq(tdm_pool_init(&pool, prefixes, b ? 2 : 1, &ip), TDM_OK);
	return pool;
}

Test(pool, never_leases_network_broadcast_or_the_gateway)
{
	struct tdm_pool pool = pool_of("10.0.0.5/29", NULL, "10.0.0.1");
	uint32_t addr;
	uint8_t len;

	cr_assert_eq(pool.size, 5);
	for (uint32_t i = 2; i <= 6; i++) {
		cr_assert_eq(tdm_pool_take(&pool, &addr, &len), TDM_OK);
		cr_assert_eq(addr, 0x0a000000 + i);
		cr_assert_eq(len, 29);
	}
	cr_assert_eq(tdm_pool_take(&pool, &addr, &len), TDM_ERR_POOL_EMPTY);
	tdm_pool_deinit(&pool);
}

Test(pool, prefixes_may_overlap_and_be_tiny)
{
	struct tdm_pool pool = pool_of("10.0.0.0/30", "10.0.0.0/29", NULL);
	uint32_t addr, seen = 0;
	uint8_t len;

	cr_assert_eq(pool.size, 5); /* .1 .2 of the first, .4 .5 .6 of the second */
	while (!tdm_pool_take(&pool, &addr, &len)) {
		cr_assert_not(seen >> (addr & 7) & 1, "10.0.0.%u twice", addr & 7);
		seen |= 1u << (addr & 7);
	}
	cr_assert_eq(seen, 0x76);
	tdm_pool_deinit(&pool);
	pool = pool_of("10.0.0.1/32", "10.0.0.8/31", NULL);
	cr_assert_eq(pool.size, 3);
	tdm_pool_deinit(&pool);
}

Test(pool, an_address_cools_until_its_own_fence_has_passed)
{
	struct tdm_pool pool = pool_of("10.0.0.0/30", NULL, NULL);
	uint32_t a, b, c;
	uint8_t len;

	cr_assert_eq(tdm_pool_take(&pool, &a, &len), TDM_OK);
	cr_assert_eq(tdm_pool_take(&pool, &b, &len), TDM_OK);
	tdm_pool_end(&pool, a);
	cr_assert_eq(tdm_pool_take(&pool, &c, &len), TDM_ERR_POOL_EMPTY);
	tdm_pool_fence(&pool);
	tdm_pool_end(&pool, b); /* after the fence was sent */
	tdm_pool_fenced(&pool);
	cr_assert_eq(tdm_pool_take(&pool, &c, &len), TDM_OK);
	cr_assert_eq(c, a);
	cr_assert_eq(tdm_pool_take(&pool, &c, &len), TDM_ERR_POOL_EMPTY);
	tdm_pool_fence(&pool);
	tdm_pool_fenced(&pool);
	cr_assert_eq(tdm_pool_take(&pool, &c, &len), TDM_OK);
	cr_assert_eq(c, b);
	tdm_pool_deinit(&pool);
}

Test(pool, a_new_owner_starts_from_the_table)
{
	struct tdm_pool pool = pool_of("10.0.0.0/29", NULL, NULL);
	uint32_t addr;
	uint8_t len;

	tdm_pool_mark(&pool, 0x0a000001);
	tdm_pool_mark(&pool, 0x0a000001);
	tdm_pool_mark(&pool, 0x0b000001); /* of no pool */
	tdm_pool_end_unused(&pool, 0x0a000001);
	tdm_pool_end_unused(&pool, 0x0a000002);
	cr_assert_eq(pool.used_len, 1);
	cr_assert_eq(tdm_pool_take(&pool, &addr, &len), TDM_OK);
	cr_assert_eq(addr, 0x0a000003);
	tdm_pool_clear(&pool);
	cr_assert_eq(pool.used_len, 0);
	tdm_pool_deinit(&pool);
}

Test(pool, uses_all_of_a_large_pool_and_then_the_freed_ones)
{
	struct tdm_pool pool = pool_of("10.0.0.0/22", NULL, NULL);
	uint32_t addr;
	uint8_t len;
	size_t n = 0;

	while (!tdm_pool_take(&pool, &addr, &len))
		n++;
	cr_assert_eq(n, 1022);
	tdm_pool_end(&pool, 0x0a000155);
	tdm_pool_fence(&pool);
	tdm_pool_fenced(&pool);
	cr_assert_eq(tdm_pool_take(&pool, &addr, &len), TDM_OK);
	cr_assert_eq(addr, 0x0a000155);
	tdm_pool_deinit(&pool);
}

Test(pool, refuses_what_it_cannot_hold)
{
	struct tdm_prefix p[2];
	struct tdm_ip none = { 0 };
	struct tdm_pool pool;

	cr_assert_eq(tdm_prefix_parse("2001:db8::/64", &p[0]), TDM_OK);
	cr_assert_eq(tdm_pool_init(&pool, p, 1, &none), TDM_ERR_INVAL);
	cr_assert_eq(tdm_prefix_parse("10.0.0.0/8", &p[0]), TDM_OK);
	cr_assert_eq(tdm_prefix_parse("11.0.0.0/8", &p[1]), TDM_OK);
	cr_assert_eq(tdm_pool_init(&pool, p, 2, &none), TDM_ERR_INVAL);
	cr_assert_eq(tdm_prefix_parse("0.0.0.0/0", &p[0]), TDM_OK);
	cr_assert_eq(tdm_pool_init(&pool, p, 1, &none), TDM_ERR_INVAL);
}

/* --- place --- */

Test(place, is_sticky_and_follows_the_order)
{
	const tdm_node_id order[] = { 2, 1, 3 };
	struct tdm_place_node n[] = { { 1, true, true }, { 2, true, true }, { 3, true, true } };

	cr_assert_eq(tdm_place(order, 3, n, 3, 0), 2);
	cr_assert_eq(tdm_place(order, 3, n, 3, 3), 3, "no preemption");
	n[2].present = false;
	cr_assert_eq(tdm_place(order, 3, n, 3, 3), 2);
	n[1].synced = false;
	cr_assert_eq(tdm_place(order, 3, n, 3, 2), 1);
	cr_assert_eq(tdm_place(order, 1, n, 3, 2), 0, "only the member's own nodes");
	cr_assert_eq(tdm_place(order, 1, n, 3, 1), 0);
}

/* --- commits --- */

Test(commits, wait_for_each_node_they_name)
{
	struct tdm_commits commits;
	struct tdm_commit *a, *b;

	tdm_commits_init(&commits);
	a = tdm_commits_add(&commits);
	b = tdm_commits_add(&commits);
	a->seq = 5;
	b->seq = 6;
	a->waiting = 6;
	b->waiting = 2;
	a->delivered = true;
	tdm_commits_acked(&commits, 1, 6);
	cr_assert_eq(a->waiting, 4);
	cr_assert(a->acked);
	cr_assert_eq(b->waiting, 2, "it has no place in the order yet");
	tdm_commits_forget(&commits, 2);
	cr_assert_eq(a->waiting, 0);
	tdm_commits_drop(&commits, &commits.first->next);
	cr_assert_eq(commits.len, 1);
	a = tdm_commits_add(&commits);
	cr_assert_eq(commits.first->next, a, "the end of the list is known");
	tdm_commits_deinit(&commits);
	cr_assert_eq(commits.len, 0);
}

/* --- decision --- */

static struct tdm_hello hello(bool synced, uint64_t counter, tdm_node_id owner, bool mine)
{
	struct tdm_hello h = { .synced = synced, .owned_len = 1 };

	h.owned[0] = (struct tdm_ownership){ 1, owner, { counter, owner }, mine };
	return h;
}

static void knows(struct tdm_hello *h, tdm_node_id node)
{
	h->peers[h->peers_len++] = (struct tdm_peer_ref){ node, node * 10 };
}

Test(decide, nobody_synced_is_a_cold_start)
{
	struct tdm_hello a = hello(false, 3, 1, false), b = hello(false, 5, 2, false);
	struct tdm_decide_node n[] = { { { 1, 10 }, &a, false }, { { 2, 20 }, &b, false } };
	struct tdm_decision d;

	tdm_decide(n, 2, &d);
	cr_assert(d.cold);
	cr_assert_not(d.synced[0] || d.synced[1]);
	cr_assert_eq(d.owned[0].epoch.counter, 5);
	cr_assert_eq(d.owned[0].owner, 0);
}

Test(decide, who_serves_with_the_higher_epoch_heads_the_merge)
{
	struct tdm_hello a = hello(true, 3, 1, true), b = hello(true, 4, 2, true);
	struct tdm_decide_node n[] = { { { 1, 10 }, &a, false }, { { 2, 20 }, &b, false } };
	struct tdm_decision d;

	tdm_decide(n, 2, &d);
	cr_assert_not(d.cold);
	cr_assert_eq(d.primary, 1);
	cr_assert(d.synced[1]);
	cr_assert_not(d.synced[0]);
	cr_assert_eq(d.owned[0].owner, 2);
	b.owned[0].mine = false; /* it knows of more, but serves nobody */
	tdm_decide(n, 2, &d);
	cr_assert_eq(d.primary, 0);
	cr_assert_eq(d.owned[0].owner, 1);
	cr_assert_eq(d.owned[0].epoch.counter, 4, "the highest epoch is remembered");
}

Test(decide, synced_is_who_stayed_with_the_primary_by_both_accounts)
{
	struct tdm_hello a = hello(true, 3, 1, true), b = hello(true, 3, 1, false),
			 c = hello(true, 3, 1, false);
	struct tdm_decide_node n[] = { { { 1, 10 }, &a, false }, { { 2, 20 }, &b, false },
		{ { 3, 30 }, &c, false } };
	struct tdm_decision d;

	knows(&a, 2);
	knows(&a, 3);
	knows(&b, 1);
	tdm_decide(n, 3, &d);
	cr_assert(d.synced[0] && d.synced[1]);
	cr_assert_not(d.synced[2], "it does not know the primary");
	n[1].demoted = true;
	tdm_decide(n, 3, &d);
	cr_assert_not(d.synced[1]);
	n[1].demoted = false;
	n[1].who.boot = 21; /* another process by now */
	tdm_decide(n, 3, &d);
	cr_assert_not(d.synced[1]);
}

/* --- actions --- */

Test(actions, keep_their_order_and_letting_go_comes_first)
{
	struct tdm_actions a;
	uint8_t *kept[300];

	tdm_actions_init(&a);
	for (int round = 0; round < 3; round++) {
		tdm_actions_reset(&a);
		for (size_t i = 0; i < 100; i++) {
			struct tdm_action *act = tdm_actions_add(&a, TDM_ACTION_MCAST);
			uint8_t data[3000];

			memset(data, (int)i, sizeof(data));
			act->mcast.data = kept[i] = tdm_actions_keep(&a, data, sizeof(data));
			act->mcast.len = i;
		}
		tdm_actions_add_first(&a, TDM_ACTION_ROLE)->role.member = 1;
		tdm_actions_add_first(&a, TDM_ACTION_ROLE)->role.member = 2;
		tdm_actions_note(&a, true, "%d", round);
		cr_assert_eq(a.len, 103);
		cr_assert_eq(a.items[0].role.member, 1);
		cr_assert_eq(a.items[1].role.member, 2);
		for (size_t i = 0; i < 100; i++) {
			cr_assert_eq(a.items[2 + i].mcast.len, i);
			cr_assert_eq(a.items[2 + i].mcast.data[2999], i);
		}
		cr_assert_eq(a.items[102].note.text[0], '0' + round);
	}
	cr_assert_not(a.lost);
	tdm_actions_deinit(&a);
}

Test(names, every_role_has_one)
{
	for (int i = 0; i < TDM_ROLE_COUNT; i++)
		cr_assert_str_neq(tdm_role_name((enum tdm_role)i), "unknown");
	cr_assert_str_eq(tdm_role_name((enum tdm_role)99), "unknown");
}
