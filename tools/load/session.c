/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bytes.h"
#include "tools/load/engine.h"
#include "tools/load/tls.h"

enum {
	US_PER_MS = 1000,
	CONNECT_LIMIT_US = 1000000, /* a SYN that was dropped is not worth more */
	RX_FIRST_CAP = 4096,
};

typedef void (*io_fn)(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable);
typedef void (*expired_fn)(struct tdm_load_engine *e, struct tdm_load_session *s);

static void io_tcp(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable);
static void io_tls(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable);
static void io_reply(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable);
static void io_up(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable);
static void io_bye(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable);
static void expired_tcp(struct tdm_load_engine *e, struct tdm_load_session *s);
static void expired_silent(struct tdm_load_engine *e, struct tdm_load_session *s);
static void expired_wait(struct tdm_load_engine *e, struct tdm_load_session *s);

#define TO(state) (1u << TDM_LOAD_##state)

static const struct {
	const char *name;
	unsigned next; /* states that may follow */
	io_fn io;
	expired_fn expired;
} table[TDM_LOAD_STATES] = {
	[TDM_LOAD_NEW] = { "new", TO(TCP) | TO(DONE), NULL, NULL },
	[TDM_LOAD_TCP] = { "tcp", TO(TLS) | TO(WAIT) | TO(DONE), io_tcp, expired_tcp },
	[TDM_LOAD_TLS] = { "tls", TO(AUTH) | TO(CONNECT) | TO(WAIT) | TO(DONE), io_tls,
		expired_silent },
	[TDM_LOAD_AUTH] = { "auth", TO(AUTH) | TO(CONNECT) | TO(TCP) | TO(WAIT) | TO(DONE),
		io_reply, expired_silent },
	[TDM_LOAD_CONNECT] = { "connect", TO(UP) | TO(BYE) | TO(WAIT) | TO(DONE), io_reply,
		expired_silent },
	[TDM_LOAD_UP] = { "up", TO(TCP) | TO(BYE) | TO(DONE), io_up, tdm_load_tunnel_tick },
	[TDM_LOAD_BYE] = { "bye", TO(DONE), io_bye, tdm_load_session_done },
	[TDM_LOAD_WAIT] = { "wait", TO(TCP) | TO(DONE), NULL, expired_wait },
	[TDM_LOAD_DONE] = { "done", TO(NEW) | TO(DONE), NULL, NULL },
};

const char *tdm_load_state_name(enum tdm_load_state state)
{
	return table[state].name;
}

void tdm_load_session_move(struct tdm_load_session *s, enum tdm_load_state to)
{
	if (!(table[s->state].next & 1u << to)) {
		(void)fprintf(stderr, "tandem-load: bug: move from %s to %s\n",
			table[s->state].name, table[to].name);
		abort();
	}
	s->state = to;
	s->wait_us = TDM_NEVER;
}

static void exchange_free(struct tdm_load_session *s)
{
	struct tdm_load_exchange *x = s->exchange;

	if (!x)
		return;
	tdm_bytes_wipe(x->tx, x->tx_len);
	tdm_bytes_wipe(x->rx, x->rx_len);
	tdm_load_jar_wipe(&x->jar);
	free(x->tx);
	free(x->rx);
	free(x);
	s->exchange = NULL;
}

void tdm_load_session_drop(struct tdm_load_session *s)
{
	tdm_load_link_close(&s->link, false);
	exchange_free(s);
}

void tdm_load_session_settled(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	if (s->admitted)
		e->active--;
	s->admitted = false;
}

static void over(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	tdm_load_session_drop(s);
	tdm_bytes_wipe(s->token, sizeof(s->token));
	tdm_load_session_move(s, TDM_LOAD_DONE);
	tdm_load_session_settled(e, s);
	tdm_load_engine_release(e, s);
}

