/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session's life: tunnels, clocks, what a client is told again. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/replication/lab.h"

static struct lab lab;

static void pair(void)
{
	lab_init(&lab, 2, TDM_MEM_QUORUM_ALWAYS);
	lab.policy.idle_timeout_s = 60;
	lab.policy.session_timeout_s = 300;
	lab_start(&lab, 1);
	lab_start(&lab, 2);
	lab_pump(&lab);
}

static void done(void)
{
	cr_expect_null(lab.broken, "%s", lab.broken);
	lab_deinit(&lab);
}

static enum tdm_session_state state(tdm_node_id n, tdm_session_id s)
{
	return (enum tdm_session_state)lab_entry(&lab, n, s)->state;
}

static enum tdm_reason reason(tdm_node_id n, tdm_session_id s)
{
	return (enum tdm_reason)lab_entry(&lab, n, s)->reason;
}

TestSuite(session, .init = pair, .fini = done);

Test(session, that_never_connects_ends)
{
	lab_login_now(&lab, 1, 100, "ann");
	lab_run(&lab, LAB_CONNECT_TIMEOUT_MS - 2000);
	cr_assert(tdm_state_is_live(state(1, 100)));
	lab_run(&lab, 4000);
	cr_assert_eq(state(1, 100), TDM_SESSION_EXPIRED);
	cr_assert_eq(reason(2, 100), TDM_REASON_CONNECT_TIMEOUT);
	cr_assert_eq(lab_resume_now(&lab, 1, 100)->err, TDM_ERR_EXPIRED);
}

Test(session, without_a_tunnel_ends_by_the_idle_clock)
{
	const struct lab_answer *a;

	lab_login_now(&lab, 1, 100, "ann");
	a = lab_resume_now(&lab, 1, 100);
	lab_run(&lab, 120000); /* with a tunnel the idle clock is the tunnel's affair */
	cr_assert_eq(state(1, 100), TDM_SESSION_ACTIVE);
	lab_tunnel_down(&lab, 1, 100, a->generation);
	lab_pump(&lab);
	cr_assert_eq(state(2, 100), TDM_SESSION_INACTIVE);
	lab_run(&lab, 58000);
	cr_assert_eq(state(1, 100), TDM_SESSION_INACTIVE);
	lab_run(&lab, 4000);
	cr_assert_eq(state(1, 100), TDM_SESSION_EXPIRED);
	cr_assert_eq(reason(2, 100), TDM_REASON_IDLE_TIMEOUT);
}

/* Two clients with one token: the first is replaced and says goodbye at that moment. */
Test(session, goodbye_of_an_older_tunnel_does_not_end_a_newer_one)
{
	struct tdm_event bye = { .kind = TDM_EVENT_LOGOUT };

	lab_login_now(&lab, 1, 100, "ann");
	bye.logout.id = 100;
	bye.logout.reason = TDM_REASON_LOGOUT;
	bye.logout.generation = lab_resume_now(&lab, 1, 100)->generation;
	lab_resume_now(&lab, 1, 100);
	lab_feed(&lab, 1, &bye);
	lab_pump(&lab);
	cr_assert_eq(state(1, 100), TDM_SESSION_ACTIVE);
	bye.logout.generation++;
	lab_feed(&lab, 1, &bye);
	lab_pump(&lab);
	cr_assert_eq(state(1, 100), TDM_SESSION_REVOKED);
	cr_assert_eq(reason(2, 100), TDM_REASON_LOGOUT);
}

Test(session, has_its_own_disconnected_clock_when_the_group_has_one)
{
	const struct lab_answer *a;

	lab.policy.disconnected_timeout_s = 10;
	lab_login_now(&lab, 1, 100, "ann");
	a = lab_resume_now(&lab, 1, 100);
	lab_tunnel_down(&lab, 1, 100, a->generation);
	lab_run(&lab, 9000);
	cr_assert_eq(state(1, 100), TDM_SESSION_INACTIVE);
	lab_run(&lab, 3000);
	cr_assert_eq(state(1, 100), TDM_SESSION_EXPIRED);
}

