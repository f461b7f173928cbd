/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>

#include "tests/unit/replication/lab.h"

static struct lab lab;

static void one(void)
{
	lab_init(&lab, 1, TDM_MEM_QUORUM_ALWAYS);
	lab_start(&lab, 1);
	lab_pump(&lab);
}

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

TestSuite(alone, .init = one, .fini = done);
TestSuite(pair, .init = pair, .fini = done);

Test(alone, a_lone_node_owns_and_serves)
{
	const struct lab_answer *a;
	char addr[TDM_ADDR_TEXT_MAX];

	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	a = lab_login_now(&lab, 1, 100, "ann");
	cr_assert(a->here);
	cr_assert_eq(a->err, TDM_OK);
	cr_assert(a->login_unprotected);
	cr_assert_neq(a->index, 0);
	a = lab_resume_now(&lab, 1, 100);
	cr_assert_eq(a->err, TDM_OK);
	cr_assert_str_eq(a->addr, "10.1.0.2");
	strcpy(addr, a->addr);
	lab_tunnel_down(&lab, 1, 100, a->generation);
	a = lab_resume_now(&lab, 1, 100);
	cr_assert_str_eq(a->addr, addr);
	lab_logout(&lab, 1, 100);
	lab_pump(&lab);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->err, TDM_ERR_REVOKED);
	cr_assert_eq(lab_resume_now(&lab, 1, 101)->err, TDM_ERR_UNKNOWN_TOKEN);
}

Test(pair, the_first_node_owns_and_the_second_stands_by)
{
	cr_assert_eq(lab_role(&lab, 1), TDM_ROLE_OWNER);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_STANDBY);
}

Test(pair, a_session_survives_its_owner)
{
	const struct lab_answer *a = lab_login_now(&lab, 1, 100, "ann");

	cr_assert_eq(a->err, TDM_OK);
	cr_assert_not(a->login_unprotected);
	lab_kill(&lab, 1);
	lab_pump(&lab);
	cr_assert_eq(lab_role(&lab, 2), TDM_ROLE_OWNER);
	a = lab_resume_now(&lab, 2, 100);
	cr_assert_eq(a->err, TDM_OK);
	cr_assert_str_eq(a->addr, "10.1.0.2");
}
