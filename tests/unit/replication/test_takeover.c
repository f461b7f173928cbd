/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may own, and when. */
#include <criterion/criterion.h>

#include "tests/unit/replication/lab.h"

static struct lab lab;

static void manual(void)
{
	lab_init(&lab, 2, TDM_MEM_QUORUM_MANUAL);
	lab_start(&lab, 1);
	lab_start(&lab, 2);
	lab_pump(&lab);
}

static void verdict(tdm_node_id id, bool yes)
{
	tdm_mem_verdict(lab.mem, id, yes);
	lab_pump(&lab);
}

static void both(void)
{
	manual();
	verdict(1, true);
	verdict(2, true);
}

static void two_node(void)
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

static void split(void)
{
	lab_split(&lab, (const unsigned[]){ 0, 1 });
	lab_pump(&lab);
}

static void heal(void)
{
	lab_split(&lab, (const unsigned[]){ 0, 0 });
	lab_pump(&lab);
}

static void feed_verdict(tdm_node_id id, struct tdm_ring ring, bool yes)
{
	struct tdm_event ev = { .kind = TDM_EVENT_QUORUM };

	ev.quorum.ring = ring;
	ev.quorum.quorate = yes;
	lab_feed(&lab, id, &ev);
	lab_pump(&lab);
}

TestSuite(cold, .init = manual, .fini = done);

Test(cold, nobody_owns_before_the_verdict)
{
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_NONE, "no role was taken yet");
	cr_assert_not(lab_synced(&lab, 1));
	verdict(2, true);
	cr_assert(lab_synced(&lab, 1), "one quorate node speaks for the ring");
	cr_assert_neq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_STANDBY, "the first in order is to own");
	verdict(1, true);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
}

Test(cold, a_node_that_is_not_quorate_stays_out)
{
	verdict(1, false);
	verdict(2, false);
	cr_assert_not(lab_synced(&lab, 1));
	cr_assert_eq(lab_login_now(&lab, 1, 100, "ann")->err, TDM_ERR_NOT_QUORATE);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->err, TDM_ERR_NOT_QUORATE);
}

Test(cold, a_verdict_that_comes_before_the_ring_counts)
{
	struct tdm_ring next;

	verdict(1, true);
	verdict(2, true);
	lab_split(&lab, (const unsigned[]){ 0, 1 });
	next = tdm_mem_ring(lab.mem, 2);
	feed_verdict(2, next, true); /* ahead of what waits in the inbox */
	lab_pump(&lab);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
}

TestSuite(ring, .init = both, .fini = done);

Test(ring, a_dead_process_needs_no_new_verdict)
{
	lab_login_now(&lab, 1, 100, "ann");
	lab_kill(&lab, 1);
	lab_pump(&lab);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
	cr_assert_eq(lab_resume_now(&lab, 2, 100)->err, TDM_OK);
}

Test(ring, the_owner_pauses_when_its_peer_is_lost)
{
	uint64_t r;

	split();
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_PAUSED);
	r = lab_resume(&lab, 1, 999);
	cr_assert_eq(lab_answer(&lab, r)->err, TDM_ERR_NOT_QUORATE);
	verdict(1, true);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_assert_eq(lab_node(&lab, 1)->epoch.counter, 1, "it is the same ownership");
}

Test(ring, the_owner_lets_go_when_it_is_not_quorate)
{
	lab_login_now(&lab, 1, 100, "ann");
	lab_resume_now(&lab, 1, 100);
	split();
	verdict(1, false);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_ISOLATED);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->err, TDM_ERR_NOT_QUORATE);
	cr_assert_eq(lab_resume_now(&lab, 1, 555)->err, TDM_ERR_NOT_QUORATE, "never unknown");
	verdict(1, true);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_assert_eq(lab_node(&lab, 1)->epoch.counter, 2, "a new ownership");
}

Test(ring, a_verdict_on_an_old_ring_lets_nobody_act)
{
	struct tdm_ring old = lab_node(&lab, 2)->cluster->ring;

	split();
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_STANDBY);
	feed_verdict(2, old, true);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_STANDBY);
	feed_verdict(1, old, true);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_PAUSED);
	verdict(2, true);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
}

