/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What survives a restart of all nodes, and what waits until it does. */
#include <criterion/criterion.h>

#include "tests/unit/replication/lab.h"

enum { SESSIONS = 20, DAY_MS = 86400 * 1000 };

static struct lab lab;

static void begin(size_t nodes)
{
	lab_init(&lab, nodes, TDM_MEM_QUORUM_ALWAYS);
	lab.journaled = true;
	for (tdm_node_id n = 1; n <= nodes; n++)
		lab_start(&lab, n);
	lab_pump(&lab);
	lab_run(&lab, TDM_TICK_MS);
}

static void pair(void)
{
	begin(2);
}

static void alone(void)
{
	begin(1);
}

static void done(void)
{
	cr_expect_null(lab.broken, "%s", lab.broken);
	lab_deinit(&lab);
}

static void off(void)
{
	for (tdm_node_id n = 1; n <= lab.nodes_len; n++)
		lab_kill_host(&lab, n);
}

static void on(tdm_node_id n)
{
	if (tdm_mem_host_up(lab.mem, n, 0))
		abort();
	lab_start(&lab, n);
	lab_pump(&lab);
	lab_run(&lab, TDM_TICK_MS);
}

static tdm_node_id owner(void)
{
	for (tdm_node_id n = 1; n <= lab.nodes_len; n++)
		if (lab_role(&lab, n) == TDM_ROLE_OWNER)
			return n;
	cr_assert_fail("nobody owns");
	return 0;
}

static enum tdm_err resume(tdm_session_id session)
{
	return lab_resume_now(&lab, owner(), session)->err;
}

static void log_in(tdm_session_id session)
{
	cr_assert_eq(lab_login_now(&lab, owner(), session, "ann")->err, TDM_OK);
	cr_assert_eq(resume(session), TDM_OK);
}

static bool orphan(void *ctx, tdm_session_id id, const struct tdm_tunnel_desc *tunnel)
{
	(void)id;
	(void)tunnel;
	++*(size_t *)ctx;
	return true;
}

static size_t orphans(void)
{
	size_t n = 0;

	tdm_cluster_orphans(lab_node(&lab, owner())->cluster, LAB_MEMBER, orphan, &n);
	return n;
}

static const struct lab_answer *log_out(tdm_session_id session)
{
	uint64_t request = lab_logout(&lab, owner(), session);

	lab_pump(&lab);
	return lab_answer(&lab, request);
}

TestSuite(restart, .init = pair, .fini = done);

Test(restart, sessions_resume_with_their_addresses)
{
	char addrs[SESSIONS + 1][TDM_ADDR_TEXT_MAX];
	uint32_t index_last = 0;

	for (tdm_session_id s = 1; s <= SESSIONS; s++) {
		log_in(s);
		memcpy(addrs[s], lab_resume_now(&lab, 1, s)->addr, sizeof(addrs[s]));
		index_last = lab_entry(&lab, 1, s)->index;
	}
	off();
	lab.now += 60000;
	on(1);
	on(2);
	cr_expect_eq(lab_node(&lab, 1)->restored.sessions, SESSIONS);
	cr_expect_eq(orphans(), 0, "nobody is woken from a journal");
	for (tdm_session_id s = 1; s <= SESSIONS; s++) {
		const struct lab_answer *a = lab_resume_now(&lab, owner(), s);

		cr_expect_eq(a->err, TDM_OK);
		cr_expect_str_eq(a->addr, addrs[s]);
	}
	cr_expect_gt(lab_login_now(&lab, owner(), SESSIONS + 1, "eve")->index, index_last);
	cr_expect(lab_equal(&lab, 1, 2));
}

Test(restart, an_end_holds_on_whichever_node_is_back)
{
	for (tdm_node_id back = 1; back <= 2; back++) {
		tdm_session_id s = back;

		log_in(s);
		cr_assert_eq(log_out(s)->err, TDM_OK);
		off();
		on(back);
		cr_expect_eq(resume(s), TDM_ERR_REVOKED, "only node %u is back", back);
		on(3 - back);
		cr_expect_eq(resume(s), TDM_ERR_REVOKED);
	}
}

Test(restart, the_newer_of_two_journals_counts)
{
	log_in(1);
	log_in(2);
	lab_kill_host(&lab, 2);
	lab_pump(&lab);
	lab_run(&lab, TDM_TICK_MS);
	cr_assert_eq(log_out(1)->err, TDM_OK);
	cr_assert_eq(resume(2), TDM_OK);
	log_in(3);
	off();
	on(2);
	on(1);
	cr_expect_eq(resume(1), TDM_ERR_REVOKED);
	cr_expect_eq(resume(2), TDM_OK);
	cr_expect_eq(resume(3), TDM_OK);
	cr_expect(lab_equal(&lab, 1, 2));
}