Test(session, ends_at_its_maximum_time_and_a_takeover_does_not_move_it)
{
	lab_login_now(&lab, 1, 100, "ann");
	lab_resume_now(&lab, 1, 100);
	lab_run(&lab, 200000);
	lab_kill(&lab, 1);
	lab_pump(&lab);
	cr_assert_eq(lab_resume_now(&lab, 2, 100)->err, TDM_OK);
	lab_run(&lab, 98000);
	cr_assert_eq(state(2, 100), TDM_SESSION_ACTIVE);
	lab_run(&lab, 4000);
	cr_assert_eq(state(2, 100), TDM_SESSION_EXPIRED);
	cr_assert_eq(reason(2, 100), TDM_REASON_SESSION_TIMEOUT);
	cr_assert_eq(lab_node(&lab, 2)->closed.id, 100, "its tunnel is closed");
	cr_assert_eq(lab_node(&lab, 2)->closed.reason, TDM_REASON_SESSION_TIMEOUT);
}

static bool first_only(void *ctx, const struct tdm_record *rec, const struct tdm_policy *policy,
	tdm_ms age_ms, bool unprotected)
{
	(void)policy;
	(void)age_ms;
	(void)unprotected;
	*(struct tdm_record *)ctx = *rec;
	return false;
}

Test(session, of_a_dead_owner_counts_as_dropped_when_the_owner_died)
{
	struct tdm_record rec;

	lab_login_now(&lab, 1, 100, "ann");
	lab_resume_now(&lab, 1, 100);
	lab_run(&lab, 100000);
	lab_kill(&lab, 1);
	lab_pump(&lab);
	tdm_cluster_sessions(lab_node(&lab, 2)->cluster, lab.now, first_only, &rec);
	cr_assert_eq(rec.state, TDM_SESSION_INACTIVE);
	cr_assert_eq(rec.inactive_since, lab.wall_start + lab.now);
	cr_assert_eq(rec.tunnels_len, 0);
	lab_run(&lab, 58000);
	cr_assert(tdm_state_is_live(state(2, 100)), "the idle clock started at the death");
	lab_start(&lab, 1); /* another failover does not start it again */
	lab_pump(&lab);
	lab_kill(&lab, 2);
	lab_run(&lab, 4000);
	cr_assert_eq(state(1, 100), TDM_SESSION_EXPIRED);
	cr_assert_eq(reason(1, 100), TDM_REASON_IDLE_TIMEOUT);
}

static bool count_visit(void *ctx, const struct tdm_record *rec, const struct tdm_policy *policy,
	tdm_ms age_ms, bool unprotected)
{
	unsigned *seen = ctx;

	(void)policy;
	(void)age_ms;
	(void)unprotected;
	seen[rec->id - 100]++;
	return true;
}

/* A list in pieces has every session once; who is asked for is found among all. */
Test(session, list_in_pieces)
{
	enum { SESSIONS = 200 };
	struct tdm_session_walk walk = { .at = 0 }, one = { .user = "u7" }, by_index;
	const struct tdm_cluster *cluster;
	unsigned seen[SESSIONS] = { 0 }, pieces = 1;

	for (unsigned i = 0; i < SESSIONS; i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%u", i);
		lab_login_now(&lab, 1, 100 + i, user);
	}
	cluster = lab_node(&lab, 1)->cluster;
	while (!tdm_cluster_walk(cluster, lab.now, &walk, 3, count_visit, seen))
		pieces++;
	for (unsigned i = 0; i < SESSIONS; i++)
		cr_expect_eq(seen[i], 1, "session %u: %u times", i, seen[i]);
	cr_expect_geq(pieces, SESSIONS / 3);

	while (!tdm_cluster_walk(cluster, lab.now, &one, 1, count_visit, seen))
		;
	by_index = (struct tdm_session_walk){ .index = lab_entry(&lab, 1, 109)->index };
	while (!tdm_cluster_walk(cluster, lab.now, &by_index, 1, count_visit, seen))
		;
	for (unsigned i = 0; i < SESSIONS; i++)
		cr_expect_eq(seen[i], i == 7 || i == 9 ? 2 : 1, "session %u", i);
}