Test(ring, a_commit_that_waits_goes_out_only_in_a_quorate_ring)
{
	uint64_t r = lab_login(&lab, 1, 100, "ann");

	split();
	cr_assert_not(lab_answer(&lab, r)->here);
	verdict(1, true);
	cr_assert_eq(lab_answer(&lab, r)->err, TDM_OK);
	cr_assert(lab_answer(&lab, r)->login_unprotected);
}

Test(ring, a_commit_that_waits_fails_with_the_ownership)
{
	uint64_t r = lab_login(&lab, 1, 100, "ann");

	split();
	verdict(1, false);
	verdict(2, true);
	cr_assert_eq(lab_answer(&lab, r)->err, TDM_ERR_NOT_OWNER);
	heal();
	verdict(1, true);
	verdict(2, true);
	cr_assert_eq(lab_live(&lab, 1), 0);
	cr_assert_eq(lab_live(&lab, 2), 0);
	cr_assert(lab_equal(&lab, 1, 2));
}

Test(ring, that_only_grows_does_not_interrupt_the_owner)
{
	lab_kill_host(&lab, 2);
	lab_pump(&lab);
	verdict(1, true);
	lab_login_now(&lab, 1, 100, "ann");
	cr_assert_eq(tdm_mem_host_up(lab.mem, 2, 1), TDM_OK);
	lab_start(&lab, 2);
	lab_pump(&lab);
	heal();
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->err, TDM_OK);
	verdict(1, true);
	verdict(2, true);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_STANDBY);
}

/* Corosync can report both in one dispatch when a node is back before anybody noticed. */
Test(ring, a_node_that_left_and_came_in_one_batch_has_to_sync)
{
	struct tdm_event ev[2] = { { .kind = TDM_EVENT_VIEW }, { .kind = TDM_EVENT_VIEW } };
	struct tdm_event ring = { .kind = TDM_EVENT_RING, .ring = { 1, 4000 } };

	lab_login_now(&lab, 1, 100, "ann");
	for (size_t i = 0; i < 2; i++) {
		struct tdm_view_node other = { (tdm_node_id)(2 - i),
			lab_node(&lab, (tdm_node_id)(2 - i))->pid };

		for (size_t k = 0; k < 2; k++) {
			ev[i].view.members[k].node = (tdm_node_id)k + 1;
			ev[i].view.members[k].pid = lab_node(&lab, (tdm_node_id)k + 1)->pid;
		}
		ev[i].view.members_len = 2;
		ev[i].view.left_len = ev[i].view.joined_len = 1;
		ev[i].view.left[0].who = ev[i].view.joined[0].who = other;
		ev[i].view.left[0].reason = TDM_LEFT_NODEDOWN;
		ev[i].view.joined[0].nodeup = true;
	}
	lab_feed(&lab, 1, &ev[0]);
	lab_feed(&lab, 2, &ev[1]);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_PAUSED);
	cr_assert_not(tdm_core_peer(lab_node(&lab, 1)->cluster, 2)->synced);
	lab_feed(&lab, 1, &ring);
	lab_feed(&lab, 2, &ring);
	feed_verdict(1, ring.ring, true);
	feed_verdict(2, ring.ring, true);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_STANDBY);
	cr_assert(tdm_core_peer(lab_node(&lab, 1)->cluster, 2)->synced);
	cr_assert_eq(lab_login_now(&lab, 1, 101, "bob")->err, TDM_OK);
	cr_assert(lab_equal(&lab, 1, 2));
}

Test(ring, a_standby_that_was_cut_off_is_not_sure_when_it_takes_over)
{
	split();
	verdict(1, true);
	verdict(2, false);
	lab_login_now(&lab, 1, 100, "ann"); /* unprotected */
	verdict(1, false);
	verdict(2, true); /* the third vote changes its mind */
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
	cr_assert_eq(lab_resume_now(&lab, 2, 100)->err, TDM_ERR_NOT_SYNCED);
	heal();
	verdict(1, true);
	verdict(2, true);
	cr_assert_eq(lab_resume_now(&lab, 2, 100)->err, TDM_OK);
	cr_assert_eq(lab_resume_now(&lab, 2, 101)->err, TDM_ERR_UNKNOWN_TOKEN);
}

