/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "tools/ctl/ctl.h"
#include "tools/ctl/sessions.h"
#include "tools/ctl/suite.h"
#include "tools/ctl/table.h"

enum {
	CELL_MAX = 256,
	LEFT_WIDTH = 23, /* of the left value, so that right keys stand below each other */
};

#define PARENT "AnyConnect-Parent"

void tdm_sessions_table(FILE *out, Tandem__Control__Session *const *sessions, size_t len)
{
	static const char *const head[] = { "INDEX", "USER", "ASSIGNED IP", "PUBLIC IP", "STATE",
		"DURATION", "INACTIVITY", "GROUP" };
	struct tdm_table table;

	if (!len) {
		fputs("no sessions\n", out);
		return;
	}
	tdm_table_init(&table, sizeof(head) / sizeof(head[0]), head);
	for (size_t i = 0; i < len; i++) {
		const Tandem__Control__Session *s = sessions[i];

		tdm_table_cell(&table, "%" PRIu32, s->index);
		tdm_table_cell(&table, "%.64s", s->user);
		tdm_table_cell(&table, "%s", s->address4[0] ? s->address4 : "-");
		tdm_table_cell(
			&table, "%s", tdm_session_public(s)[0] ? tdm_session_public(s) : "-");
		tdm_table_cell(&table, "%s%s", s->state, s->unprotected ? ", unprotected" : "");
		tdm_table_cell(&table, "%s", tdm_duration(s->duration_ms).text);
		tdm_table_cell(&table, "%s", tdm_duration(s->inactive_ms).text);
		tdm_table_cell(&table, "%s", s->group);
	}
	tdm_table_print(&table, out);
	tdm_table_deinit(&table);
}

/* --- the long form --- */

static void key_value(FILE *out, const char *key, const char *value, size_t width)
{
	char safe[CELL_MAX];
	size_t used;

	tdm_ctl_safe(value[0] ? value : "none", safe, sizeof(safe));
	used = tdm_ctl_width(safe);
	/* Whatever the length, there is a gap before what follows. */
	fprintf(out, "%-13s: %s%*s", key, safe,
		width == 0         ? 0
		: used + 1 < width ? (int)(width - used)
				   : 1,
		"");
}

static void one(FILE *out, const char *indent, const char *key, const char *value)
{
	fputs(indent, out);
	key_value(out, key, value, 0);
	fputc('\n', out);
}

static void two(FILE *out, const char *indent, const char *key, const char *value,
	const char *right_key, const char *right_value)
{
	fputs(indent, out);
	key_value(out, key, value, LEFT_WIDTH);
	key_value(out, right_key, right_value, 0);
	fputc('\n', out);
}

struct number {
	char text[32];
};

static struct number number(uint64_t value)
{
	struct number out;

	snprintf(out.text, sizeof(out.text), "%" PRIu64, value);
	return out;
}

static struct number minutes(int64_t seconds)
{
	struct number out;

	if (seconds < 0)
		snprintf(out.text, sizeof(out.text), "none");
	else /* begun minutes count: what still runs is never shown as 0 */
		snprintf(out.text, sizeof(out.text), "%" PRId64 " Minutes", (seconds + 59) / 60);
	return out;
}

static void login_time(int64_t wall_ms, char *out, size_t cap)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(out, cap, "%H:%M:%S UTC %a %b %e %Y", &tm))
		snprintf(out, cap, "unknown");
}

struct view {
	const Tandem__Control__Session *s;
	const Tandem__Control__Tunnel *tls, *dtls; /* NULL = none now */
	struct tdm_suite tls_suite, dtls_suite;
};

static void print_protocols(FILE *out, const struct view *v)
{
	fprintf(out, "Protocol     : " PARENT "%s%s\n", v->tls ? " SSL-Tunnel" : "",
		v->dtls ? " DTLS-Tunnel" : "");
	fprintf(out, "License      : none\n");
	fprintf(out, "Encryption   : " PARENT ": (1)none");
	if (v->tls)
		fprintf(out, "  SSL-Tunnel: (1)%s", v->tls_suite.encryption);
	if (v->dtls)
		fprintf(out, "  DTLS-Tunnel: (1)%s", v->dtls_suite.encryption);
	fprintf(out, "\nHashing      : " PARENT ": (1)none");
	if (v->tls)
		fprintf(out, "  SSL-Tunnel: (1)%s", v->tls_suite.hashing);
	if (v->dtls)
		fprintf(out, "  DTLS-Tunnel: (1)%s", v->dtls_suite.hashing);
	fputc('\n', out);
}