/* A node that was off for long must not think that a session lost its tunnel then. */
Test(restart, an_old_journal_does_not_age_a_live_session)
{
	tdm_ms idle = (tdm_ms)lab.policy.idle_timeout_s * 1000;

	log_in(1);
	cr_assert_neq(lab_entry(&lab, 1, 1)->generation, 0);
	lab_kill_host(&lab, 2);
	lab_pump(&lab);
	lab_run(&lab, idle + 1000);
	on(2);
	lab_run(&lab, 2000);
	cr_assert(lab_synced(&lab, 2));
	cr_expect_eq(lab_entry(&lab, 1, 1)->state, TDM_SESSION_ACTIVE);
	cr_expect_eq(lab_entry(&lab, 1, 1)->dropped, TDM_NEVER);
	cr_expect_eq(lab_entry(&lab, 2, 1)->dropped, TDM_NEVER, "the owner knows better");
	lab_kill_host(&lab, 1);
	lab_pump(&lab);
	lab_run(&lab, 5000);
	cr_expect_eq(orphans(), 1, "its client can be woken");
	cr_expect_eq(resume(1), TDM_OK);
}

Test(restart, both_were_off_the_later_journal_says_when_tunnels_were_lost)
{
	tdm_ms idle = (tdm_ms)lab.policy.idle_timeout_s * 1000;

	log_in(1);
	lab_kill_host(&lab, 1);
	lab_pump(&lab);
	cr_assert_eq(resume(1), TDM_OK);
	lab_run(&lab, idle + 1000);
	log_in(2); /* and with it comes a stamp */
	off();
	on(1);
	on(2);
	lab_run(&lab, 2000);
	cr_expect_eq(resume(1), TDM_OK);
}

Test(restart, clocks_run_while_all_is_off)
{
	log_in(1);
	off();
	lab.now += (tdm_ms)lab.policy.idle_timeout_s * 1000 + 1000;
	on(1);
	on(2);
	lab_run(&lab, 2000);
	cr_expect_eq(resume(1), TDM_ERR_EXPIRED);
}

Test(restart, a_clock_that_went_back_ages_nothing)
{
	log_in(1);
	off();
	lab_node(&lab, 1)->wall_shift = lab_node(&lab, 2)->wall_shift = -DAY_MS;
	on(1);
	on(2);
	cr_expect(lab_node(&lab, 1)->restored.age.clock_went_back);
	lab_run(&lab, 2000);
	cr_expect_eq(resume(1), TDM_OK);
}

Test(restart, a_journal_past_the_horizon_gives_numbers_only)
{
	struct tdm_epoch epoch = lab.epoch_last;

	log_in(1);
	off();
	lab.now += LAB_KEEP_MS + 1000;
	on(1);
	on(2);
	cr_expect(lab_node(&lab, 1)->restored.age.stale);
	cr_expect_eq(lab_live(&lab, owner()), 0);
	cr_expect_gt(lab_node(&lab, owner())->epoch.counter, epoch.counter);
	log_in(2);
	off();
	on(1);
	cr_expect_not(lab_node(&lab, 1)->restored.age.stale);
	cr_expect_eq(lab_node(&lab, 1)->restored.sessions, 1, "the others were dropped from it");
}

Test(restart, forgotten_sessions_leave_the_journal)
{
	log_in(1);
	cr_assert_eq(log_out(1)->err, TDM_OK);
	log_in(2);
	for (int day = 0; day < 8; day++) {
		lab.now += DAY_MS;
		lab_run(&lab, 3000);
		log_in(3 + (tdm_session_id)day);
	}
	off();
	on(1);
	cr_expect_null(lab_entry(&lab, 1, 1));
	cr_expect_not_null(lab_entry(&lab, 1, 10));
}

Test(restart, a_logout_waits_for_both_disks)
{
	for (tdm_node_id slow = 1; slow <= 2; slow++) {
		uint64_t request;

		log_in(slow);
		lab_node(&lab, slow)->slow_disk = true;
		request = lab_logout(&lab, 1, slow);
		lab_pump(&lab);
		cr_expect_not(lab_answer(&lab, request)->here, "node %u has not written it", slow);
		cr_expect_gt(lab_node(&lab, slow)->urgent_total, 0);
		lab_node(&lab, slow)->slow_disk = false;
		lab_pump(&lab);
		cr_expect(lab_answer(&lab, request)->here);
		cr_expect_eq(lab_answer(&lab, request)->err, TDM_OK);
	}
}

