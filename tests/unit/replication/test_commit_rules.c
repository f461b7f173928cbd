/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a token may go out, and when the end of a session is confirmed. */
#include <criterion/criterion.h>

#include "tests/unit/replication/lab.h"

static struct lab lab;

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

static void drain(tdm_node_id id)
{
	while (tdm_mem_deliver(lab.mem, id))
		;
}

/* The clock moves, only node 1 gets its messages. */
static void run_node_1(tdm_ms duration)
{
	struct tdm_event tick = { .kind = TDM_EVENT_TICK };

	for (tdm_ms end = lab.now + duration; lab.now < end; lab.now += TDM_TICK_MS) {
		lab_feed(&lab, 1, &tick);
		drain(1);
	}
}

TestSuite(commit, .init = pair, .fini = done);

Test(commit, self_delivery_is_not_enough)
{
	uint64_t r = lab_login(&lab, 1, 100, "ann");

	drain(1);
	cr_assert_not(lab_answer(&lab, r)->here);
	drain(2);
	cr_assert_not(lab_answer(&lab, r)->here, "the acknowledgement is not delivered yet");
	drain(1);
	cr_assert(lab_answer(&lab, r)->here);
	cr_assert_eq(lab_answer(&lab, r)->err, TDM_OK);
	cr_assert_not(lab_answer(&lab, r)->login_unprotected);
}

Test(commit, a_silent_standby_is_demoted_before_the_token_goes_out)
{
	uint64_t r = lab_login(&lab, 1, 100, "ann");
	struct tdm_cluster_status status;

	run_node_1(LAB_COMMIT_TIMEOUT_MS - 200);
	cr_assert_not(lab_answer(&lab, r)->here);
	run_node_1(400);
	cr_assert_eq(lab_answer(&lab, r)->err, TDM_OK);
	cr_assert(lab_answer(&lab, r)->login_unprotected);
	tdm_cluster_status(lab_node(&lab, 1)->cluster, &status);
	cr_assert_not(status.nodes[1].synced);
	cr_assert_eq(status.unprotected, 1);
	cr_assert_eq(status.demotions_total, 1);

	/* it wakes up: it knows that it was demoted, syncs, and the session is protected */
	lab_pump(&lab);
	cr_assert(lab_synced(&lab, 2));
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_STANDBY);
	tdm_cluster_status(lab_node(&lab, 1)->cluster, &status);
	cr_assert_eq(status.unprotected, 0);
	cr_assert(lab_equal(&lab, 1, 2));
}

Test(commit, nobody_is_blamed_while_nothing_is_delivered)
{
	uint64_t r = lab_login(&lab, 1, 100, "ann");

	lab_tick(&lab, 3 * LAB_COMMIT_TIMEOUT_MS); /* a ring re-forms: no deliveries */
	lab_tick(&lab, TDM_TICK_MS);
	lab_pump(&lab);
	cr_assert_eq(lab_answer(&lab, r)->err, TDM_OK);
	cr_assert_not(lab_answer(&lab, r)->login_unprotected);
	cr_assert(lab_synced(&lab, 2));
}

Test(commit, a_pending_session_cannot_resume)
{
	uint64_t r = lab_login(&lab, 1, 100, "ann"), again = lab_resume(&lab, 1, 100);

	cr_assert_not(lab_answer(&lab, r)->here);
	cr_assert_eq(lab_answer(&lab, again)->err, TDM_ERR_AGAIN);
	lab_pump(&lab);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->err, TDM_OK);
}

Test(commit, the_last_standby_leaves_and_the_session_is_unprotected)
{
	uint64_t r = lab_login(&lab, 1, 100, "ann");

	drain(1);
	lab_kill(&lab, 2);
	lab_pump(&lab);
	cr_assert_eq(lab_answer(&lab, r)->err, TDM_OK);
	cr_assert(lab_answer(&lab, r)->login_unprotected);
	lab_start(&lab, 2);
	lab_pump(&lab);
	cr_assert_eq(lab_node(&lab, 1)->cluster->unprotected, 0);
	cr_assert(lab_equal(&lab, 1, 2));
}