static void print_head(FILE *out, const struct view *v)
{
	const Tandem__Control__Session *s = v->s;
	char login[64];

	two(out, "", "Username", s->user, "Index", number(s->index).text);
	/* An inactive session keeps its address, but it does not use it (S214). */
	if (v->tls)
		two(out, "", "Assigned IP", s->address4, "Public IP", tdm_session_public(s));
	else
		one(out, "", "Public IP", tdm_session_public(s));
	print_protocols(out, v);
	two(out, "", "Group Policy", s->group, "Tunnel Group", s->tunnel_group);
	login_time(s->login_wall_ms, login, sizeof(login));
	one(out, "", "Login Time", login);
	one(out, "", "Duration", tdm_duration(s->duration_ms).text);
	one(out, "", "Inactivity", tdm_duration(s->inactive_ms).text);
	one(out, "", "NAC Result", "Unknown");
	two(out, "", "VLAN Mapping", "N/A", "VLAN", "none");
	if (s->unprotected)
		one(out, "", "Protection", "none: no other node holds this session");
	if (s->end_reason[0])
		one(out, "", "Ended", s->end_reason);
	fprintf(out, "\n" PARENT " Tunnels: 1\n%s%s", v->tls ? "SSL-Tunnel Tunnels: 1\n" : "",
		v->dtls ? "DTLS-Tunnel Tunnels: 1\n" : "");
}

static void print_tunnel_id(FILE *out, const char *name, uint32_t index, int tunnel)
{
	char id[32];

	fprintf(out, "\n%s:\n", name);
	snprintf(id, sizeof(id), "%" PRIu32 ".%d", index, tunnel);
	one(out, "  ", "Tunnel ID", id);
}

static void print_idle(FILE *out, const Tandem__Control__Session *s)
{
	int64_t left = s->idle_left_ms < 0 ? -1 : s->idle_left_ms / 1000;

	two(out, "  ", "Idle Time Out",
		minutes(s->idle_timeout_s ? (int64_t)s->idle_timeout_s : -1).text, "Idle TO Left",
		minutes(left).text);
}

static void print_parent(FILE *out, const struct view *v)
{
	const Tandem__Control__Session *s = v->s;

	print_tunnel_id(out, PARENT, s->index, 1);
	one(out, "  ", "Public IP", tdm_session_public(s));
	two(out, "  ", "Encryption", "none", "Hashing", "none");
	if (v->tls)
		two(out, "  ", "TCP Src Port", number(v->tls->remote_port).text, "TCP Dst Port",
			number(v->tls->local_port).text);
	one(out, "  ", "Auth Mode", "userPassword");
	print_idle(out, s);
	one(out, "  ", "Client Type", "AnyConnect");
	one(out, "  ", "Client Ver", s->agent);
}

static void print_tunnel(FILE *out, const struct view *v, bool dtls)
{
	const Tandem__Control__Tunnel *t = dtls ? v->dtls : v->tls;
	const struct tdm_suite *suite = dtls ? &v->dtls_suite : &v->tls_suite;
	const Tandem__Control__Session *s = v->s;

	if (!t)
		return;
	print_tunnel_id(out, dtls ? "DTLS-Tunnel" : "SSL-Tunnel", s->index, dtls ? 3 : 2);
	two(out, "  ", "Assigned IP", s->address4, "Public IP", t->remote_address);
	two(out, "  ", "Encryption", suite->encryption, "Hashing", suite->hashing);
	one(out, "  ", "Ciphersuite", t->suite);
	two(out, "  ", "Encapsulation", suite->protocol, dtls ? "UDP Src Port" : "TCP Src Port",
		number(t->remote_port).text);
	two(out, "  ", dtls ? "UDP Dst Port" : "TCP Dst Port", number(t->local_port).text,
		"Auth Mode", "userPassword");
	print_idle(out, s);
	one(out, "  ", "Client Type", dtls ? "DTLS VPN Client" : "SSL VPN Client");
	one(out, "  ", "Client Ver", s->agent);
}

void tdm_sessions_detail(FILE *out, Tandem__Control__Session *const *sessions, size_t len)
{
	if (!len) {
		fputs("no sessions\n", out);
		return;
	}
	fputs("Session Type: AnyConnect Detailed\n", out);
	for (size_t i = 0; i < len; i++) {
		struct view v = { .s = sessions[i],
			.tls = tdm_session_tunnel(sessions[i], false),
			.dtls = tdm_session_tunnel(sessions[i], true) };

		if (v.tls)
			tdm_suite_parse(v.tls->suite, false, &v.tls_suite);
		if (v.dtls)
			tdm_suite_parse(v.dtls->suite, true, &v.dtls_suite);
		fputc('\n', out);
		print_head(out, &v);
		print_parent(out, &v);
		print_tunnel(out, &v, false);
		print_tunnel(out, &v, true);
	}
}
