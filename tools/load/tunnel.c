/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tunnel: CONNECT, and the frames of CSTP while it is up. */
#include <string.h>

#include "tools/load/echo.h"
#include "tools/load/engine.h"

enum {
	US_PER_MS = 1000,
	KEEPALIVE_US = 1000000,
	BYE_LIMIT_US = 2000000,
	STATUS_OK = 200,
	STATUS_UNAUTHORIZED = 401,
	STATUS_UNAVAILABLE = 503,
	FRAME_SMALL_MAX = 128, /* what this client sends */
};

void tdm_load_tunnel_start(struct tdm_load_engine *e, struct tdm_load_session *s, bool reuse)
{
	struct tdm_load_request req = { .host = e->host, .cookies = "" };
	struct tdm_text text;

	tdm_text_init(&text, e->request, sizeof(e->request));
	tdm_load_write_connect(&text, &req, s->token, s->v4);
	tdm_load_session_request(e, s, &text, true, reuse);
}

/* First header of that name as a string; false when it is absent or too long. */
static bool header(const struct tdm_load_reply *reply, const char *name, char *out, size_t cap)
{
	struct tdm_load_span value;
	size_t pos = 0;

	out[0] = '\0';
	return tdm_load_reply_header(reply, name, true, &pos, &value) && value.len > 0 &&
	       !tdm_text_copy(out, cap, value.at, value.len);
}

struct addresses {
	char v4[TDM_ADDR_TEXT_MAX];
	char v4_mask[TDM_ADDR_TEXT_MAX];
	char v6[TDM_PREFIX_TEXT_MAX];
};

/* Names in their exact case, as clients compare them. False: a client cannot use this reply. */
static bool read_addresses(const struct tdm_load_reply *reply, struct addresses *out)
{
	char mtu[8];
	bool v4 = header(reply, "X-CSTP-Address", out->v4, sizeof(out->v4));
	bool v6 = header(reply, "X-CSTP-Address-IP6", out->v6, sizeof(out->v6));

	(void)header(reply, "X-CSTP-Netmask", out->v4_mask, sizeof(out->v4_mask));
	return reply->version_1_1 && (v4 || v6) &&
	       (header(reply, "X-CSTP-MTU", mtu, sizeof(mtu)) ||
		       header(reply, "X-DTLS-MTU", mtu, sizeof(mtu)));
}

/* Clients compare texts, and quit when one differs. */
static bool same_addresses(const struct tdm_load_session *s, const struct addresses *a)
{
	return !strcmp(s->v4, a->v4) && !strcmp(s->v4_mask, a->v4_mask) && !strcmp(s->v6, a->v6);
}

static void changed(
	struct tdm_load_engine *e, struct tdm_load_session *s, const struct addresses *got)
{
	char buf[256];
	struct tdm_text text;

	tdm_text_init(&text, buf, sizeof(buf));
	tdm_text_addf(&text, "%s/%s %s to %s/%s %s", s->v4, s->v4_mask, s->v6, got->v4,
		got->v4_mask, got->v6);
	tdm_load_session_failed(
		e, s, TDM_LOAD_WHY_address_changed, &(struct tdm_load_span){ text.buf, text.len });
}

static void count_resume(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	struct tdm_load_stats *stats = &e->stats;

	stats->resumed++;
	stats->resumed_sessions += !s->was_resumed;
	stats->resumed_first_try += !s->stumbled;
	stats->last_resume_us = e->now_us;
	tdm_load_samples_add(&stats->gap, e->now_us - s->lost_us);
	s->was_resumed = true;
	s->lost_us = 0;
}

static void is_up(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	tdm_load_session_move(s, TDM_LOAD_UP);
	tdm_load_link_probe(&s->link, false);
	e->stats.up++;
	if (s->had_tunnel)
		count_resume(e, s);
	else
		e->stats.connected++;
	s->had_tunnel = true;
	s->heard_us = e->now_us;
	s->next_keepalive_us = e->now_us + KEEPALIVE_US;
	s->next_echo_us = e->now_us;
	s->give_up_us = TDM_NEVER;
	tdm_load_session_settled(e, s);
	if (s->logging_out)
		tdm_load_tunnel_bye(e, s);
	else if (e->opt->mode != TDM_LOAD_HOLD) {
		e->stats.up--;
		tdm_load_session_done(e, s);
	}
}

static void accepted(
	struct tdm_load_engine *e, struct tdm_load_session *s, const struct tdm_load_reply *reply)
{
	struct addresses got;

	tdm_load_samples_add(&e->stats.connect, e->now_us - s->sent_us);
	if (!read_addresses(reply, &got)) {
		tdm_load_session_failed(e, s, TDM_LOAD_WHY_bad_reply, NULL);
		return;
	}
	if (s->had_tunnel && !same_addresses(s, &got)) {
		changed(e, s, &got);
		return;
	}
	memcpy(s->v4, got.v4, sizeof(s->v4));
	memcpy(s->v4_mask, got.v4_mask, sizeof(s->v4_mask));
	memcpy(s->v6, got.v6, sizeof(s->v6));
	if (tdm_ip_parse(s->v4, &s->inner))
		s->inner = (struct tdm_ip){ 0 };
	is_up(e, s);
}

void tdm_load_tunnel_reply(
	struct tdm_load_engine *e, struct tdm_load_session *s, const struct tdm_load_reply *reply)
{
	struct tdm_load_span reason;
	size_t pos = 0;
	bool said = tdm_load_reply_header(reply, "X-Reason", false, &pos, &reason);
	enum tdm_load_why why = TDM_LOAD_WHY_status_other;

