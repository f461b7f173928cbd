/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "proto/bytes.h"
#include "tools/load/tls.h"

enum {
	US_PER_MS = 1000,
	US_PER_S = 1000000,
	NS_PER_US = 1000,
	EVENTS_MAX = 512,
	WAIT_MAX_MS = 1000,
	SPARE_FDS = 16,
	COMPLAINTS_MAX = 20,
	LEAVE_LIMIT_US = 5 * US_PER_S,
};

int64_t tdm_load_clock_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / NS_PER_US;
}

static void host_text(const struct tdm_endpoint *ep, char out[TDM_LOAD_HOST_MAX])
{
	char ip[TDM_ADDR_TEXT_MAX];

	tdm_ip_text(&ep->ip, ip);
	if (ep->port != TDM_LOAD_PORT_DEFAULT)
		tdm_endpoint_text(ep, out);
	else
		(void)snprintf(out, TDM_LOAD_HOST_MAX, ep->ip.family == 4 ? "%s" : "[%s]", ip);
}

static enum tdm_err open_files(struct tdm_load_engine *e, struct tdm_diag *diag)
{
	enum tdm_err err = TDM_OK;

	if (e->opt->mode == TDM_LOAD_RESUME)
		return tdm_load_tokens_read(e->opt->tokens, &e->tokens, diag);
	if (e->opt->tokens)
		err = tdm_load_tokens_open(e->opt->tokens, &e->tokens_fd, diag);
	if (!err)
		err = tdm_load_read_secret(
			e->opt->password_file, e->password, sizeof(e->password), diag);
	return err;
}

/* As many descriptors as we may have, and as many as we need. */
static enum tdm_err raise_limit(const struct tdm_load_engine *e, struct tdm_diag *diag)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return TDM_OK;
	lim.rlim_cur = lim.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &lim);
	if (lim.rlim_max < (rlim_t)e->slots + SPARE_FDS)
		return tdm_diag_set(diag, TDM_ERR_FULL,
			"only %llu open files are allowed here: use a smaller --count, or ulimit "
			"-Hn",
			(unsigned long long)lim.rlim_max);
	return TDM_OK;
}

static void plan(struct tdm_load_engine *e)
{
	const struct tdm_load_options *o = e->opt;

	e->total = o->mode == TDM_LOAD_RESUME ? e->tokens.count : o->count;
	e->slots = o->concurrency;
	if (o->mode == TDM_LOAD_HOLD || e->slots > e->total)
		e->slots = (uint32_t)e->total;
	if (o->mode == TDM_LOAD_LOGIN && o->duration_ms) {
		e->total = UINT64_MAX;
		e->slots = o->concurrency;
	}
	e->stats.wanted = e->total == UINT64_MAX ? 0 : e->total;
}

static enum tdm_err make_slots(struct tdm_load_engine *e, struct tdm_diag *diag)
{
	e->sessions = calloc(e->slots, sizeof(*e->sessions));
	e->idle = calloc(e->slots, sizeof(*e->idle));
	if (!e->sessions || !e->idle || tdm_load_heap_init(&e->heap, e->slots))
		return tdm_diag_set(
			diag, TDM_ERR_NOMEM, "not enough memory for %u sessions", e->slots);
	for (uint32_t i = 0; i < e->slots; i++) {
		e->sessions[i].slot = i;
		tdm_load_link_init(&e->sessions[i].link, e->net.epoll_fd, &e->sessions[i]);
		e->idle[e->slots - 1 - i] = i;
	}
	e->idle_count = e->slots;
	return TDM_OK;
}

static enum tdm_err open_loop(struct tdm_load_engine *e, struct tdm_diag *diag)
{
	struct epoll_event ev = { .events = EPOLLIN, .data = { .ptr = NULL } };
	sigset_t signals;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	e->net.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	e->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (e->net.epoll_fd < 0 || e->signal_fd < 0 ||
		epoll_ctl(e->net.epoll_fd, EPOLL_CTL_ADD, e->signal_fd, &ev))
		return tdm_diag_set(diag, TDM_ERR_IO, "epoll: %s", strerror(errno));
	return TDM_OK;
}

