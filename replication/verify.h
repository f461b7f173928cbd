/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Do all nodes hold the same table? State of the comparisons; part of struct tdm_cluster.
 *
 * A question has its place in the order of messages. Every synced node notes its sums at that place
 * and sends them; everybody compares everybody's with its own. A change is in its writer's table
 * from when it is sent, in all others' from when it is delivered: so the writer takes off what is
 * still on its way. That is exact but for two changes of one session that cross, hence a difference
 * counts only when the next question finds it again. Then those who differ send their records of
 * the shards concerned, and merging does the rest.
 */
#pragma once

#include "replication/cluster.h"
#include "replication/digest.h"

/* A change of ours that has no place in the order of messages yet. */
struct tdm_verify_change {
	tdm_session_id id;
	uint64_t seq; /* of the message that carries it */
	uint64_t by;  /* what it added to its shard's sum */
};

struct tdm_verify {
	struct tdm_verify_change *sent;
	size_t sent_len, sent_cap;

	/* the comparison under way, whoever asked */
	bool active;
	tdm_node_id asker;
	uint64_t ask_seq;
	uint32_t round;
	tdm_ms since;
	struct tdm_shard_set suspects, differ; /* of the round before; found in this one */
	uint64_t own[TDM_DIGEST_SHARDS];       /* our sums at the place of the question */
	bool told;                             /* a difference was reported and is not settled */

	/* our own comparisons */
	bool mine;        /* one is under way: from the first question to the result */
	bool ask_due;     /* the next question can go out */
	bool asking;      /* it has, and was not delivered yet */
	uint32_t next;    /* number of the next round */
	unsigned repairs; /* nodes whose records of the last round are still to come */
	uint64_t repair_seq;
	tdm_ms repair_since;
	struct tdm_shard_set found;     /* to be looked at again */
	uint64_t demand, serving, done; /* numbers of requests: the last, under way, answered */
	tdm_ms next_at;                 /* of the next one without being asked */
	uint32_t group;                 /* who was synced when that time was set */
	enum tdm_verify_result result;  /* of the last one */
	unsigned result_shards;         /* that differed */
	uint64_t differences_total;

	/* records that others are to get */
	bool send_due;
	struct tdm_shard_set send;
	tdm_node_id send_node; /* for whom: the question, by sender and number */
	uint64_t send_seq;

	/* a newcomer's check, before it calls itself synced */
	enum { TDM_JOIN_IDLE, TDM_JOIN_ASKED, TDM_JOIN_FETCHING, TDM_JOIN_DONE } join;
	bool join_here; /* our question was delivered: join_own counts */
	uint64_t join_seq;
	tdm_ms join_since;
	unsigned join_tries;
	bool join_again; /* a difference was found once: it has to be found again */
	struct tdm_shard_set join_suspects;
	uint64_t join_own[TDM_DIGEST_SHARDS];
};
