/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run has counted and measured, and how it is told: status line, summary, JSON. */
#pragma once

#include <stdio.h>

#include "proto/err.h"
#include "tools/load/options.h"

/* Why an attempt or a tunnel ended. name, text */
#define TDM_LOAD_WHY_LIST(X)                                                                       \
	X(refused, "connection refused")                                                           \
	X(connect_timeout, "no answer to the connection request")                                  \
	X(unreachable, "no way to the server")                                                     \
	X(rst, "connection reset")                                                                 \
	X(fin, "connection closed by the server")                                                  \
	X(silent, "nothing heard any more")                                                        \
	X(tls, "TLS failure")                                                                      \
	X(pin, "not the pinned certificate")                                                       \
	X(bad_reply, "reply not understood")                                                       \
	X(bad_frame, "frame not understood")                                                       \
	X(status_503, "503: not now")                                                              \
	X(status_other, "unexpected HTTP status")                                                  \
	X(status_401, "401: token refused")                                                        \
	X(login_refused, "login refused")                                                          \
	X(address_changed, "inner address changed")                                                \
	X(server_bye, "session ended by the server")                                               \
	X(gave_up, "time limit reached")                                                           \
	X(local, "failure on this machine")

enum tdm_load_why {
#define X(name, text) TDM_LOAD_WHY_##name,
	TDM_LOAD_WHY_LIST(X)
#undef X
		TDM_LOAD_WHY_COUNT
};

const char *tdm_load_why_text(enum tdm_load_why why);

/* Samples in microseconds. */
struct tdm_load_samples {
	int64_t *us;
	size_t count;
	size_t room;
	size_t dropped; /* not kept for lack of memory */
};

void tdm_load_samples_add(struct tdm_load_samples *s, int64_t us);

struct tdm_load_spread {
	double min_ms;
	double median_ms;
	double p99_ms; /* nearest rank */
	double max_ms;
};

/* Sorts the samples. All 0 when there are none. */
struct tdm_load_spread tdm_load_samples_spread(struct tdm_load_samples *s);

struct tdm_load_stats {
	uint64_t wanted; /* sessions asked for; 0: any number */
	uint64_t started;
	uint64_t logged_in; /* tokens received */
	uint64_t connected; /* sessions that had a tunnel, resumes not counted */
	uint64_t logged_out;
	uint64_t failed; /* sessions that never reached what was asked for */
	uint64_t up;     /* tunnels now */
	uint64_t losses; /* tunnels that broke */
	uint64_t resumed;
	uint64_t resumed_sessions;  /* each counted once */
	uint64_t resumed_first_try; /* without an attempt that a real client waits 10 s after */
	uint64_t lost;              /* sessions that had a tunnel and could not get it back */
	uint64_t refused_401;
	uint64_t address_changed;
	uint64_t other;    /* resume: neither a tunnel nor a 401 */
	uint64_t attempts; /* TCP connections begun */
	uint64_t frames_in;
	uint64_t dpd_answered;
	uint64_t echo_sent;
	uint64_t echo_received;
	uint64_t failures[TDM_LOAD_WHY_COUNT]; /* attempts, by reason */
	uint64_t loss_by[TDM_LOAD_WHY_COUNT];  /* tunnels, by reason */
	int64_t begin_us;
	int64_t end_us;
	int64_t first_loss_us;           /* 0: none */
	int64_t last_resume_us;          /* 0: none */
	struct tdm_load_samples login;   /* start of a login to its token */
	struct tdm_load_samples connect; /* CONNECT sent to its reply, first tunnels and resumes */
	struct tdm_load_samples gap;     /* loss noticed to tunnel back */
	struct tdm_load_samples silence; /* per session with echo traffic: longest time between
					    two replies */
};

void tdm_load_stats_deinit(struct tdm_load_stats *stats);
/* True when all that was asked for was reached: exit code 0. */
bool tdm_load_stats_good(const struct tdm_load_stats *stats, const struct tdm_load_options *opt);
/* One line for people. */
void tdm_load_stats_line(
	const struct tdm_load_stats *stats, enum tdm_load_mode mode, int64_t now_us, FILE *out);
/* The summary; sorts samples. */
void tdm_load_stats_json(
	struct tdm_load_stats *stats, const struct tdm_load_options *opt, FILE *out);
void tdm_load_stats_text(
	struct tdm_load_stats *stats, const struct tdm_load_options *opt, FILE *out);