/* Its first sender may still be waiting: the second one waits as well. */
Test(restart, a_repeated_logout_waits_too)
{
	uint64_t first, second;

	log_in(1);
	lab_node(&lab, 2)->slow_disk = true;
	first = lab_logout(&lab, 1, 1);
	lab_pump(&lab);
	second = lab_logout(&lab, 1, 1);
	lab_pump(&lab);
	cr_expect_not(lab_answer(&lab, first)->here);
	cr_expect_not(lab_answer(&lab, second)->here);
	lab_journal(&lab, 2);
	lab_pump(&lab);
	cr_expect(lab_answer(&lab, first)->here);
	cr_expect(lab_answer(&lab, second)->here);
}

Test(restart, a_login_waits_for_no_disk)
{
	lab_node(&lab, 1)->slow_disk = lab_node(&lab, 2)->slow_disk = true;
	cr_expect_eq(lab_login_now(&lab, 1, 1, "ann")->err, TDM_OK);
	cr_expect_not(lab_answer(&lab, lab.request_last)->login_unprotected);
}

/* More ends than there is room to tell apart: they are acknowledged together. */
Test(restart, many_ends_at_a_slow_disk)
{
	uint64_t requests[2 * TDM_ACK_WAITS];

	for (size_t i = 0; i < 2 * TDM_ACK_WAITS; i++)
		log_in(i + 1);
	lab_node(&lab, 2)->slow_disk = true;
	for (size_t i = 0; i < 2 * TDM_ACK_WAITS; i++) {
		requests[i] = lab_logout(&lab, 1, i + 1);
		lab_pump(&lab);
		cr_expect_not(lab_answer(&lab, requests[i])->here);
	}
	lab_journal(&lab, 2);
	lab_pump(&lab);
	for (size_t i = 0; i < 2 * TDM_ACK_WAITS; i++)
		cr_expect(lab_answer(&lab, requests[i])->here);
}

Test(restart, a_disk_that_does_not_answer_demotes_its_node)
{
	uint64_t request;

	log_in(1);
	lab_node(&lab, 2)->slow_disk = true;
	request = lab_logout(&lab, 1, 1);
	lab_pump(&lab);
	lab_run(&lab, LAB_COMMIT_TIMEOUT_MS + 200);
	cr_expect(lab_answer(&lab, request)->here);
	cr_expect_not(lab_synced(&lab, 2), "and it does not come back before it has written");
	lab_node(&lab, 2)->slow_disk = false;
	lab_run(&lab, 200);
	cr_expect(lab_synced(&lab, 2));
}

Test(restart, a_newcomer_is_synced_when_it_has_written_all)
{
	log_in(1);
	lab_kill_host(&lab, 2);
	lab_pump(&lab);
	log_in(2);
	lab_node(&lab, 2)->slow_disk = true;
	on(2);
	lab_run(&lab, 500);
	cr_expect_not(lab_synced(&lab, 2));
	lab_node(&lab, 2)->slow_disk = false;
	lab_run(&lab, 200);
	cr_expect(lab_synced(&lab, 2));
}

/* A takeover changes the stamps of all: that is written bit by bit, and nothing is lost. */
Test(restart, when_a_tunnel_was_lost_is_remembered)
{
	tdm_ms idle = (tdm_ms)lab.policy.idle_timeout_s * 1000;

	log_in(1);
	lab_kill_host(&lab, owner());
	lab_pump(&lab);
	lab_run(&lab, idle - 10000); /* it does not come back */
	log_in(2);
	off();
	lab.now += 11000;
	on(1);
	on(2);
	lab_run(&lab, 2000);
	cr_expect_eq(resume(1), TDM_ERR_EXPIRED);
	cr_expect_eq(resume(2), TDM_OK);
}

Test(restart, an_incomplete_journal_gets_every_session_again)
{
	struct tdm_event ev = { .kind = TDM_EVENT_JOURNALED };
	uint64_t before;

	for (tdm_session_id s = 1; s <= SESSIONS; s++)
		log_in(s);
	before = lab_node(&lab, 1)->journal_number;
	ev.journaled.number = before;
	ev.journaled.incomplete = true;
	lab_feed(&lab, 1, &ev);
	lab_run(&lab, 1000);
	cr_expect_eq(lab_node(&lab, 1)->all_total, 1);
	cr_expect_eq(lab_node(&lab, 1)->journal_number, before + SESSIONS);
}

TestSuite(restart_alone, .init = alone, .fini = done);

Test(restart_alone, a_node_by_itself_remembers)
{
	log_in(1);
	log_in(2);
	cr_assert_eq(log_out(2)->err, TDM_OK);
	off();
	on(1);
	cr_expect_eq(resume(1), TDM_OK);
	cr_expect_eq(resume(2), TDM_ERR_REVOKED);
	cr_expect_eq(resume(3), TDM_ERR_UNKNOWN_TOKEN);
}
