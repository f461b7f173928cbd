/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "tools/ctl/json.h"
#include "tools/ctl/sessions.h"
#include "tools/ctl/suite.h"

static void add_texts(struct tdm_json *json, const Tandem__Control__Session *s)
{
	char id[24];

	snprintf(id, sizeof(id), "%016" PRIx64, s->id);
	tdm_json_unsigned(json, "index", s->index);
	tdm_json_text(json, "id", id);
	tdm_json_text(json, "user", s->user);
	tdm_json_text(json, "state", s->state);
	if (s->end_reason[0])
		tdm_json_text(json, "end_reason", s->end_reason);
	else
		tdm_json_null(json, "end_reason");
	tdm_json_text(json, "member", s->member);
	tdm_json_text(json, "assigned_ip", s->address4);
	tdm_json_text(json, "assigned_mask", s->mask4);
	tdm_json_text(json, "assigned_ip6", s->address6);
	tdm_json_text(json, "public_ip", tdm_session_public(s));
	tdm_json_text(json, "group_policy", s->group);
	tdm_json_text(json, "tunnel_group", s->tunnel_group);
	tdm_json_text(json, "auth_method", s->auth_method);
	tdm_json_text(json, "agent", s->agent);
	tdm_json_text(json, "device", s->device);
	tdm_json_text(json, "hostname", s->hostname);
}

/* Whole seconds, null for a clock that does not run. */
static void add_left(struct tdm_json *json, const char *key, int64_t ms)
{
	if (ms < 0)
		tdm_json_null(json, key);
	else
		tdm_json_number(json, key, ms / 1000);
}

static void add_clocks(struct tdm_json *json, const Tandem__Control__Session *s)
{
	tdm_json_time(json, "login", s->login_wall_ms);
	tdm_json_number(json, "duration_s", s->duration_ms / 1000);
	tdm_json_number(json, "inactive_s", s->inactive_ms / 1000);
	add_left(json, "idle_left_s", s->idle_left_ms);
	add_left(json, "disconnected_left_s", s->disconnected_left_ms);
	add_left(json, "session_left_s", s->session_left_ms);
	tdm_json_unsigned(json, "idle_timeout_s", s->idle_timeout_s);
	tdm_json_unsigned(json, "disconnected_timeout_s", s->disconnected_timeout_s);
	tdm_json_unsigned(json, "session_timeout_s", s->session_timeout_s);
}

static void add_addresses(struct tdm_json *json, const Tandem__Control__Session *s)
{
	tdm_json_list(json, "public_addresses");
	for (size_t i = 0; i < s->n_public_addresses; i++) {
		tdm_json_object(json, NULL);
		tdm_json_text(json, "address", s->public_addresses[i]->address);
		tdm_json_time(json, "since", s->public_addresses[i]->since_wall_ms);
		tdm_json_object_end(json);
	}
	tdm_json_list_end(json);
}

static void add_tunnel(struct tdm_json *json, const Tandem__Control__Session *s, bool dtls)
{
	const Tandem__Control__Tunnel *t = tdm_session_tunnel(s, dtls);
	struct tdm_suite suite;
	char id[24];

	if (!t)
		return;
	tdm_suite_parse(t->suite, dtls, &suite);
	snprintf(id, sizeof(id), "%" PRIu32 ".%d", s->index, dtls ? 3 : 2);
	tdm_json_object(json, NULL);
	tdm_json_text(json, "id", id);
	tdm_json_text(json, "kind", dtls ? "DTLS-Tunnel" : "SSL-Tunnel");
	tdm_json_text(json, "protocol", suite.protocol);
	tdm_json_text(json, "suite", t->suite);
	tdm_json_text(json, "local_ip", t->local_address);
	tdm_json_unsigned(json, "local_port", t->local_port);
	tdm_json_text(json, "remote_ip", t->remote_address);
	tdm_json_unsigned(json, "remote_port", t->remote_port);
	tdm_json_time(json, "started", t->started_wall_ms);
	tdm_json_object_end(json);
}

void tdm_sessions_json(FILE *out, Tandem__Control__Session *const *sessions, size_t len)
{
	struct tdm_json json;

	tdm_json_init(&json, out);
	tdm_json_object(&json, NULL);
	tdm_json_list(&json, "sessions");
	for (size_t i = 0; i < len; i++) {
		tdm_json_object(&json, NULL);
		add_texts(&json, sessions[i]);
		tdm_json_unsigned(&json, "mtu", sessions[i]->mtu);
		tdm_json_bool(&json, "unprotected", sessions[i]->unprotected);
		add_clocks(&json, sessions[i]);
		add_addresses(&json, sessions[i]);
		tdm_json_list(&json, "tunnels");
		add_tunnel(&json, sessions[i], false);
		add_tunnel(&json, sessions[i], true);
		tdm_json_list_end(&json);
		tdm_json_object_end(&json);
	}
	tdm_json_list_end(&json);
	tdm_json_object_end(&json);
	tdm_json_end(&json);
}