Test(commit, a_login_fails_when_corosync_is_lost)
{
	uint64_t r = lab_login(&lab, 1, 100, "ann");

	lab_disconnect(&lab, 1);
	cr_assert_eq(lab_answer(&lab, r)->err, TDM_ERR_CLUSTER_LOST);
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_ISOLATED);
	lab_pump(&lab);
	lab_rejoin(&lab, 1);
	lab_pump(&lab);
	/* its token never went out: it lives nowhere */
	cr_assert_eq(lab_live(&lab, 1), 0);
	cr_assert_eq(lab_live(&lab, 2), 0);
	cr_assert(lab_equal(&lab, 1, 2));
}

/* The owner dies after each of its actions in turn. Whatever a client got must work on the other
 * node, at once. */
Test(owner_dies, no_token_is_lost_at_any_point)
{
	size_t given = 0, points = 0;

	for (size_t k = 1; k < 12; k++) {
		const struct lab_answer *a;
		uint64_t r;
		bool died;

		pair();
		lab_login_now(&lab, 1, 1, "ann");
		lab_node(&lab, 1)->crash_at = lab_node(&lab, 1)->actions_total + k;
		r = lab_login(&lab, 1, 100, "bob");
		lab_pump(&lab);
		died = !lab_node(&lab, 1)->cluster;
		points += died;
		if (died && lab_answer(&lab, r)->here && lab_answer(&lab, r)->err == TDM_OK) {
			given++;
			a = lab_resume_now(&lab, 2, 100);
			cr_expect_eq(a->err, TDM_OK, "died after action %zu", k);
		}
		if (died) {
			cr_expect_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
			cr_expect_eq(lab_resume_now(&lab, 2, 1)->err, TDM_OK);
		}
		done();
	}
	cr_assert_geq(points, 2, "the crash points are not reached any more");
	cr_assert_geq(given, 1, "no point with the token out is reached any more");
}

TestSuite(logout, .init = pair, .fini = done);

Test(logout, the_answer_waits_for_every_synced_node)
{
	uint64_t r;

	lab_login_now(&lab, 1, 100, "ann");
	r = lab_logout(&lab, 2, 100); /* at the standby */
	drain(2);
	cr_assert_not(lab_answer(&lab, r)->here);
	lab_pump(&lab);
	cr_assert_eq(lab_answer(&lab, r)->err, TDM_OK);
	cr_assert_eq(lab_entry(&lab, 1, 100)->state, TDM_SESSION_REVOKED);
}

Test(logout, a_revoked_token_is_refused_by_every_node)
{
	lab_login_now(&lab, 1, 100, "ann");
	lab_logout(&lab, 1, 100);
	lab_pump(&lab);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->err, TDM_ERR_REVOKED);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->reason, TDM_REASON_LOGOUT);
	cr_assert_neq(lab_resume_now(&lab, 2, 100)->err, TDM_OK);
	lab_kill(&lab, 1);
	lab_pump(&lab);
	cr_assert_eq(lab_resume_now(&lab, 2, 100)->err, TDM_ERR_REVOKED);
	lab_start(&lab, 1);
	lab_pump(&lab);
	lab_kill(&lab, 2);
	lab_pump(&lab);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->err, TDM_ERR_REVOKED);
}

Test(logout, a_revocation_beats_a_resume_that_comes_later)
{
	const struct lab_answer *a;

	lab_login_now(&lab, 1, 100, "ann");
	lab_logout(&lab, 2, 100);
	a = lab_answer(&lab, lab_resume(&lab, 1, 100)); /* node 1 has not heard of it */
	cr_assert_eq(a->err, TDM_OK);
	lab_pump(&lab);
	cr_assert_eq(lab_entry(&lab, 1, 100)->state, TDM_SESSION_REVOKED);
	cr_assert_eq(lab_entry(&lab, 2, 100)->state, TDM_SESSION_REVOKED);
	cr_assert_eq(lab_node(&lab, 1)->closed.id, 100);
	cr_assert_eq(lab_node(&lab, 1)->closed.generation, a->generation);
	cr_assert_eq(lab_node(&lab, 1)->closed.reason, TDM_REASON_LOGOUT);
	cr_assert(lab_equal(&lab, 1, 2));
}