/* Ended against our will. */
static void ended(struct tdm_load_engine *e, struct tdm_load_session *s, enum tdm_load_why why,
	const struct tdm_load_span *detail)
{
	tdm_load_engine_complain(e, s, why, detail);
	if (why == TDM_LOAD_WHY_status_401)
		e->stats.refused_401++;
	else if (why == TDM_LOAD_WHY_address_changed)
		e->stats.address_changed++;
	if (s->had_tunnel)
		e->stats.lost++;
	else if (e->opt->mode != TDM_LOAD_RESUME)
		e->stats.failed++;
	else if (why != TDM_LOAD_WHY_status_401)
		e->stats.other++;
	over(e, s);
}

void tdm_load_session_done(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	if (s->state == TDM_LOAD_BYE)
		e->stats.logged_out++;
	tdm_load_link_close(&s->link, true);
	over(e, s);
}

/* A connection for the request that is ready in the exchange. */
static void open_link(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	e->stats.attempts++;
	tdm_load_session_move(s, TDM_LOAD_TCP);
	s->wait_us = e->now_us + CONNECT_LIMIT_US;
	if (tdm_load_link_open(&s->link, &e->net))
		tdm_load_session_failed(e, s, tdm_load_link_why(&s->link), NULL);
}

/* Begin with what is left to do: log in, or connect with the token. */
static void attempt(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	exchange_free(s);
	s->exchange = calloc(1, sizeof(*s->exchange));
	if (!s->exchange)
		ended(e, s, TDM_LOAD_WHY_local, NULL);
	else if (s->token[0])
		tdm_load_tunnel_start(e, s, false);
	else
		tdm_load_auth_start(e, s);
}

void tdm_load_session_begin(
	struct tdm_load_engine *e, struct tdm_load_session *s, uint64_t ordinal, const char *token)
{
	uint32_t slot = s->slot;

	*s = (struct tdm_load_session){ .slot = slot, .ordinal = ordinal, .admitted = true };
	tdm_load_link_init(&s->link, e->net.epoll_fd, s);
	s->begin_us = e->now_us;
	s->give_up_us = e->now_us + (int64_t)e->opt->timeout_ms * US_PER_MS;
	s->wait_us = TDM_NEVER;
	s->logging_out = e->opt->logout && e->opt->mode != TDM_LOAD_HOLD;
	if (token && tdm_text_copy(s->token, sizeof(s->token), token, strlen(token)))
		s->token[0] = '\0';
	e->active++;
	e->stats.started++;
	attempt(e, s);
}

static void send_request(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	struct tdm_load_exchange *x = s->exchange;

	x->rx_len = 0;
	tdm_load_session_move(s, x->connect ? TDM_LOAD_CONNECT : TDM_LOAD_AUTH);
	s->sent_us = e->now_us;
	if (tdm_load_link_write(&s->link, x->tx, x->tx_len))
		tdm_load_session_failed(e, s, tdm_load_link_why(&s->link), NULL);
}

void tdm_load_session_request(struct tdm_load_engine *e, struct tdm_load_session *s,
	const struct tdm_text *text, bool connect, bool reuse)
{
	struct tdm_load_exchange *x = s->exchange;
	char *tx = tdm_text_ok(text) ? malloc(text->len) : NULL;

	tdm_bytes_wipe(x->tx, x->tx_len);
	free(x->tx);
	x->tx = tx;
	x->tx_len = tx ? text->len : 0;
	x->connect = connect;
	if (tx)
		memcpy(tx, text->buf, text->len);
	tdm_bytes_wipe(text->buf, text->len);
	if (!tx)
		ended(e, s, TDM_LOAD_WHY_local, NULL);
	else if (reuse)
		send_request(e, s);
	else
		open_link(e, s);
}

/* Trying again would not help. */
static bool is_final(const struct tdm_load_engine *e, enum tdm_load_why why)
{
	switch (why) {
	case TDM_LOAD_WHY_status_401:
	case TDM_LOAD_WHY_login_refused:
	case TDM_LOAD_WHY_address_changed:
	case TDM_LOAD_WHY_pin:
		return true;
	case TDM_LOAD_WHY_status_other:
		return e->opt->mode == TDM_LOAD_RESUME;
	default:
		return false;
	}
}

