/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Are all tables the same: the sums, the comparison, the repair, the newcomer's check. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/replication/lab.h"

/* --- sums --- */

static void record_make(struct tdm_record *rec, tdm_session_id id, uint64_t seq)
{
	*rec = (struct tdm_record){ .id = id,
		.index = (uint32_t)id * TDM_INDEX_SLOTS,
		.member = LAB_MEMBER,
		.state = TDM_SESSION_ACTIVE,
		.version = { { 1, 1 }, seq },
		.idle_left_ms = TDM_NEVER,
		.disconnected_left_ms = TDM_NEVER,
		.session_left_ms = TDM_NEVER };
	lab_verifier(id, rec->verifier);
	snprintf(rec->user, sizeof(rec->user), "u%llu", (unsigned long long)id % 7);
}

static void put_dressed(
	struct tdm_table *table, const struct tdm_record *rec, const char *banner, tdm_ms written)
{
	static struct tdm_policy policy;
	static uint8_t wire[TDM_RECORD_WIRE_MAX], policy_wire[TDM_POLICY_WIRE_MAX];
	struct tdm_incoming in = { .rec = rec, .written = written, .dropped = TDM_NEVER };
	struct tdm_merged merged;
	size_t len, policy_len;

	snprintf(policy.name, sizeof(policy.name), "staff");
	snprintf(policy.banner, sizeof(policy.banner), "%s", banner);
	cr_assert_eq(tdm_record_encode(rec, NULL, 0, wire, sizeof(wire), &len), TDM_OK);
	cr_assert_eq(
		tdm_policy_encode(&policy, policy_wire, sizeof(policy_wire), &policy_len), TDM_OK);
	in.wire = (struct tdm_blob){ wire, len };
	in.policy = (struct tdm_blob){ policy_wire, policy_len };
	cr_assert_eq(tdm_table_merge(table, &in, &merged), TDM_OK);
}

static void put(struct tdm_table *table, const struct tdm_record *rec)
{
	put_dressed(table, rec, "", 1000);
}

static unsigned differ(const struct tdm_table *a, const struct tdm_table *b)
{
	struct tdm_shard_set set;

	tdm_digest_compare(a->digests, b->digests, &set);
	return tdm_shard_set_count(&set);
}

static struct tdm_table one, two;

static void tables(void)
{
	cr_assert_eq(tdm_table_init(&one, 1), TDM_OK);
	cr_assert_eq(tdm_table_init(&two, 99), TDM_OK);
}

static void tables_done(void)
{
	tdm_table_deinit(&one);
	tdm_table_deinit(&two);
}

TestSuite(digest, .init = tables, .fini = tables_done);

Test(digest, knows_no_order_and_no_history)
{
	enum { IDS = 500, VERSIONS = 3 };
	struct tdm_record rec;
	uint64_t at = 0;

	for (tdm_session_id id = 1; id <= IDS; id++)
		for (uint64_t seq = 1; seq <= VERSIONS; seq++) {
			record_make(&rec, id, seq);
			put(&one, &rec);
		}
	for (size_t i = 0; i < IDS; i++) { /* in another order, the last versions first */
		at = (at + 271) % IDS;
		record_make(&rec, at + 1, VERSIONS);
		put(&two, &rec);
		record_make(&rec, at + 1, 1);
		put(&two, &rec);
	}
	cr_expect_eq(two.ids.len, IDS);
	cr_expect_eq(differ(&one, &two), 0);
	tdm_table_drop(&two, tdm_table_find(&two, 77));
	cr_expect_eq(differ(&one, &two), 1);
	record_make(&rec, 77, VERSIONS);
	put(&two, &rec);
	cr_expect_eq(differ(&one, &two), 0);
}

Test(digest, sees_any_change_but_not_ages)
{
	struct tdm_record rec;

	record_make(&rec, 5, 1);
	put(&one, &rec);
	put_dressed(&two, &rec, "", 77); /* older by its account: nothing of the record */
	cr_expect_eq(differ(&one, &two), 0);
	rec.version.seq = 2;
	put(&one, &rec);
	cr_expect_eq(differ(&one, &two), 1, "the version");
	put(&two, &rec);
	rec.version.seq = 3;
	put_dressed(&one, &rec, "", 0);
	put_dressed(&two, &rec, "Hello", 0);
	cr_expect_eq(differ(&one, &two), 1, "the policy");
	rec.version.seq = 4;
	put(&one, &rec);
	rec.mtu = 1400;
	put(&two, &rec);
	cr_expect_eq(differ(&one, &two), 1, "one field");
	put(&one, &rec);
	put(&two, &rec);
	rec.version.seq = 5;
	put(&one, &rec);
	put(&two, &rec);
	cr_expect_eq(differ(&one, &two), 0);
}