Test(logout, of_somebody_else_or_of_nobody_is_refused)
{
	struct tdm_event ev = { .kind = TDM_EVENT_LOGOUT };
	uint8_t verifier[TDM_VERIFIER_LEN];

	lab_login_now(&lab, 1, 100, "ann");
	lab_verifier(101, verifier);
	ev.logout.request = ++lab.request_last;
	ev.logout.id = 100;
	ev.logout.verifier = verifier;
	lab_feed(&lab, 1, &ev);
	cr_assert_eq(lab_answer(&lab, lab.request_last)->err, TDM_ERR_NOT_FOUND);
	cr_assert_eq(lab_answer(&lab, lab_logout(&lab, 1, 999))->err, TDM_ERR_NOT_FOUND);
	cr_assert_eq(lab_entry(&lab, 1, 100)->state, TDM_SESSION_NEW);
}

static void tiny_pool(void)
{
	lab_init(&lab, 2, TDM_MEM_QUORUM_ALWAYS);
	cr_assert_eq(tdm_prefix_parse("10.1.0.0/30", &lab.pool), TDM_OK);
	lab_start(&lab, 1);
	lab_start(&lab, 2);
	lab_pump(&lab);
}

TestSuite(address, .init = tiny_pool, .fini = done);

Test(address, is_free_again_only_when_every_synced_node_knows)
{
	uint64_t r;

	/* two addresses, one of them the gateway's own */
	cr_assert_eq(lab_login_now(&lab, 1, 100, "ann")->err, TDM_OK);
	cr_assert_eq(lab_login_now(&lab, 1, 101, "bob")->err, TDM_ERR_POOL_EMPTY);
	lab_logout(&lab, 1, 100);
	drain(1);
	r = lab_login(&lab, 1, 102, "bob");
	cr_assert_eq(lab_answer(&lab, r)->err, TDM_ERR_POOL_EMPTY);
	lab_pump(&lab);
	cr_assert_eq(lab_login_now(&lab, 1, 103, "bob")->err, TDM_OK);
	cr_assert_str_eq(lab_resume_now(&lab, 1, 103)->addr, "10.1.0.2");
}

Test(address, of_a_session_that_ended_before_a_takeover_is_free_afterwards)
{
	cr_assert_eq(lab_login_now(&lab, 1, 100, "ann")->err, TDM_OK);
	lab_logout(&lab, 1, 100);
	lab_pump(&lab);
	lab_kill(&lab, 1);
	lab_pump(&lab);
	cr_assert_eq(lab_login_now(&lab, 2, 101, "bob")->err, TDM_OK);
}

TestSuite(limit, .init = pair, .fini = done);

Test(limit, a_newer_login_displaces_the_oldest)
{
	lab.policy.simultaneous_logins = 2;
	lab_login_now(&lab, 1, 100, "ann");
	lab_run(&lab, 100);
	lab_login_now(&lab, 1, 101, "ann");
	lab_login_now(&lab, 1, 102, "bob");
	lab_run(&lab, 100);
	cr_assert_eq(lab_login_now(&lab, 1, 103, "ann")->err, TDM_OK);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->err, TDM_ERR_REVOKED);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->reason, TDM_REASON_DISPLACED);
	cr_assert_eq(lab_resume_now(&lab, 1, 101)->err, TDM_OK);
	cr_assert_eq(lab_resume_now(&lab, 1, 102)->err, TDM_OK);
	cr_assert_eq(lab_resume_now(&lab, 1, 103)->err, TDM_OK);
	cr_assert(lab_equal(&lab, 1, 2));
}

Test(limit, is_exact_for_logins_at_the_same_moment)
{
	size_t live = 0;

	lab.policy.simultaneous_logins = 1;
	for (tdm_session_id s = 100; s < 110; s++)
		lab_login(&lab, 1, s, "ann");
	lab_pump(&lab);
	for (tdm_session_id s = 100; s < 110; s++)
		live += tdm_state_is_live(lab_entry(&lab, 2, s)->state);
	cr_assert_eq(live, 1);
	cr_assert_eq(lab_entry(&lab, 1, 109)->state, TDM_SESSION_NEW, "the newest stays");
}

Test(limit, of_the_table_refuses_logins_and_keeps_sessions)
{
	lab_node(&lab, 1)->cluster->config.sessions_max = 2;
	lab_login_now(&lab, 1, 100, "a");
	lab_login_now(&lab, 1, 101, "b");
	cr_assert_eq(lab_login_now(&lab, 1, 102, "c")->err, TDM_ERR_FULL);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->err, TDM_OK);
}