/* Whoever goes on serving after another epoch was used above its own takes a new one: records of
 * two owners must never carry the same version. */
Test(ring, an_owner_does_not_go_on_below_a_foreign_epoch)
{
	split();
	verdict(2, true);
	cr_assert_eq(lab_node(&lab, 2)->epoch.counter, 2);
	lab_login_now(&lab, 2, 100, "ann");
	verdict(2, false); /* the third vote comes back to node 1 */
	verdict(1, true);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_assert_eq(lab_node(&lab, 1)->epoch.counter, 1);
	heal();
	verdict(1, true);
	verdict(2, true);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_assert_eq(lab_node(&lab, 1)->epoch.counter, 3);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->err, TDM_OK);
	cr_assert(lab_equal(&lab, 1, 2));
}

TestSuite(merge, .init = two_node, .fini = done);

Test(merge, the_lower_epoch_yields_and_nothing_is_lost)
{
	lab_login_now(&lab, 1, 100, "ann");
	split();
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
	cr_assert_eq(lab_resume_now(&lab, 2, 100)->err, TDM_OK);
	cr_assert_eq(lab_login_now(&lab, 1, 101, "bob")->err, TDM_OK);
	cr_assert_eq(lab_login_now(&lab, 2, 102, "cyd")->err, TDM_OK);
	lab_logout(&lab, 1, 100);
	lab_pump(&lab);
	heal();
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_STANDBY);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
	cr_assert(lab_equal(&lab, 1, 2));
	cr_assert_eq(lab_entry(&lab, 2, 100)->state, TDM_SESSION_REVOKED, "the logout holds");
	/* both sides gave the next free address: the session of the lower epoch is ended */
	cr_assert_eq(lab_resume_now(&lab, 2, 102)->err, TDM_OK);
	cr_assert_eq(lab_resume_now(&lab, 2, 101)->err, TDM_ERR_REVOKED);
	cr_assert_eq(lab_resume_now(&lab, 2, 101)->reason, TDM_REASON_ADDRESS_CONFLICT);
}

Test(merge, a_token_of_the_other_side_is_not_unknown_before_its_table_is_here)
{
	bool unsure = false;

	split();
	lab_login_now(&lab, 1, 100, "ann"); /* the side that will yield */
	lab_split(&lab, (const unsigned[]){ 0, 0 });
	for (int i = 0; i < 200; i++) {
		const struct lab_answer *a;

		tdm_mem_deliver(lab.mem, (tdm_node_id)(1 + i % 2));
		a = lab_answer(&lab, lab_resume(&lab, 2, 100));
		unsure = unsure || a->err == TDM_ERR_NOT_SYNCED;
		/* before the news of the merge, a half that is quorate speaks for itself */
		if (tdm_core_peer(lab_node(&lab, 2)->cluster, 1)->present)
			cr_assert_neq(a->err, TDM_ERR_UNKNOWN_TOKEN, "event %d", i);
	}
	cr_assert(unsure);
	cr_assert_eq(lab_resume_now(&lab, 2, 100)->err, TDM_OK);
}

TestSuite(join, .init = two_node, .fini = done);

Test(join, a_node_may_not_own_before_it_has_the_table)
{
	enum { SESSIONS = 200 };

	lab_kill(&lab, 2);
	lab_pump(&lab);
	for (tdm_session_id s = 1; s <= SESSIONS; s++)
		lab_login_now(&lab, 1, s, "ann");
	lab_start(&lab, 2);
	for (tdm_session_id s = SESSIONS + 1; lab_role(&lab, 2) != TDM_ROLE_STANDBY; s++) {
		cr_assert_lt(s, SESSIONS + 40, "it never gets there");
		lab_login(&lab, 1, s, "bob"); /* live updates between the chunks */
		for (int i = 0; i < 12; i++)
			if (tdm_mem_deliver(lab.mem, (tdm_node_id)(1 + i % 2)) &&
				lab_role(&lab, 2) >= TDM_ROLE_STANDBY)
				cr_assert_geq(lab_live(&lab, 2), SESSIONS);
	}
	lab_pump(&lab);
	cr_assert(lab_equal(&lab, 1, 2));
}

