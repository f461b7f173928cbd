/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages that should not be there, and messages that are missing. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/unit/replication/lab.h"

static struct lab lab;
static uint8_t memory[TDM_ENVELOPE_ARENA] __attribute__((aligned(16)));
static uint8_t wire[TDM_ENVELOPE_MAX];
static size_t wire_len;

static void pair(void)
{
	lab_init(&lab, 2, TDM_MEM_QUORUM_ALWAYS);
	lab_start(&lab, 1);
	lab_start(&lab, 2);
	lab_pump(&lab);
}

static void done(void)
{
	cr_expect_null(lab.broken, "%s", lab.broken);
	lab_deinit(&lab);
}

/* A message in the name of node 2, as its core would make it, but for what the test changes. */
static struct tdm_message from_2(enum tdm_message_kind kind)
{
	struct tdm_cluster *c = lab_node(&lab, 2)->cluster;

	return (struct tdm_message){
		.from = { 2, c->config.boot }, .seq = c->seq + 1, .config = 7, .kind = kind
	};
}

static void encode(const struct tdm_message *msg, uint64_t *key)
{
	struct tdm_arena arena;

	tdm_arena_init(&arena, memory, sizeof(memory));
	cr_assert_eq(tdm_envelope_encode(msg, lab_mac, key, &arena, wire, sizeof(wire), &wire_len),
		TDM_OK);
}

static void give_to_1(tdm_node_id node, uint32_t pid)
{
	struct tdm_event ev = { .kind = TDM_EVENT_MESSAGE };

	ev.message.node = node;
	ev.message.pid = pid;
	ev.message.data = wire;
	ev.message.len = wire_len;
	lab_feed(&lab, 1, &ev);
}

static const struct tdm_peer *peer_2(void)
{
	return tdm_core_peer(lab_node(&lab, 1)->cluster, 2);
}

TestSuite(message, .init = pair, .fini = done);

Test(message, with_a_wrong_mac_is_counted_and_told_once)
{
	struct tdm_message msg = from_2(TDM_MESSAGE_OWNER);
	struct tdm_cluster_status st;
	uint64_t wrong = 99;
	size_t notes = lab_node(&lab, 1)->notes_total;

	msg.owner.member = 1;
	msg.owner.epoch = (struct tdm_epoch){ 50, 2 };
	encode(&msg, &wrong);
	for (int i = 0; i < 5; i++)
		give_to_1(2, lab_node(&lab, 2)->pid);
	tdm_cluster_status(lab_node(&lab, 1)->cluster, &st);
	cr_assert_eq(st.mac_failures_total, 5);
	cr_assert_eq(lab_node(&lab, 1)->notes_total, notes + 1);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	wire_len = 20;
	give_to_1(2, lab_node(&lab, 2)->pid);
	memset(wire, 0, sizeof(wire));
	wire_len = 100;
	give_to_1(2, lab_node(&lab, 2)->pid);
	cr_assert_eq(lab_node(&lab, 1)->cluster->malformed_total, 2);
}

Test(message, of_another_process_in_a_nodes_name_is_ignored)
{
	struct tdm_message msg = from_2(TDM_MESSAGE_OWNER);
	uint32_t pid = lab_node(&lab, 2)->pid;

	msg.owner.member = 1;
	msg.owner.epoch = (struct tdm_epoch){ 50, 2 };
	encode(&msg, NULL);
	give_to_1(2, pid + 1); /* another process there */
	give_to_1(1, pid);     /* a process here that claims to be node 2 */
	msg.from.boot ^= 1;
	encode(&msg, NULL);
	give_to_1(2, pid); /* another incarnation */
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_assert_eq(peer_2()->ignored_total, 3);
}

Test(message, that_was_seen_before_does_nothing)
{
	struct tdm_message msg = from_2(TDM_MESSAGE_OWNER);

	msg.owner.member = 1;
	msg.owner.epoch = (struct tdm_epoch){ 50, 2 };
	msg.seq = 1;
	encode(&msg, NULL);
	give_to_1(2, lab_node(&lab, 2)->pid);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
}

Test(message, of_a_higher_ownership_makes_the_owner_begin_anew)
{
	struct tdm_message msg = from_2(TDM_MESSAGE_OWNER);

	msg.owner.member = 1;
	msg.owner.epoch = (struct tdm_epoch){ 50, 2 };
	encode(&msg, NULL);
	give_to_1(2, lab_node(&lab, 2)->pid);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER, "it is staged; a message moves nobody");
	cr_assert_eq(lab_node(&lab, 1)->epoch.counter, 51, "but its own epoch was over");
	cr_assert_eq(lab_node(&lab, 1)->saved.epoch_counter, 51);
}

