/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One client: its state, what it holds (token, inner address), and its connection. All moves go
 * through tdm_load_session_move(), which knows the legal ones.
 */
#pragma once

#include "tools/load/form.h"
#include "tools/load/jar.h"
#include "tools/load/link.h"
#include "tools/load/request.h"

struct tdm_load_engine;

enum tdm_load_state {
	TDM_LOAD_NEW,     /* slot without a client */
	TDM_LOAD_TCP,     /* connecting */
	TDM_LOAD_TLS,     /* TLS handshake */
	TDM_LOAD_AUTH,    /* login message sent, reply awaited */
	TDM_LOAD_CONNECT, /* CONNECT sent, reply awaited */
	TDM_LOAD_UP,      /* tunnel */
	TDM_LOAD_BYE,     /* disconnect sent, the server's close awaited */
	TDM_LOAD_WAIT,    /* pause before the next attempt */
	TDM_LOAD_DONE,    /* this client's run is over */
	TDM_LOAD_STATES,
};

/* What exists only while HTTP is spoken. */
struct tdm_load_exchange {
	bool connect; /* the request is CONNECT, else a login message */
	bool asked;   /* the form with the password was sent: the next reply is the verdict */
	bool grouped; /* a group was chosen */
	unsigned rounds;
	char group[TDM_LOAD_FORM_NAME_MAX];
	struct tdm_load_jar jar;
	char *tx; /* request, kept until its reply; secret */
	size_t tx_len;
	char *rx; /* reply so far; secret */
	size_t rx_len;
	size_t rx_cap;
};

struct tdm_load_session {
	uint32_t slot;
	enum tdm_load_state state;
	struct tdm_load_link link;
	struct tdm_load_exchange *exchange; /* NULL when no HTTP is spoken */
	uint64_t ordinal;
	char token[TDM_LOAD_TOKEN_MAX]; /* secret; "" before the login */
	char v4[TDM_ADDR_TEXT_MAX];     /* texts of the first tunnel; "" if not given */
	char v4_mask[TDM_ADDR_TEXT_MAX];
	char v6[TDM_PREFIX_TEXT_MAX];
	struct tdm_ip inner; /* v4 as a value */
	bool admitted;       /* counts against --concurrency */
	bool had_tunnel;
	bool was_resumed;
	bool stumbled;      /* since the loss, an attempt failed that costs a real client 10 s */
	bool logging_out;   /* the next tunnel is only for saying goodbye */
	int64_t begin_us;   /* of the login */
	int64_t sent_us;    /* of the CONNECT */
	int64_t give_up_us; /* limit for what is under way */
	int64_t wait_us;    /* limit of the present state, give_up_us aside */
	int64_t lost_us;    /* when the tunnel was found broken; 0: not */
	int64_t heard_us;   /* last frame from the server */
	int64_t next_keepalive_us;
	int64_t next_echo_us;
	int64_t last_echo_us; /* 0: no reply yet */
	int64_t max_silence_us;
	uint16_t echo_seq;
};

/* Change the state; an illegal move is a bug and aborts. */
void tdm_load_session_move(struct tdm_load_session *s, enum tdm_load_state to);
const char *tdm_load_state_name(enum tdm_load_state state);

/* A new client in this slot; token: NULL to log in, else what it already holds. */
void tdm_load_session_begin(
	struct tdm_load_engine *e, struct tdm_load_session *s, uint64_t ordinal, const char *token);
/* The socket is ready, or the deadline of the session has passed. */
void tdm_load_session_io(struct tdm_load_engine *e, struct tdm_load_session *s, bool writable);
void tdm_load_session_expired(struct tdm_load_engine *e, struct tdm_load_session *s);
/* When expired() is due: TDM_NEVER if never. */
int64_t tdm_load_session_deadline(
	const struct tdm_load_engine *e, const struct tdm_load_session *s);
/* End the session at the server; one that is not logged in yet is dropped. */
void tdm_load_session_logout(struct tdm_load_engine *e, struct tdm_load_session *s);
/* Forget everything, close without a word. */
void tdm_load_session_drop(struct tdm_load_session *s);

/* --- between session.c, auth.c and tunnel.c --- */

/* Send a request on this connection if it can carry one, else on a new one. Copies the text. */
void tdm_load_session_request(struct tdm_load_engine *e, struct tdm_load_session *s,
	const struct tdm_text *text, bool connect, bool reuse);
/* This attempt failed: try again after a pause, or end if that is pointless or too late. detail:
 * what the server said, NULL if nothing. */
void tdm_load_session_failed(struct tdm_load_engine *e, struct tdm_load_session *s,
	enum tdm_load_why why, const struct tdm_load_span *detail);
/* The tunnel broke: resume, or end. */
void tdm_load_session_broken(
	struct tdm_load_engine *e, struct tdm_load_session *s, enum tdm_load_why why);
/* Reached what was asked for. */
void tdm_load_session_done(struct tdm_load_engine *e, struct tdm_load_session *s);
/* Set-up is over: another client may start. */
void tdm_load_session_settled(struct tdm_load_engine *e, struct tdm_load_session *s);

/* auth.c: write the first message of a login; handle a whole reply. */
void tdm_load_auth_start(struct tdm_load_engine *e, struct tdm_load_session *s);
void tdm_load_auth_reply(struct tdm_load_engine *e, struct tdm_load_session *s,
	const struct tdm_load_reply *reply, const char *body);

/* tunnel.c */
void tdm_load_tunnel_start(struct tdm_load_engine *e, struct tdm_load_session *s, bool reuse);
void tdm_load_tunnel_reply(
	struct tdm_load_engine *e, struct tdm_load_session *s, const struct tdm_load_reply *reply);
void tdm_load_tunnel_record(
	struct tdm_load_engine *e, struct tdm_load_session *s, const uint8_t *data, size_t len);
void tdm_load_tunnel_tick(struct tdm_load_engine *e, struct tdm_load_session *s);
int64_t tdm_load_tunnel_deadline(const struct tdm_load_engine *e, const struct tdm_load_session *s);
void tdm_load_tunnel_bye(struct tdm_load_engine *e, struct tdm_load_session *s);
