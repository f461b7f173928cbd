/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop: starts clients at the wanted pace, serves sockets and deadlines, knows when to end. */
#pragma once

#include "proto/cstp.h"
#include "tools/load/heap.h"
#include "tools/load/session.h"
#include "tools/load/tokens.h"

enum { TDM_LOAD_HOST_MAX = TDM_ADDR_TEXT_MAX + 8, TDM_LOAD_PASSWORD_MAX = 512 };

/* What the program returns. */
enum tdm_load_exit {
	TDM_LOAD_EXIT_OK = 0,
	TDM_LOAD_EXIT_FAILED = 1, /* ran, but not all sessions reached what was asked for */
	TDM_LOAD_EXIT_USAGE = 2,  /* options, files */
	TDM_LOAD_EXIT_SYSTEM = 3, /* memory, descriptors */
};

struct tdm_load_engine {
	const struct tdm_load_options *opt;
	struct tdm_load_net net;
	struct tdm_load_stats stats;
	struct tdm_load_heap heap;
	struct tdm_load_tokens tokens; /* resume: what to try */
	int tokens_fd;                 /* login, hold: where to note; -1: nowhere */
	int signal_fd;
	char host[TDM_LOAD_HOST_MAX];
	char password[TDM_LOAD_PASSWORD_MAX]; /* secret */
	struct tdm_load_session *sessions;
	uint32_t slots;
	uint32_t *idle; /* stack of slots without a client */
	uint32_t idle_count;
	uint64_t started;
	uint64_t total;  /* clients to start; UINT64_MAX: until the end of --duration */
	uint32_t active; /* being set up */
	int64_t now_us;
	int64_t next_start_us;
	int64_t end_us; /* TDM_NEVER: none */
	int64_t next_status_us;
	uint64_t status_sum; /* of the counters in the last status line */
	unsigned complaints; /* lines about single sessions printed so far */
	bool ready_told;
	bool leaving; /* logging out, nothing new starts */
	bool stop;
	bool broken; /* failure on this machine: exit 3 */
	/* Scratch of the handler that runs. */
	uint8_t record[TDM_CSTP_RECORD_MAX];
	char request[TDM_LOAD_REQUEST_MAX];
	char body[TDM_LOAD_REPLY_BODY_MAX];
};

/* Open files, TLS, sockets' bookkeeping. The engine is zeroed by the caller and needs deinit in
 * every case. */
enum tdm_err tdm_load_engine_init(struct tdm_load_engine *e, const struct tdm_load_options *opt,
	struct tdm_diag *diag) TDM_MUST_USE;
void tdm_load_engine_deinit(struct tdm_load_engine *e);
/* Run to the end. */
enum tdm_load_exit tdm_load_engine_run(struct tdm_load_engine *e) TDM_MUST_USE;

/* Monotonic microseconds. */
int64_t tdm_load_clock_us(void);
/* One line on stderr about a session, for the first few only. */
void tdm_load_engine_complain(struct tdm_load_engine *e, const struct tdm_load_session *s,
	enum tdm_load_why why, const struct tdm_load_span *detail);
/* A slot has no client any more. */
void tdm_load_engine_release(struct tdm_load_engine *e, struct tdm_load_session *s);