Test(digest, an_unknown_field_counts_as_bytes)
{
	static const uint8_t field[] = { 0xfa, 0x3e, 0x01, 'x' }; /* number 1007, a string */
	uint8_t bytes[8] = { 1, 2, 3, 4, 0 };

	memcpy(bytes + 4, field, sizeof(field));
	cr_expect_neq(tdm_digest_bytes(bytes, 8, 0), tdm_digest_bytes(bytes, 4, 0));
	cr_expect_neq(tdm_digest_bytes("", 0, 0), 0, "0 means not counted");
	cr_expect_neq(tdm_digest_bytes("a", 1, 0), tdm_digest_bytes("a\0", 2, 0));
	cr_expect_neq(tdm_digest_bytes("a", 1, 0), tdm_digest_bytes("a", 1, 1));
}

/* Every node forgets ended sessions at its own time: a little before, they stop to count. */
Test(digest, leaves_out_what_may_be_forgotten)
{
	struct tdm_record rec;

	for (tdm_session_id id = 1; id <= 3; id++) {
		record_make(&rec, id, 1);
		put(&one, &rec);
		if (id == 1)
			put(&two, &rec);
		rec.version.seq = 2;
		rec.state = TDM_SESSION_EXPIRED;
		rec.ended = (tdm_wall)id * 1000;
		if (id > 1)
			put(&one, &rec);
		if (id > 2)
			put(&two, &rec);
	}
	cr_expect_eq(differ(&one, &two), 1, "two has forgotten the session that ended at 2000");
	tdm_table_horizon(&one, 2001);
	tdm_table_horizon(&two, 2001);
	cr_expect_eq(differ(&one, &two), 0);
	tdm_table_horizon(&one, 0);
	tdm_table_horizon(&two, 0);
	cr_expect_eq(differ(&one, &two), 1, "and back");
}

/* --- nodes --- */

static struct lab lab;

static void up(size_t nodes)
{
	lab_init(&lab, nodes, TDM_MEM_QUORUM_ALWAYS);
	for (tdm_node_id n = 1; n <= nodes; n++) {
		lab_start(&lab, n);
		lab_pump(&lab);
	}
}

static void pair(void)
{
	up(2);
}

static void done(void)
{
	cr_expect_null(lab.broken, "%s", lab.broken);
	lab_deinit(&lab);
}

static struct tdm_cluster_status *status(tdm_node_id n)
{
	static struct tdm_cluster_status out;

	tdm_cluster_status(lab_node(&lab, n)->cluster, &out);
	return &out;
}

static void demand(tdm_node_id n)
{
	lab_feed(&lab, n, &(struct tdm_event){ .kind = TDM_EVENT_VERIFY });
}

static enum tdm_verify_result verify(tdm_node_id n)
{
	demand(n);
	lab_pump(&lab);
	cr_assert_eq(status(n)->verify.done, status(n)->verify.demand, "no answer");
	return status(n)->verify.result;
}

static void logins(tdm_session_id from, tdm_session_id to)
{
	for (tdm_session_id s = from; s <= to; s++)
		cr_assert_eq(lab_login_now(&lab, 1, s, "ann")->err, TDM_OK);
}

/* Behind everybody's back. */
static void alter(tdm_node_id n, tdm_session_id session, const char *hostname)
{
	struct tdm_table *table = &lab_node(&lab, n)->cluster->table;
	struct tdm_record rec;

	cr_assert_eq(tdm_entry_record(tdm_table_find(table, session), &rec), TDM_OK);
	rec.version.seq++;
	snprintf(rec.hostname, sizeof(rec.hostname), "%s", hostname);
	put(table, &rec);
}

static void lose(tdm_node_id n, tdm_session_id session)
{
	tdm_table_drop(&lab_node(&lab, n)->cluster->table, lab_entry(&lab, n, session));
}

TestSuite(verify, .init = pair, .fini = done);

Test(verify, equal_tables_are_found_equal)
{
	logins(1, 50);
	cr_expect_eq(verify(1), TDM_VERIFY_EQUAL);
	cr_expect_eq(verify(2), TDM_VERIFY_EQUAL);
	cr_expect_eq(status(2)->nodes[0].records, 50);
	cr_expect_eq(status(1)->nodes[1].records, 50);
	cr_expect_geq(status(1)->nodes[1].verified_ms, 0);
	cr_expect_eq(status(1)->table_differences_total, 0);
}

Test(verify, changes_on_their_way_are_no_difference)
{
	logins(1, 20);
	for (unsigned i = 0; i < 200; i++) {
		lab_login(&lab, 1, 100 + i, "bob");
		lab_resume(&lab, 1, 1 + i % 20);
		if (i % 5 == 0)
			demand(1 + i % 2);
		lab_logout(&lab, 2, 100 + i / 2);
		tdm_mem_deliver(lab.mem, 1 + i / 3 % 2);
		lab_tick(&lab, 1);
	}
	lab_pump(&lab);
	cr_expect_eq(verify(1), TDM_VERIFY_EQUAL);
	cr_expect_eq(status(1)->table_differences_total, 0);
	cr_expect_eq(status(2)->table_differences_total, 0);
}

