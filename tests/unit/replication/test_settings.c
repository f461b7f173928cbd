/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configurations that differ: seen, named, and no takeover with the wrong one. */
#include <criterion/criterion.h>

#include "tests/unit/replication/lab.h"

static struct lab lab;

static void init(void)
{
	lab_init(&lab, 2, TDM_MEM_QUORUM_ALWAYS);
}

static void start(tdm_node_id n, uint64_t groups, bool allow)
{
	lab.groups[n - 1] = groups;
	lab.allow_difference[n - 1] = allow;
	lab_start(&lab, n);
	lab_pump(&lab);
}

static void done(void)
{
	cr_expect_null(lab.broken, "%s", lab.broken);
	lab_deinit(&lab);
}

TestSuite(settings, .init = init, .fini = done);

Test(settings, a_standby_with_another_configuration_may_not_take_over)
{
	struct tdm_cluster_status st;

	start(1, 0, false);
	start(2, 5, false);
	cr_expect(lab_synced(&lab, 2), "it holds the sessions all the same");
	cr_expect_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_expect_eq(lab_role(&lab, 2), TDM_ROLE_SYNCING);
	cr_expect_str_eq(lab_node(&lab, 2)->cluster->members[0].config_why,
		"configuration differs from node n1 (groups)");
	tdm_cluster_status(lab_node(&lab, 1)->cluster, &st);
	cr_expect(st.nodes[1].config_differs && st.nodes[1].config_sections == 2);
	lab_kill(&lab, 1);
	lab_run(&lab, 1000);
	cr_expect_eq(lab_role(&lab, 2), TDM_ROLE_SYNCING);
	cr_expect_eq(lab_node(&lab, 2)->cluster->members[0].owner, 0);
}

/* A change of the configuration on both nodes, one after the other. */
Test(settings, the_owner_comes_back_with_the_new_one)
{
	start(1, 0, false);
	start(2, 5, false);
	cr_assert_eq(lab_login_now(&lab, 1, 1, "ann")->err, TDM_OK);
	lab_kill(&lab, 1);
	lab_pump(&lab);
	start(1, 5, false);
	lab_run(&lab, 1000);
	cr_expect_eq(lab_role(&lab, 2), TDM_ROLE_OWNER, "who held the sessions goes on with them");
	cr_expect_eq(lab_role(&lab, 1), TDM_ROLE_STANDBY);
	cr_expect_eq(lab_resume_now(&lab, 2, 1)->err, TDM_OK);
}

Test(settings, the_owner_comes_back_with_the_old_one)
{
	start(1, 0, false);
	start(2, 5, false);
	cr_assert_eq(lab_login_now(&lab, 1, 1, "ann")->err, TDM_OK);
	lab_kill(&lab, 1);
	lab_pump(&lab);
	start(1, 0, false);
	lab_run(&lab, 1000);
	cr_expect_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
	cr_expect_eq(lab_role(&lab, 1), TDM_ROLE_SYNCING);
}

Test(settings, allowed_it_takes_over)
{
	start(1, 0, false);
	start(2, 5, true);
	cr_expect_eq(lab_role(&lab, 2), TDM_ROLE_STANDBY);
	cr_assert_eq(lab_login_now(&lab, 1, 1, "ann")->err, TDM_OK);
	lab_kill(&lab, 1);
	lab_pump(&lab);
	cr_expect_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
	cr_expect_eq(lab_resume_now(&lab, 2, 1)->err, TDM_OK);
	start(1, 0, false);
	cr_expect_eq(lab_role(&lab, 1), TDM_ROLE_SYNCING, "now it is the one that differs");
}

Test(settings, at_a_cold_start_the_lowest_node_decides)
{
	lab.groups[0] = 5;
	lab_start(&lab, 1);
	lab_start(&lab, 2);
	lab_pump(&lab);
	cr_expect_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_expect_eq(lab_role(&lab, 2), TDM_ROLE_SYNCING);
}