void tdm_load_session_failed(struct tdm_load_engine *e, struct tdm_load_session *s,
	enum tdm_load_why why, const struct tdm_load_span *detail)
{
	int64_t pause_us = (int64_t)e->opt->retry_ms * US_PER_MS;

	e->stats.failures[why]++;
	/* A dropped SYN is sent again by the kernel of a real client within the same attempt. */
	s->stumbled |= why != TDM_LOAD_WHY_connect_timeout;
	if (is_final(e, why)) {
		ended(e, s, why, detail);
	} else if (e->now_us + pause_us >= s->give_up_us) {
		e->stats.failures[TDM_LOAD_WHY_gave_up]++;
		ended(e, s, why, detail);
	} else {
		tdm_load_session_drop(s);
		tdm_load_session_move(s, TDM_LOAD_WAIT);
		s->wait_us = e->now_us + pause_us;
	}
}

void tdm_load_session_broken(
	struct tdm_load_engine *e, struct tdm_load_session *s, enum tdm_load_why why)
{
	e->stats.up--;
	e->stats.losses++;
	e->stats.loss_by[why]++;
	if (!e->stats.first_loss_us)
		e->stats.first_loss_us = e->now_us;
	tdm_load_link_close(&s->link, false);
	if (why == TDM_LOAD_WHY_server_bye || why == TDM_LOAD_WHY_bad_frame) {
		ended(e, s, why, NULL); /* a real client quits for these */
		return;
	}
	s->lost_us = e->now_us;
	s->give_up_us = e->now_us + (int64_t)e->opt->timeout_ms * US_PER_MS;
	s->stumbled = false;
	attempt(e, s);
}

static void io_tcp(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable)
{
	enum tdm_err err = tdm_load_link_connected(&s->link, &e->net);

	if (err == TDM_ERR_AGAIN)
		return;
	if (err) {
		tdm_load_session_failed(e, s, tdm_load_link_why(&s->link), NULL);
		return;
	}
	tdm_load_link_probe(&s->link, true);
	tdm_load_session_move(s, TDM_LOAD_TLS);
	io_tls(e, s, writable);
}

/* Send what the socket did not take before. False: the connection failed and was dealt with. */
static bool flushed(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable)
{
	if (!writable || !tdm_load_link_flush(&s->link))
		return true;
	tdm_load_session_failed(e, s, tdm_load_link_why(&s->link), NULL);
	return false;
}

static void io_tls(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable)
{
	enum tdm_err err;

	if (!flushed(e, s, writable))
		return;
	err = tdm_load_link_handshake(&s->link);
	if (err == TDM_ERR_AGAIN)
		return;
	if (err)
		tdm_load_session_failed(e, s, tdm_load_link_why(&s->link), NULL);
	else if (e->opt->trust == TDM_LOAD_TRUST_PIN &&
		 !tdm_load_tls_pin_ok(s->link.ssl, e->opt->pin))
		tdm_load_session_failed(e, s, TDM_LOAD_WHY_pin, NULL);
	else
		send_request(e, s);
}

static bool make_room(struct tdm_load_exchange *x)
{
	size_t cap = x->rx_cap ? x->rx_cap * 2 : RX_FIRST_CAP;
	char *bigger;

	if (x->rx_len < x->rx_cap)
		return true;
	if (x->rx_cap >= TDM_LOAD_REPLY_MAX)
		return false;
	bigger = realloc(x->rx, cap);
	if (!bigger)
		return false;
	x->rx = bigger;
	x->rx_cap = cap;
	return true;
}

/* A whole reply is in: hand it on. What follows a 200 to CONNECT is the first record. */
static void take_reply(
	struct tdm_load_engine *e, struct tdm_load_session *s, const struct tdm_load_reply *reply)
{
	struct tdm_load_exchange *x = s->exchange;
	uint8_t rest[TDM_CSTP_RECORD_MAX];
	size_t rest_len = x->rx_len - reply->used;

