/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the suites of tools/bench share: clocks, the JSON they print, and sessions as they come. */
#pragma once

#include "replication/table.h"

double bench_now(void); /* seconds, monotonic */
double bench_cpu(void); /* seconds that this thread ran: others on the machine do not count */

/* Say what failed, and end. */
_Noreturn void bench_fail(const char *what);

/* What this process has of memory. */
struct bench_memory {
	double heap, resident; /* bytes */
};
struct bench_memory bench_memory(void);

enum bench_goal {
	BENCH_AT_LEAST, /* the value */
	BENCH_AT_MOST,
	BENCH_RATIO_AT_LEAST, /* value / peer */
	BENCH_RATIO_AT_MOST,
	BENCH_NO_GOAL,
};

struct bench_result {
	const char *name, *unit;
	double value;
	double peer; /* 0 = none */
	enum bench_goal kind;
	double goal;
};

/* The array's begin and end, and one object of it. */
void bench_open(void);
void bench_report(struct bench_result result);
void bench_close(void);

/* --- sessions --- */

enum {
	BENCH_POLICIES = 3,
	BENCH_SESSION_BYTES = 700, /* the goal, with all indexes */
};

/* Policies with routes, name servers and a banner. */
const struct tdm_policy *bench_policy(size_t i);

/* The texts of session number n, as a client and an operator would have them. */
struct bench_texts {
	char user[TDM_USER_MAX], hostname[TDM_CLIENT_TEXT_MAX];
	const char *agent, *device, *tunnel_group, *auth_method;
	uint8_t verifier[TDM_VERIFIER_LEN];
	uint32_t addr, public_addr;
};
void bench_texts(uint32_t n, struct bench_texts *out);
/* Session number n has this id. */
tdm_session_id bench_id(uint32_t n);
/* Its record at version seq: active, with a TLS and a DTLS tunnel. */
void bench_record(uint32_t n, uint64_t seq, struct tdm_record *out);