Test(session, a_newer_tunnel_replaces_the_older_one)
{
	uint32_t first, second;

	lab_login_now(&lab, 1, 100, "ann");
	first = lab_resume_now(&lab, 1, 100)->generation;
	second = lab_resume_now(&lab, 1, 100)->generation;
	cr_assert_gt(second, first);
	cr_assert_eq(lab_node(&lab, 1)->closed.generation, first);
	cr_assert_eq(lab_node(&lab, 1)->closed.reason, TDM_REASON_NONE);
	lab_tunnel_down(&lab, 1, 100, first); /* the late report of the older one */
	cr_assert_eq(state(1, 100), TDM_SESSION_ACTIVE);
	lab_tunnel_down(&lab, 1, 100, second);
	cr_assert_eq(state(1, 100), TDM_SESSION_INACTIVE);
}

Test(session, tells_every_tunnel_what_it_told_the_first)
{
	const struct lab_answer *a;
	uint16_t mtu;
	char addr[TDM_ADDR_TEXT_MAX];

	lab_login_now(&lab, 1, 100, "ann");
	a = lab_resume_now(&lab, 1, 100);
	mtu = a->mtu;
	memcpy(addr, a->addr, sizeof(addr));
	a = lab_resume_now(&lab, 1, 100);
	cr_assert_eq(a->mtu, mtu);
	lab_kill(&lab, 1);
	lab_pump(&lab);
	a = lab_resume_now(&lab, 2, 100);
	cr_assert_eq(a->err, TDM_OK);
	cr_assert_eq(a->mtu, mtu);
	cr_assert_str_eq(a->addr, addr);
}

Test(session, remembers_the_last_public_addresses)
{
	struct tdm_event ev = { .kind = TDM_EVENT_RESUME };
	struct tdm_record rec;

	lab_login_now(&lab, 1, 100, "ann");
	ev.resume.member = LAB_MEMBER;
	ev.resume.id = 100;
	lab_verifier(100, ev.resume.verifier);
	ev.resume.tunnel.kind = TDM_TUNNEL_TLS;
	for (uint32_t i = 0; i < 12; i++) {
		ev.resume.request = ++lab.request_last;
		ev.resume.tunnel.remote.ip = tdm_ip_from_v4(0x0a0a0a00u + i / 2);
		lab_feed(&lab, 1, &ev);
	}
	cr_assert_eq(tdm_entry_record(lab_entry(&lab, 1, 100), &rec), TDM_OK);
	cr_assert_eq(rec.public_len, TDM_PUBLIC_ADDRS_MAX);
	for (uint32_t i = 0; i < TDM_PUBLIC_ADDRS_MAX; i++)
		cr_assert_eq(tdm_ip_v4(&rec.public_addrs[i].ip), 0x0a0a0a05u - i);
	cr_assert_eq(rec.state, TDM_SESSION_ACTIVE);
	cr_assert_eq(rec.inactive_since, 0);
}

Test(session, only_an_owner_says_that_a_token_is_unknown)
{
	cr_assert_eq(lab_resume_now(&lab, 1, 999)->err, TDM_ERR_UNKNOWN_TOKEN);
	cr_assert_eq(lab_resume_now(&lab, 2, 999)->err, TDM_ERR_NOT_OWNER);
	lab_disconnect(&lab, 2);
	cr_assert_eq(lab_resume_now(&lab, 2, 999)->err, TDM_ERR_NOT_QUORATE);
	lab_pump(&lab);
	lab_rejoin(&lab, 2);
	while (lab_role(&lab, 2) != TDM_ROLE_SYNCING)
		for (tdm_node_id n = 1; n <= 2; n++)
			cr_assert(tdm_mem_deliver(lab.mem, n) || n == 1);
	cr_assert_eq(lab_answer(&lab, lab_resume(&lab, 2, 999))->err, TDM_ERR_NOT_SYNCED);
	lab_pump(&lab);
}

Test(session, a_node_that_stood_still_is_not_sure)
{
	lab_run(&lab, 1000);
	lab.now += 5000; /* no events: stopped, and replaced perhaps */
	cr_assert_eq(lab_answer(&lab, lab_resume(&lab, 1, 999))->err, TDM_ERR_NOT_SYNCED);
	lab_run(&lab, 3000);
	cr_assert_eq(lab_resume_now(&lab, 1, 999)->err, TDM_ERR_UNKNOWN_TOKEN);
}