Test(verify, a_record_altered_in_secret_is_found_and_repaired)
{
	size_t notes;

	logins(1, 50);
	alter(2, 17, "other");
	notes = lab_node(&lab, 1)->notes_total;
	cr_expect_not(lab_equal(&lab, 1, 2));
	cr_expect_eq(verify(1), TDM_VERIFY_REPAIRED);
	cr_expect(lab_equal(&lab, 1, 2));
	cr_expect_eq(status(1)->verify.differed, 1);
	cr_expect_eq(status(1)->table_differences_total, 1);
	cr_expect_eq(status(2)->table_differences_total, 1);
	cr_expect_geq(lab_node(&lab, 1)->notes_total, notes + 2, "told, and told when over");
	cr_expect_eq(verify(1), TDM_VERIFY_EQUAL);
	cr_expect_eq(status(1)->verify.differed, 0);
}

Test(verify, what_either_side_lost_comes_back)
{
	logins(1, 50);
	lose(1, 3);
	lose(2, 4);
	lose(2, 40);
	cr_expect_eq(verify(2), TDM_VERIFY_REPAIRED, "asked by the standby");
	cr_expect(lab_equal(&lab, 1, 2));
	cr_expect_not_null(lab_entry(&lab, 1, 3));
	cr_expect_not_null(lab_entry(&lab, 2, 40));
	cr_expect_geq(status(2)->verify.differed, 2);
	cr_expect_eq(lab_resume_now(&lab, 1, 3)->err, TDM_OK);
}

Test(verify, found_without_being_asked)
{
	logins(1, 5);
	lab_run(&lab, 2000);
	cr_expect_geq(status(1)->nodes[1].verified_ms, 0, "soon after they are together");
	alter(2, 5, "other");
	lab_run(&lab, 31000);
	cr_expect(lab_equal(&lab, 1, 2));
	cr_expect_eq(status(2)->table_differences_total, 1);
	cr_expect_leq(status(2)->nodes[0].verified_ms, 30100);
}

Test(verify, a_node_that_does_not_answer_is_not_called_equal)
{
	logins(1, 5);
	lab_node(&lab, 2)->mute = true;
	demand(1);
	lab_run(&lab, LAB_COMMIT_TIMEOUT_MS + 200);
	cr_expect_eq(status(1)->verify.done, status(1)->verify.demand);
	cr_expect_eq(status(1)->verify.result, TDM_VERIFY_NO_ANSWER);
	lab_node(&lab, 2)->mute = false;
}

Test(verify, alone_there_is_nobody_to_compare_with)
{
	lab_kill(&lab, 2);
	lab_pump(&lab);
	cr_expect_eq(verify(1), TDM_VERIFY_ALONE);
	cr_expect_eq(status(1)->nodes[0].verified_ms, -1);
}

Test(verify, an_asker_that_dies_does_not_keep_others_from_asking)
{
	logins(1, 5);
	demand(1);
	tdm_mem_deliver(lab.mem, 2);
	lab_kill(&lab, 1);
	lab_pump(&lab);
	lab_start(&lab, 1);
	lab_pump(&lab);
	cr_expect_eq(verify(2), TDM_VERIFY_EQUAL);
}

Test(verify, both_ask_at_once)
{
	demand(1);
	demand(2);
	lab_pump(&lab);
	for (tdm_node_id n = 1; n <= 2; n++) {
		cr_expect_eq(status(n)->verify.done, 1, "node %u", n);
		cr_expect_eq(status(n)->verify.result, TDM_VERIFY_EQUAL);
	}
}

/* Node 2 comes, gets the table, and loses a record before it looks whether it has all. */
static void join_with_loss(void)
{
	bool lost = false;

	lab_kill(&lab, 2);
	lab_pump(&lab);
	logins(1, 50);
	lab_start(&lab, 2);
	for (unsigned i = 0; i < 2000 && !lab_synced(&lab, 2); i++) {
		tdm_mem_deliver(lab.mem, 1 + i % 2);
		if (lost || !lab_entry(&lab, 2, 33) || lab_synced(&lab, 2))
			continue;
		lose(2, 33);
		lost = true;
	}
	cr_assert(lost);
	lab_pump(&lab);
}

Test(verify, a_newcomer_compares_before_it_counts)
{
	join_with_loss();
	cr_expect(lab_synced(&lab, 2));
	cr_expect(lab_equal(&lab, 1, 2));
	cr_expect_eq(status(2)->table_differences_total, 1);
	cr_expect_geq(status(2)->nodes[0].verified_ms, 0);
}

TestSuite(verify_three, .fini = done);

Test(verify_three, the_odd_one_is_brought_back)
{
	up(3);
	logins(1, 50);
	lose(3, 9);
	alter(2, 10, "other");
	cr_expect_eq(verify(3), TDM_VERIFY_REPAIRED);
	cr_expect(lab_equal(&lab, 1, 2) && lab_equal(&lab, 1, 3));
	for (tdm_node_id n = 1; n <= 3; n++)
		cr_expect_eq(status(n)->table_differences_total, 1);
}