	if (reply->status == STATUS_OK) {
		accepted(e, s, reply);
		return;
	}
	if (reply->status == STATUS_UNAUTHORIZED)
		why = TDM_LOAD_WHY_status_401;
	else if (reply->status == STATUS_UNAVAILABLE)
		why = TDM_LOAD_WHY_status_503;
	tdm_load_session_failed(e, s, why, said ? &reason : NULL);
}

/* False: the tunnel broke and that was dealt with. */
static bool send_frame(struct tdm_load_engine *e, struct tdm_load_session *s,
	enum tdm_cstp_type type, const void *payload, size_t len)
{
	uint8_t frame[FRAME_SMALL_MAX];

	tdm_cstp_write_header(frame, type, (uint16_t)len);
	if (len > 0)
		memcpy(frame + TDM_CSTP_HEADER_LEN, payload, len);
	if (!tdm_load_link_write(&s->link, frame, TDM_CSTP_HEADER_LEN + len))
		return true;
	tdm_load_session_broken(e, s, tdm_load_link_why(&s->link));
	return false;
}

void tdm_load_tunnel_bye(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	static const char bye[] = "\xb0 tandem-load";

	if (!send_frame(e, s, TDM_CSTP_DISCONNECT, bye, sizeof(bye) - 1))
		return;
	e->stats.up--;
	tdm_load_session_move(s, TDM_LOAD_BYE);
	tdm_load_link_finish(&s->link);
	s->wait_us = e->now_us + BYE_LIMIT_US;
}

static void take_data(
	struct tdm_load_engine *e, struct tdm_load_session *s, const struct tdm_cstp_frame *frame)
{
	struct tdm_load_echo echo;

	if (!tdm_load_echo_reply(frame->payload, frame->len, &echo) ||
		!tdm_ip_equal(&echo.to, &s->inner) || echo.id != (uint16_t)s->slot)
		return;
	e->stats.echo_received++;
	if (s->last_echo_us && e->now_us - s->last_echo_us > s->max_silence_us)
		s->max_silence_us = e->now_us - s->last_echo_us;
	s->last_echo_us = e->now_us;
}

void tdm_load_tunnel_record(
	struct tdm_load_engine *e, struct tdm_load_session *s, const uint8_t *data, size_t len)
{
	struct tdm_cstp_frame frame;

	if (tdm_cstp_parse_header(data, len, &frame)) {
		tdm_load_session_broken(e, s, TDM_LOAD_WHY_bad_frame);
		return;
	}
	e->stats.frames_in++;
	s->heard_us = e->now_us;
	switch (frame.type) {
	case TDM_CSTP_DATA:
		take_data(e, s, &frame);
		break;
	case TDM_CSTP_DPD_REQUEST:
		/* Empty, whatever came: that is what real clients send. */
		e->stats.dpd_answered += send_frame(e, s, TDM_CSTP_DPD_RESPONSE, NULL, 0);
		break;
	case TDM_CSTP_DISCONNECT:
	case TDM_CSTP_TERMINATE:
		tdm_load_session_broken(e, s, TDM_LOAD_WHY_server_bye);
		break;
	default:
		break;
	}
}

static bool send_echo(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	uint8_t pkt[TDM_LOAD_ECHO_LEN];
	struct tdm_load_echo echo = {
		.from = s->inner, .to = e->opt->ping, .id = (uint16_t)s->slot, .seq = s->echo_seq++
	};

	tdm_load_echo_write(pkt, &echo);
	e->stats.echo_sent++;
	return send_frame(e, s, TDM_CSTP_DATA, pkt, sizeof(pkt));
}

/* The next point of a grid; points that were missed are left out. */
static int64_t next_on_grid(int64_t last_us, int64_t step_us, int64_t now_us)
{
	return last_us + step_us > now_us ? last_us + step_us : now_us + step_us;
}

static int64_t dead_at(const struct tdm_load_engine *e, const struct tdm_load_session *s)
{
	return s->heard_us + (int64_t)e->opt->dead_ms * US_PER_MS;
}

void tdm_load_tunnel_tick(struct tdm_load_engine *e, struct tdm_load_session *s)
{
	int64_t quiet_us = e->now_us - s->heard_us;
	bool ask = quiet_us >= (int64_t)e->opt->dead_ms * US_PER_MS / 2;

	if (e->now_us >= dead_at(e, s)) {
		tdm_load_session_broken(e, s, TDM_LOAD_WHY_silent);
		return;
	}
	if (e->now_us >= s->next_keepalive_us) {
		s->next_keepalive_us = next_on_grid(s->next_keepalive_us, KEEPALIVE_US, e->now_us);
		if (!send_frame(e, s, ask ? TDM_CSTP_DPD_REQUEST : TDM_CSTP_KEEPALIVE, NULL, 0))
			return;
	}
	if (e->opt->traffic_ms && s->inner.family && e->now_us >= s->next_echo_us) {
		s->next_echo_us = next_on_grid(
			s->next_echo_us, (int64_t)e->opt->traffic_ms * US_PER_MS, e->now_us);
		(void)send_echo(e, s);
	}
}

int64_t tdm_load_tunnel_deadline(const struct tdm_load_engine *e, const struct tdm_load_session *s)
{
	int64_t at = dead_at(e, s);

	if (s->next_keepalive_us < at)
		at = s->next_keepalive_us;
	if (e->opt->traffic_ms && s->inner.family && s->next_echo_us < at)
		at = s->next_echo_us;
	return at;
}