enum tdm_err tdm_load_engine_init(
	struct tdm_load_engine *e, const struct tdm_load_options *opt, struct tdm_diag *diag)
{
	enum tdm_err err;

	e->opt = opt;
	e->tokens_fd = e->signal_fd = e->net.epoll_fd = -1;
	e->net.server = opt->server;
	host_text(&opt->server, e->host);
	err = open_files(e, diag);
	if (!err)
		err = tdm_load_tls_new(opt, &e->net.tls, diag);
	if (err)
		return err;
	plan(e);
	err = raise_limit(e, diag);
	if (!err)
		err = open_loop(e, diag);
	if (!err)
		err = make_slots(e, diag);
	return err;
}

void tdm_load_engine_deinit(struct tdm_load_engine *e)
{
	for (uint32_t i = 0; e->sessions && i < e->slots; i++)
		tdm_load_session_drop(&e->sessions[i]);
	if (e->sessions)
		tdm_bytes_wipe(e->sessions, e->slots * sizeof(*e->sessions));
	free(e->sessions);
	free(e->idle);
	tdm_load_heap_deinit(&e->heap);
	tdm_load_tokens_free(&e->tokens);
	tdm_load_stats_deinit(&e->stats);
	if (e->net.tls)
		tdm_load_tls_free(e->net.tls);
	if (e->tokens_fd >= 0)
		(void)close(e->tokens_fd);
	if (e->signal_fd >= 0)
		(void)close(e->signal_fd);
	if (e->net.epoll_fd >= 0)
		(void)close(e->net.epoll_fd);
	tdm_bytes_wipe(e->password, sizeof(e->password));
}

void tdm_load_engine_complain(struct tdm_load_engine *e, const struct tdm_load_session *s,
	enum tdm_load_why why, const struct tdm_load_span *detail)
{
	char safe[160] = "";

	if (e->complaints >= COMPLAINTS_MAX)
		return;
	e->complaints++;
	if (detail && detail->len > 0)
		tdm_text_safe(detail->at, detail->len, safe, sizeof(safe));
	(void)fprintf(stderr, "tandem-load: session %llu: %s%s%s%s\n",
		(unsigned long long)s->ordinal, tdm_load_why_text(why), safe[0] ? ": " : "", safe,
		e->complaints == COMPLAINTS_MAX ? " (further ones are only counted)" : "");
}

void tdm_load_engine_release(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	if (s->last_echo_us)
		tdm_load_samples_add(&e->stats.silence, s->max_silence_us);
	e->idle[e->idle_count++] = s->slot;
}

static void rearm(struct tdm_load_engine *e, const struct tdm_load_session *s)
{
	tdm_load_heap_set(&e->heap, s->slot, tdm_load_session_deadline(e, s));
}

static bool may_start(const struct tdm_load_engine *e)
{
	return !e->leaving && !e->stop && e->started < e->total && e->idle_count > 0 &&
	       e->active < e->opt->concurrency;
}

static void start_some(struct tdm_load_engine *e)
{
	while (may_start(e) && e->now_us >= e->next_start_us) {
		struct tdm_load_session *s = &e->sessions[e->idle[--e->idle_count]];
		const char *token = e->tokens.count > 0 ? e->tokens.items[e->started] : NULL;

		if (s->state == TDM_LOAD_DONE)
			tdm_load_session_move(s, TDM_LOAD_NEW);
		tdm_load_session_begin(e, s, e->started++, token);
		rearm(e, s);
		if (e->opt->rate_per_s)
			e->next_start_us += US_PER_S / e->opt->rate_per_s;
	}
	/* A pause because of --concurrency is not caught up. */
	if (e->next_start_us < e->now_us)
		e->next_start_us = e->now_us;
}

static void expire_some(struct tdm_load_engine *e)
{
	uint32_t slot;

	while (tdm_load_heap_first(&e->heap, &slot) <= e->now_us) {
		tdm_load_session_expired(e, &e->sessions[slot]);
		rearm(e, &e->sessions[slot]);
	}
}