	if (!x->connect) {
		tdm_load_auth_reply(e, s, reply, e->body);
		tdm_bytes_wipe(e->body, sizeof(e->body));
		return;
	}
	rest_len = rest_len < sizeof(rest) ? rest_len : sizeof(rest);
	memcpy(rest, x->rx + reply->used, rest_len);
	tdm_load_tunnel_reply(e, s, reply);
	if (s->state == TDM_LOAD_UP) {
		exchange_free(s);
		if (rest_len > 0)
			tdm_load_tunnel_record(e, s, rest, rest_len);
	}
}

static void io_reply(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable)
{
	struct tdm_load_exchange *x = s->exchange;
	struct tdm_load_reply reply;
	enum tdm_err err = TDM_OK;
	enum tdm_err state = TDM_ERR_AGAIN;

	if (!flushed(e, s, writable))
		return;
	while (!err && state == TDM_ERR_AGAIN) {
		size_t n = 0;

		if (!make_room(x)) {
			state = TDM_ERR_TOO_LONG;
			break;
		}
		err = tdm_load_link_read(&s->link, x->rx + x->rx_len, x->rx_cap - x->rx_len, &n);
		if (err == TDM_ERR_AGAIN)
			return;
		x->rx_len += n;
		state = tdm_load_reply_parse(&(struct tdm_load_reply_input){ .data = x->rx,
						     .len = x->rx_len,
						     .eof = err != TDM_OK,
						     .connect = x->connect,
						     .body = e->body,
						     .body_cap = sizeof(e->body) },
			&reply);
	}
	if (state == TDM_OK)
		take_reply(e, s, &reply);
	else if (err)
		tdm_load_session_failed(e, s, tdm_load_link_why(&s->link), NULL);
	else
		tdm_load_session_failed(e, s, TDM_LOAD_WHY_bad_reply, NULL);
}

static void io_up(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable)
{
	enum tdm_err err = writable ? tdm_load_link_flush(&s->link) : TDM_OK;

	while (!err && s->state == TDM_LOAD_UP) {
		size_t len = 0;

		err = tdm_load_link_read(&s->link, e->record, sizeof(e->record), &len);
		if (!err)
			tdm_load_tunnel_record(e, s, e->record, len);
	}
	if (s->state == TDM_LOAD_UP && err != TDM_ERR_AGAIN)
		tdm_load_session_broken(e, s, tdm_load_link_why(&s->link));
}

/* The disconnect has arrived when the server closes. */
static void io_bye(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable)
{
	enum tdm_err err = writable ? tdm_load_link_flush(&s->link) : TDM_OK;
	size_t len;

	while (!err)
		err = tdm_load_link_read(&s->link, e->record, sizeof(e->record), &len);
	if (err != TDM_ERR_AGAIN)
		tdm_load_session_done(e, s);
}

static void expired_tcp(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	tdm_load_session_failed(e, s, TDM_LOAD_WHY_connect_timeout, NULL);
}

static void expired_silent(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	tdm_load_session_failed(e, s, TDM_LOAD_WHY_silent, NULL);
}

static void expired_wait(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	attempt(e, s);
}

void tdm_load_session_io(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable)
{
	if (table[s->state].io)
		table[s->state].io(e, s, writable);
}

void tdm_load_session_expired(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	if (table[s->state].expired)
		table[s->state].expired(e, s);
}

int64_t tdm_load_session_deadline(const struct tdm_load_engine *e, const struct tdm_load_session *s)
{
	switch (s->state) {
	case TDM_LOAD_NEW:
	case TDM_LOAD_DONE:
	case TDM_LOAD_STATES:
		return TDM_NEVER;
	case TDM_LOAD_UP:
		return tdm_load_tunnel_deadline(e, s);
	default:
		return s->wait_us < s->give_up_us ? s->wait_us : s->give_up_us;
	}
}

void tdm_load_session_logout(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	s->logging_out = true; /* a tunnel that is just being resumed says it when it is up */
	if (s->state == TDM_LOAD_UP)
		tdm_load_tunnel_bye(e, s);
	else if (s->state != TDM_LOAD_NEW && s->state != TDM_LOAD_DONE && !s->token[0])
		over(e, s);
}
