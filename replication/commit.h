/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes whose requester waits until other nodes have acknowledged them. */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

enum tdm_commit_kind { TDM_COMMIT_LOGIN, TDM_COMMIT_LOGOUT };

struct tdm_commit {
	struct tdm_commit *next;
	enum tdm_commit_kind kind;
	uint64_t request;
	tdm_session_id id;
	tdm_member_id member;
	uint64_t seq;     /* of the update */
	uint64_t journal; /* of an end: its number in our journal */
	bool delivered;   /* it has its place in the order; waiting is set then */
	uint32_t waiting; /* nodes, one bit each by position */
	bool acked;       /* some other node has it */
	tdm_ms deadline;  /* of the silent; TDM_NEVER until delivered */
};

/* In the order of sending. */
struct tdm_commits {
	struct tdm_commit *first, **last;
	size_t len;
};

void tdm_commits_init(struct tdm_commits *commits);
void tdm_commits_deinit(struct tdm_commits *commits);
/* A new one at the end, zeroed; NULL without memory. */
struct tdm_commit *tdm_commits_add(struct tdm_commits *commits);
/* Take out the commit that *at points to and free it; *at is then the next one. */
void tdm_commits_drop(struct tdm_commits *commits, struct tdm_commit **at);

/* A node has acknowledged our updates up to seq. */
void tdm_commits_acked(struct tdm_commits *commits, size_t node, uint64_t seq);
/* A node is not waited for any more. */
void tdm_commits_forget(struct tdm_commits *commits, size_t node);