Test(session, indexes_are_never_used_twice)
{
	uint32_t last = 0;

	for (tdm_session_id s = 1; s < 200; s++) {
		const struct lab_answer *a = lab_login_now(&lab, 1, s, "ann");

		cr_assert_eq(a->index % TDM_INDEX_SLOTS, 0, "the slot of the first node");
		cr_assert_gt(a->index, last);
		last = a->index;
		if (s % 50)
			continue;
		lab_kill(&lab, 1);
		lab_kill(&lab, 2); /* nobody remembers: the disk has to */
		lab_start(&lab, 1);
		lab_pump(&lab);
	}
}

Test(session, records_with_bad_names_are_refused)
{
	char name[TDM_USER_MAX + 1];

	memset(name, 'a', sizeof(name));
	name[TDM_USER_MAX] = 0;
	cr_assert_eq(lab_login_now(&lab, 1, 100, name)->err, TDM_ERR_TOO_LONG);
	cr_assert_eq(lab_login_now(&lab, 1, 0, "ann")->err, TDM_ERR_INVAL);
	cr_assert_eq(lab_login_now(&lab, 1, 100, "ann")->err, TDM_OK);
	cr_assert_eq(lab_login_now(&lab, 1, 100, "ann")->err, TDM_ERR_EXISTS);
	cr_assert_eq(lab_login_now(&lab, 2, 101, "ann")->err, TDM_ERR_NOT_OWNER);
}

Test(session, tombstones_are_kept_for_their_time)
{
	lab_login_now(&lab, 1, 100, "ann");
	lab_logout(&lab, 1, 100);
	lab_pump(&lab);
	for (tdm_node_id n = 1; n <= 2; n++)
		lab_node(&lab, n)->cluster->config.tombstone_keep_ms = 100000;
	lab_run(&lab, 90000);
	cr_assert_not_null(lab_entry(&lab, 1, 100));
	lab_run(&lab, 15000);
	cr_assert_null(lab_entry(&lab, 1, 100));
	cr_assert_null(lab_entry(&lab, 2, 100));
}

Test(session, status_and_lists_show_what_there_is)
{
	struct tdm_cluster_status st;
	tdm_session_id id;

	lab_login_now(&lab, 1, 100, "ann");
	lab_login_now(&lab, 1, 101, "bob");
	lab_resume_now(&lab, 1, 101);
	lab_login_now(&lab, 1, 102, "cyd");
	lab_tunnel_down(&lab, 1, 102, lab_resume_now(&lab, 1, 102)->generation);
	lab_pump(&lab);
	for (tdm_node_id n = 1; n <= 2; n++) {
		tdm_cluster_status(lab_node(&lab, n)->cluster, &st);
		cr_assert_eq(st.nodes_len, 2);
		cr_assert(st.nodes[0].present && st.nodes[1].present);
		cr_assert(st.nodes[0].synced && st.nodes[1].synced);
		cr_assert(st.connected && st.quorate);
		cr_assert_eq(st.members[0].owner, 1);
		cr_assert_eq(st.members[0].epoch.counter, 1);
		cr_assert_eq(st.members[0].sessions, 3);
		cr_assert_eq(st.members[0].active, 1);
		cr_assert_eq(st.members[0].inactive, 1);
		cr_assert_eq(st.members[0].pool_used, 3);
		cr_assert_eq(st.members[0].pool_size, 253);
		cr_assert(tdm_cluster_find_address(lab_node(&lab, n)->cluster, "10.1.0.3", &id));
		cr_assert_eq(id, 101);
		cr_assert_not(
			tdm_cluster_find_address(lab_node(&lab, n)->cluster, "10.1.0.9", &id));
		cr_assert_not(tdm_cluster_find_address(lab_node(&lab, n)->cluster, "x", &id));
	}
	tdm_cluster_status(lab_node(&lab, 1)->cluster, &st);
	cr_assert_eq(st.commits_total, 3);
}