/* The transport promises not to lose anything; if it does, the node that missed something must
 * not pretend to have it. */
Test(message, that_is_missing_costs_the_standby_its_sync_and_it_heals)
{
	uint64_t r;

	lab_node(&lab, 1)->mute = true;
	r = lab_login(&lab, 1, 100, "ann"); /* handed to corosync, and dropped there */
	lab_node(&lab, 1)->mute = false;
	lab_pump(&lab);
	cr_assert_not(lab_answer(&lab, r)->here);
	cr_assert_eq(lab_login_now(&lab, 1, 101, "bob")->err, TDM_OK); /* shows the gap */
	lab_run(&lab, 3 * LAB_COMMIT_TIMEOUT_MS);
	cr_assert_eq(lab_answer(&lab, r)->err, TDM_OK, "sent again");
	cr_assert(lab_synced(&lab, 2));
	cr_assert_eq(lab_node(&lab, 1)->cluster->unprotected, 0);
	cr_assert(lab_equal(&lab, 1, 2));
	lab_kill(&lab, 1);
	lab_pump(&lab);
	cr_assert_eq(lab_resume_now(&lab, 2, 100)->err, TDM_OK);
	cr_assert_eq(lab_resume_now(&lab, 2, 101)->err, TDM_OK);
}

Test(message, with_another_configuration_is_noticed)
{
	struct tdm_message msg = from_2(TDM_MESSAGE_ACK);
	struct tdm_cluster_status st;

	msg.config = 8;
	encode(&msg, NULL);
	give_to_1(2, lab_node(&lab, 2)->pid);
	tdm_cluster_status(lab_node(&lab, 1)->cluster, &st);
	cr_assert(st.nodes[1].config_differs);
	cr_assert_not(st.nodes[0].config_differs);
}

Test(message, with_a_record_that_cannot_be_read_is_not_acknowledged)
{
	struct tdm_message msg = from_2(TDM_MESSAGE_UPDATE);
	struct tdm_change change = { .record = { (const uint8_t *)"\xff\xff", 2 },
		.dropped_ms = -1 };
	struct tdm_blob policy = { (const uint8_t *)"", 0 };

	msg.update = (struct tdm_batch){ &policy, 1, &change, 1 };
	encode(&msg, NULL);
	give_to_1(2, lab_node(&lab, 2)->pid);
	cr_assert(lab_node(&lab, 1)->cluster->deaf);
	lab_pump(&lab);
	cr_assert_not(lab_node(&lab, 1)->cluster->deaf, "it has synced anew");
	cr_assert(lab_synced(&lab, 1));
}

Test(message, a_second_process_of_a_node_is_told_and_ignored)
{
	struct tdm_event ev = { .kind = TDM_EVENT_VIEW };
	size_t notes = lab_node(&lab, 1)->notes_total;

	ev.view.members[0] = (struct tdm_view_node){ 1, lab_node(&lab, 1)->pid };
	ev.view.members[1] = (struct tdm_view_node){ 2, lab_node(&lab, 2)->pid };
	ev.view.members[2] = (struct tdm_view_node){ 2, 77 };
	ev.view.members_len = 3;
	ev.view.joined[0].who = ev.view.members[2];
	ev.view.joined_len = 1;
	lab_feed(&lab, 1, &ev);
	cr_assert_eq(lab_node(&lab, 1)->notes_total, notes + 1);
	cr_assert(peer_2()->synced);
	ev.view.members_len = 2;
	ev.view.joined_len = 0;
	ev.view.left[0].who = ev.view.members[2];
	ev.view.left[0].reason = TDM_LEFT_PROCDOWN;
	ev.view.left_len = 1;
	lab_feed(&lab, 1, &ev);
	cr_assert(peer_2()->synced, "the one that counts is still there");
	cr_assert_eq(lab_login_now(&lab, 1, 100, "ann")->err, TDM_OK);
}

Test(message, any_bytes_are_survived)
{
	struct tdm_message msg = from_2(TDM_MESSAGE_HELLO);
	uint64_t r = 1;

	encode(&msg, NULL);
	for (int i = 0; i < 20000; i++) {
		size_t at;

		r = r * 6364136223846793005u + 1442695040888963407u;
		at = TDM_ENVELOPE_HEAD + (r >> 33) % (wire_len - TDM_ENVELOPE_HEAD);
		wire[at] = (uint8_t)(r >> 56);
		lab_mac(NULL, wire + TDM_ENVELOPE_HEAD, wire_len - TDM_ENVELOPE_HEAD, wire + 4);
		give_to_1(2, lab_node(&lab, 2)->pid);
	}
	lab_run(&lab, 5 * LAB_COMMIT_TIMEOUT_MS);
}
