/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two nodes over the network in memory. One thread does the work of both. */
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/bench_core.h"
#include "tests/unit/replication/lab.h"

static struct lab lab;

static void check(void)
{
	if (lab.broken)
		bench_fail(lab.broken);
}

static void log_in(tdm_node_id at, uint32_t n)
{
	struct tdm_event ev = { .kind = TDM_EVENT_LOGIN };
	struct bench_texts texts;

	bench_texts(n, &texts);
	ev.login.request = n + 1;
	ev.login.member = LAB_MEMBER;
	ev.login.id = bench_id(n);
	memcpy(ev.login.verifier, texts.verifier, sizeof(texts.verifier));
	ev.login.user = texts.user;
	ev.login.tunnel_group = texts.tunnel_group;
	ev.login.auth_method = texts.auth_method;
	ev.login.agent = texts.agent;
	ev.login.device = texts.device;
	ev.login.hostname = texts.hostname;
	ev.login.policy = bench_policy(n);
	ev.login.peer = tdm_ip_from_v4(texts.public_addr);
	lab_feed(&lab, at, &ev);
}

static void resume(tdm_node_id at, uint32_t n)
{
	struct tdm_event ev = { .kind = TDM_EVENT_RESUME };
	struct tdm_record rec;

	bench_record(n, 1, &rec);
	ev.resume.request = n + 1;
	ev.resume.member = LAB_MEMBER;
	ev.resume.id = rec.id;
	memcpy(ev.resume.verifier, rec.verifier, sizeof(rec.verifier));
	ev.resume.hostname = rec.hostname;
	ev.resume.mtu = rec.mtu;
	ev.resume.dtls_offered = true;
	ev.resume.tunnel = rec.tunnels[0];
	lab_feed(&lab, at, &ev);
}

/* Answers come at once or with the next pump; the lab keeps those of the last requests. */
static void expect_answer(uint32_t n, enum tdm_action_kind kind)
{
	struct lab_answer *a = &lab.answers[(n + 1) % LAB_ANSWERS];

	if (!a->here || a->kind != kind || a->err)
		bench_fail("a login or a resume");
	a->here = false;
}

static double log_in_all(uint32_t sessions)
{
	double start = bench_cpu();

	for (uint32_t n = 0; n < sessions; n++) {
		log_in(1, n);
		lab_pump(&lab);
		expect_answer(n, TDM_ACTION_LOGIN_RESULT);
	}
	check();
	return bench_cpu() - start;
}

static double resume_all(tdm_node_id at, uint32_t sessions)
{
	double start = bench_cpu();

	for (uint32_t n = 0; n < sessions; n++) {
		resume(at, n);
		lab_pump(&lab);
		expect_answer(n, TDM_ACTION_RESUME_RESULT);
	}
	check();
	return bench_cpu() - start;
}

/* --- what is measured --- */

static void bench_bulk(uint32_t sessions)
{
	struct bench_memory before = bench_memory(), after;
	double start = bench_cpu(), spent;

	lab_start(&lab, 2);
	lab_pump(&lab);
	spent = bench_cpu() - start;
	after = bench_memory();
	check();
	if (!lab_synced(&lab, 2) || !lab_equal(&lab, 1, 2) || lab_live(&lab, 2) != sessions)
		bench_fail("bulk transfer");
	bench_report((struct bench_result){ "standby_heap_per_session", "B",
		(after.heap - before.heap) / sessions, 0, BENCH_AT_MOST, BENCH_SESSION_BYTES });
	bench_report((struct bench_result){
		"bulk_both_nodes", "1/s", sessions / spent, 0, BENCH_AT_LEAST, sessions / 3.0 });
}

static void bench_takeover(void)
{
	double start = bench_cpu();

	lab_kill_host(&lab, 1);
	start = bench_cpu(); /* the dead node's memory is not ours to count */
	lab_pump(&lab);
	if (lab_role(&lab, 2) != TDM_ROLE_OWNER)
		bench_fail("takeover");
	bench_report((struct bench_result){
		"takeover_100000", "ms", (bench_cpu() - start) * 1000, 0, BENCH_AT_MOST, 50 });
	check();
}

void bench_pair(uint32_t sessions)
{
	lab_init(&lab, 2, TDM_MEM_QUORUM_ALWAYS);
	lab.sessions_max = 2 * (size_t)sessions;
	if (tdm_prefix_parse("10.0.0.0/15", &lab.pool))
		bench_fail("the pool");
	lab_start(&lab, 1);
	lab_pump(&lab);
	bench_report((struct bench_result){
		"logins_one_node", "1/s", sessions / log_in_all(sessions), 0, BENCH_NO_GOAL, 0 });
	resume_all(1, sessions);
	bench_bulk(sessions);
	bench_report((struct bench_result){ "resumes_both_nodes", "1/s",
		sessions / resume_all(1, sessions), 0, BENCH_NO_GOAL, 0 });
	bench_takeover();
	bench_report((struct bench_result){ "resumes_after_takeover", "1/s",
		sessions / resume_all(2, sessions), 0, BENCH_NO_GOAL, 0 });
	lab_deinit(&lab);
}