/* The end has come: leave politely if that was asked for, else just stop. */
static void leave(struct tdm_load_engine *e)
{
	if (e->leaving || !e->opt->logout || e->opt->mode != TDM_LOAD_HOLD) {
		e->stop = true;
		return;
	}
	e->leaving = true;
	e->end_us = e->now_us + LEAVE_LIMIT_US;
	for (uint32_t i = 0; i < e->slots; i++) {
		tdm_load_session_logout(e, &e->sessions[i]);
		rearm(e, &e->sessions[i]);
	}
}

static void take_signal(struct tdm_load_engine *e)
{
	struct signalfd_siginfo info;

	while (read(e->signal_fd, &info, sizeof(info)) > 0)
		leave(e);
}

static uint64_t status_sum(const struct tdm_load_stats *s)
{
	return s->logged_in + s->connected + s->logged_out + s->losses + s->resumed + s->lost +
	       s->failed + s->refused_401 + s->other;
}

static void tell(struct tdm_load_engine *e)
{
	uint64_t sum = status_sum(&e->stats);

	if (e->opt->mode == TDM_LOAD_HOLD && !e->ready_told && e->stats.up == e->opt->count) {
		e->ready_told = true;
		(void)fprintf(stderr, "ready: %u sessions up\n", e->opt->count);
	}
	if (e->now_us < e->next_status_us)
		return;
	e->next_status_us = e->now_us + US_PER_S;
	if (sum != e->status_sum)
		tdm_load_stats_line(&e->stats, e->opt->mode, e->now_us, stderr);
	e->status_sum = sum;
}

static int wait_ms(const struct tdm_load_engine *e)
{
	uint32_t slot;
	int64_t until = tdm_load_heap_first(&e->heap, &slot);
	int64_t us;

	if (may_start(e) && e->next_start_us < until)
		until = e->next_start_us;
	if (e->end_us < until)
		until = e->end_us;
	us = until - e->now_us;
	if (us <= 0)
		return 0;
	return us >= (int64_t)WAIT_MAX_MS * US_PER_MS ? WAIT_MAX_MS
						      : (int)((us + US_PER_MS - 1) / US_PER_MS);
}

static void serve(struct tdm_load_engine *e, const struct epoll_event *ev)
{
	struct tdm_load_session *s = ev->data.ptr;

	e->now_us = tdm_load_clock_us();
	if (!s) {
		take_signal(e);
		return;
	}
	tdm_load_session_io(e, s, (ev->events & EPOLLOUT) != 0);
	rearm(e, s);
}

/* Nothing is under way and nothing will start. */
static bool idle(const struct tdm_load_engine *e)
{
	return e->idle_count == e->slots && (e->leaving || e->started >= e->total);
}

static void close_books(struct tdm_load_engine *e)
{
	e->stats.end_us = e->now_us;
	for (uint32_t i = 0; i < e->slots; i++) {
		struct tdm_load_session *s = &e->sessions[i];
		int64_t silent_us = e->now_us - s->last_echo_us;

		if (!s->last_echo_us || s->state == TDM_LOAD_DONE || s->state == TDM_LOAD_NEW)
			continue;
		tdm_load_samples_add(&e->stats.silence,
			silent_us > s->max_silence_us ? silent_us : s->max_silence_us);
	}
}

enum tdm_load_exit tdm_load_engine_run(struct tdm_load_engine *e)
{
	struct epoll_event events[EVENTS_MAX];

	e->now_us = e->stats.begin_us = e->next_start_us = tdm_load_clock_us();
	e->end_us = e->opt->duration_ms ? e->now_us + (int64_t)e->opt->duration_ms * US_PER_MS
					: TDM_NEVER;
	while (!e->stop) {
		int n;

		start_some(e);
		tell(e);
		if (idle(e))
			break;
		n = epoll_wait(e->net.epoll_fd, events, EVENTS_MAX, wait_ms(e));
		for (int i = 0; i < n; i++)
			serve(e, &events[i]);
		e->now_us = tdm_load_clock_us();
		expire_some(e);
		if (e->now_us >= e->end_us)
			leave(e);
	}
	close_books(e);
	if (e->broken)
		return TDM_LOAD_EXIT_SYSTEM;
	return tdm_load_stats_good(&e->stats, e->opt) ? TDM_LOAD_EXIT_OK : TDM_LOAD_EXIT_FAILED;
}