Test(join, left_alone_in_the_middle_no_token_is_called_unknown)
{
	enum { SESSIONS = 150 };

	for (int events = 0; events < 24; events++) {
		lab_kill(&lab, 2);
		lab_pump(&lab);
		for (tdm_session_id s = 1; s <= SESSIONS && !events; s++)
			lab_login_now(&lab, 1, s, "ann");
		lab_start(&lab, 2);
		for (int i = 0; i < events; i++)
			tdm_mem_deliver(lab.mem, (tdm_node_id)(1 + i % 2));
		lab_kill(&lab, 1);
		lab_pump(&lab);
		for (tdm_session_id s = 1; s <= SESSIONS; s += 7)
			cr_assert_neq(lab_resume_now(&lab, 2, s)->err, TDM_ERR_UNKNOWN_TOKEN,
				"owner died after %d events", events);
		/* start over with a node that has everything */
		done();
		two_node();
		for (tdm_session_id s = 1; s <= SESSIONS; s++)
			lab_login_now(&lab, 1, s, "ann");
	}
}

Test(join, a_restarted_owner_does_not_get_back_by_its_number)
{
	lab_login_now(&lab, 1, 100, "ann");
	lab_kill(&lab, 1);
	lab_pump(&lab);
	lab_start(&lab, 1);
	lab_pump(&lab);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_STANDBY);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_OWNER, "no preemption");
	lab_kill(&lab, 2);
	lab_pump(&lab);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_assert_eq(lab_node(&lab, 1)->epoch.counter, 3);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->err, TDM_OK);
}

static void three(void)
{
	lab_init(&lab, 3, TDM_MEM_QUORUM_MAJORITY);
	for (tdm_node_id n = 1; n <= 3; n++)
		lab_start(&lab, n);
	lab_pump(&lab);
}

TestSuite(three, .init = three, .fini = done);

Test(three, a_frozen_newcomer_does_not_block_a_takeover_for_good)
{
	struct tdm_event tick = { .kind = TDM_EVENT_TICK };

	lab_kill(&lab, 3);
	lab_pump(&lab);
	lab_login_now(&lab, 1, 100, "ann");
	lab_start(&lab, 3); /* joins and stands still */
	for (int i = 0; i < 20; i++)
		for (tdm_node_id n = 1; n <= 2; n++)
			tdm_mem_deliver(lab.mem, n);
	lab_kill(&lab, 1);
	for (int i = 0; i < 100; i++) {
		lab.now += TDM_TICK_MS;
		lab_feed(&lab, 2, &tick);
		while (tdm_mem_deliver(lab.mem, 2))
			;
	}
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
	cr_assert_eq(lab_resume_now(&lab, 2, 100)->err, TDM_OK);
	lab_pump(&lab);
	cr_assert_eq(lab_role(&lab, 3), TDM_ROLE_STANDBY, "it wakes up and syncs");
	cr_assert(lab_equal(&lab, 2, 3));
}

Test(three, one_node_alone_is_not_quorate)
{
	lab_split(&lab, (const unsigned[]){ 0, 1, 1 });
	lab_pump(&lab);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_ISOLATED);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
	cr_assert_eq(lab_role(&lab, 3), TDM_ROLE_STANDBY);
	cr_assert_eq(lab_login_now(&lab, 2, 100, "ann")->login_unprotected, false);
	lab_split(&lab, (const unsigned[]){ 0, 0, 0 });
	lab_pump(&lab);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_STANDBY);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
	cr_assert(lab_equal(&lab, 1, 2));
}
