/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random histories: what the test knows of the world, and what it checks. */
#pragma once

#include "tests/unit/replication/lab.h"

enum { SESSIONS = 400, RINGS = 64 };

struct token {
	bool asked, out, unprotected, connected, logout_asked, logout_done;
	bool kept;         /* somebody had it when the healing began */
	bool exposed;      /* only one node had it for some time */
	bool tomb_exposed; /* the same for its end */
	uint64_t login, logout;
	char addr[TDM_ADDR_TEXT_MAX];
};

struct chaos {
	struct lab lab;
	uint64_t random;
	bool two_node; /* both halves of a cut are quorate */
	bool doubted;
	bool gentle; /* nodes are cut off, frozen, disconnected, but none loses its memory */
	struct token tokens[SESSIONS + 1];
	size_t sessions;
	struct {
		struct tdm_ring ring;
		bool quorate;
	} rings[RINGS];
	size_t rings_next;
	struct tdm_ring witness; /* of a pair: the ring that has the third vote */
	struct {
		bool host, apart; /* host up; connection to corosync lost */
		unsigned frozen;  /* steps to go */
	} nodes[LAB_NODES];
	struct {
		uint64_t request;
		tdm_session_id session;
	} open[LAB_ANSWERS];
	struct {
		tdm_session_id id;
		uint32_t generation;
	} tunnels[LAB_NODES][SESSIONS + 1];
	const char *broken;
	tdm_session_id broken_session;
};
extern struct chaos chaos;

/* Remember the first thing that was found broken. */
void chaos_fail(const char *what, tdm_session_id session);
void chaos_trace(const char *what, tdm_node_id n, tdm_session_id s, long long detail);
/* The next request is about this session. */
void chaos_track(tdm_session_id session);
/* How many living processes have the session. */
size_t chaos_holders(tdm_session_id session, tdm_node_id but);

/* For struct lab. */
void chaos_on_answer(struct lab *lab, struct lab_node *n, uint64_t request);
void chaos_on_death(struct lab *lab, struct lab_node *n);
/* After each step. */
void chaos_check_now(void);
/* When all is well again. */
void chaos_check_healed(void);
