/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What tandemctl prints is an interface: people and scripts read it. Compared byte by byte with
 * tests/golden; after a wanted change, run with TANDEM_UPDATE_GOLDEN=1 and look at the diff.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/sessions.h"
#include "tools/ctl/status.h"
#include "tools/ctl/suite.h"
#include "tools/ctl/verify.h"

enum { GOLDEN_MAX = 64 * 1024 };

/* 2026-01-02 03:04:05 UTC */
#define LOGIN_MS INT64_C(1767323045000)

static void expect_golden(const char *name, const char *text)
{
	static char expected[GOLDEN_MAX];
	char path[128];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "tests/golden/%s", name);
	if (getenv("TANDEM_UPDATE_GOLDEN")) {
		file = fopen(path, "w");
		cr_assert_not_null(file, "%s", path);
		fputs(text, file);
		fclose(file);
		return;
	}
	file = fopen(path, "r");
	cr_assert_not_null(file, "%s is missing; run with TANDEM_UPDATE_GOLDEN=1", path);
	n = fread(expected, 1, sizeof(expected) - 1, file);
	expected[n] = '\0';
	fclose(file);
	cr_expect_str_eq(text, expected, "differs from %s:\n%s", path, text);
}

/* --- status --- */

typedef void status_fn(FILE *, const Tandem__Control__Status *, const struct tdm_links *);

static void status_golden(const char *name, status_fn *print, const Tandem__Control__Status *status,
	const struct tdm_links *links)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	print(out, status, links);
	fclose(out);
	expect_golden(name, text);
	free(text);
}

static Tandem__Control__Node make_node(uint32_t id, const char *name)
{
	Tandem__Control__Node node = TANDEM__CONTROL__NODE__INIT;

	node.id = id;
	node.name = (char *)name;
	node.configured = true;
	return node;
}

static Tandem__Control__Status make_status(void)
{
	Tandem__Control__Status status = TANDEM__CONTROL__STATUS__INIT;

	status.node = "n1";
	status.version = "1.2.3";
	status.cluster = "tandem";
	status.ring = "1.9";
	status.quorate = status.connected = true;
	status.started_wall_ms = LOGIN_MS;
	return status;
}

Test(ctl_output, status_of_a_pair)
{
	Tandem__Control__Status status = make_status();
	Tandem__Control__Journal journal = TANDEM__CONTROL__JOURNAL__INIT;
	Tandem__Control__Node n1 = make_node(1, "n1"), n2 = make_node(2, "n2");
	Tandem__Control__Node n3 = make_node(3, "n3");
	Tandem__Control__Node *nodes[] = { &n1, &n2, &n3 };
	Tandem__Control__Member vpn = TANDEM__CONTROL__MEMBER__INIT;
	Tandem__Control__Member lab = TANDEM__CONTROL__MEMBER__INIT;
	Tandem__Control__Member *members[] = { &vpn, &lab };
	struct tdm_links links = { .state = TDM_LINKS_OK,
		.items = { { 2, 0, true }, { 2, 1, false }, { 7, 0, true } },
		.len = 3 };

	n1.self = n1.present = n1.synced = true;
	n2.present = n2.config_differs = true;
	n2.config_sections = 1 | 4;
	n1.verified_ago = n2.verified_ago = 12001;
	n3.verified_ago = 1; /* absent: says nothing */
	vpn.name = "vpn";
	vpn.role = "owner";
	vpn.owner = 1;
	vpn.epoch = "3.1";
	vpn.sessions = 12;
	vpn.active = 10;
	vpn.inactive = 2;
	vpn.pool_used = 12;
	vpn.pool_size = 1021;
	lab.name = "lab";
	lab.role = "standby";
	lab.epoch = "0.0";
	lab.pool_size = 13;
	status.nodes = nodes;
	status.n_nodes = 3;
	status.members = members;
	status.n_members = 2;
	status.unprotected = 1;
	status.pending_commits = 2;
	status.commits_total = 100;
	status.demotions_total = 3;
	status.tombstones = 88;
	status.journal = &journal;
	journal.state = "ok";
	journal.age_ms = 3999;
	journal.records = 100;
	status.table_differences_total = 1;
	status_golden("status-pair.txt", tdm_status_text, &status, &links);
	status_golden("status-pair.json", tdm_status_json, &status, &links);
}

Test(ctl_output, status_alone)
{
	Tandem__Control__Status status = make_status();
	Tandem__Control__Node n1 = make_node(1, "n1"), *nodes[] = { &n1 };
	struct tdm_links links = { .state = TDM_LINKS_NONE };

	n1.self = n1.present = n1.synced = true;
	status.cluster = "";
	status.nodes = nodes;
	status.n_nodes = 1;
	status_golden("status-alone.txt", tdm_status_text, &status, &links);
	status_golden("status-alone.json", tdm_status_json, &status, &links);
}

Test(ctl_output, status_in_trouble)
{
	Tandem__Control__Status status = make_status();
	struct tdm_links links = { .state = TDM_LINKS_UNREACHABLE };
	Tandem__Control__Journal journal = TANDEM__CONTROL__JOURNAL__INIT;

	journal.state = "failing";
	journal.error = "journal: /var/lib/tandem/journal.mdb: no space left";
	journal.age_ms = -1;
	journal.pending = 7;
	status.journal = &journal;
	status.quorate = false;
	status_golden("status-not-quorate.txt", tdm_status_text, &status, &links);
	status.connected = false;
	status_golden("status-not-connected.txt", tdm_status_text, &status, &links);
	status_golden("status-not-connected.json", tdm_status_json, &status, &links);
}

/* --- verify --- */

typedef void verify_fn(FILE *, const Tandem__Control__Verify *);

static void verify_golden(const char *name, verify_fn *print, const Tandem__Control__Verify *verify)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	print(out, verify);
	fclose(out);
	expect_golden(name, text);
	free(text);
}

Test(ctl_output, verify)
{
	static char *const results[] = { "equal", "repaired", "different", "no-answer", "alone" };
	Tandem__Control__Verify verify = TANDEM__CONTROL__VERIFY__INIT;
	Tandem__Control__Node n1 = make_node(1, "n1"), n2 = make_node(2, "n2");
	Tandem__Control__Node n3 = make_node(3, "n3");
	Tandem__Control__Node *nodes[] = { &n1, &n2, &n3 };

	n1.self = n1.present = n1.synced = n2.present = n2.synced = true;
	n1.records = 1234;
	n2.records = 1233;
	n1.verified_ago = n2.verified_ago = 61001;
	verify.done = true;
	verify.parts = 256;
	verify.nodes = nodes;
	verify.n_nodes = 3;
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		char name[64];

		verify.result = results[i];
		verify.differed = i == 1 || i == 2 ? 3 : 0;
		n2.differ = i == 2 ? 3 : 0;
		cr_expect_eq(tdm_verify_is_equal(&verify), i < 2);
		snprintf(name, sizeof(name), "verify-%s.txt", results[i]);
		verify_golden(name, tdm_verify_text, &verify);
		snprintf(name, sizeof(name), "verify-%s.json", results[i]);
		if (i < 3)
			verify_golden(name, tdm_verify_json, &verify);
	}
}

/* --- sessions --- */

struct sample {
	Tandem__Control__Session session;
	Tandem__Control__Tunnel tls, dtls;
	Tandem__Control__Tunnel *tunnels[2];
	Tandem__Control__PublicAddress address, before;
	Tandem__Control__PublicAddress *addresses[2];
};

static void fill_tunnel(Tandem__Control__Tunnel *t, bool dtls, uint32_t port, const char *suite)
{
	tandem__control__tunnel__init(t);
	t->dtls = dtls;
	t->local_address = "192.0.2.10";
	t->local_port = 443;
	t->remote_address = "203.0.113.5";
	t->remote_port = port;
	t->suite = (char *)suite;
	t->started_wall_ms = LOGIN_MS + 1000;
}

static void fill_texts(Tandem__Control__Session *s)
{
	s->member = "vpn";
	s->state = "active";
	s->user = "alice";
	s->group = "staff";
	s->tunnel_group = "default";
	s->auth_method = "password-file";
	s->agent = "Open AnyConnect VPN Agent v9.01";
	s->device = "linux-64";
	s->hostname = "laptop";
	s->address4 = "10.64.0.2";
	s->mask4 = "255.255.252.0";
}

static void fill_sample(struct sample *sample)
{
	Tandem__Control__Session *s = &sample->session;

	tandem__control__session__init(s);
	fill_texts(s);
	s->id = 0x1234abcd;
	s->index = 1435;
	s->mtu = 1406;
	s->login_wall_ms = LOGIN_MS;
	s->duration_ms = 34567;
	s->idle_left_ms = 1799500;
	s->disconnected_left_ms = -1;
	s->session_left_ms = 86365000;
	s->idle_timeout_s = 1800;
	s->session_timeout_s = 86400;
	fill_tunnel(&sample->tls, false, 1241, "TLS_AES_256_GCM_SHA384");
	fill_tunnel(&sample->dtls, true, 1250, "ECDHE-RSA-AES128-GCM-SHA256");
	sample->tunnels[0] = &sample->tls;
	sample->tunnels[1] = &sample->dtls;
	s->tunnels = sample->tunnels;
	s->n_tunnels = 2;
	tandem__control__public_address__init(&sample->address);
	tandem__control__public_address__init(&sample->before);
	sample->address.address = "203.0.113.5";
	sample->address.since_wall_ms = LOGIN_MS + 1000;
	sample->before.address = "198.18.0.9";
	sample->before.since_wall_ms = LOGIN_MS;
	sample->addresses[0] = &sample->address;
	sample->addresses[1] = &sample->before;
	s->public_addresses = sample->addresses;
	s->n_public_addresses = 2;
}

typedef void sessions_fn(FILE *, Tandem__Control__Session *const *, size_t);

static void sessions_golden(
	const char *name, sessions_fn *print, Tandem__Control__Session *const *sessions, size_t len)
{
	char *text;
	size_t text_len;
	FILE *out = open_memstream(&text, &text_len);

	print(out, sessions, len);
	fclose(out);
	expect_golden(name, text);
	free(text);
}

Test(ctl_output, sessions)
{
	struct sample busy, asleep, fresh;
	Tandem__Control__Session *all[] = { &busy.session, &asleep.session, &fresh.session };

	fill_sample(&busy);
	fill_sample(&asleep);
	/* An inactive session lists its parent alone, without the address it keeps (S214). */
	asleep.session.index = 33;
	asleep.session.state = "inactive";
	asleep.session.user = "b\xc3\xb6rje";
	asleep.session.duration_ms = INT64_C(90061) * 1000;
	asleep.session.inactive_ms = 61000;
	asleep.session.unprotected = true;
	fill_sample(&fresh);
	fresh.session.index = 4294967264;
	fresh.session.state = "ended";
	fresh.session.end_reason = "idle timeout";
	fresh.session.n_tunnels = 0;
	fresh.session.n_public_addresses = 0;
	fresh.session.idle_timeout_s = 0;
	fresh.session.idle_left_ms = -1;
	sessions_golden("sessions.txt", tdm_sessions_table, all, 3);
	sessions_golden("sessions.json", tdm_sessions_json, all, 3);
	sessions_golden("sessions-detail.txt", tdm_sessions_detail, all, 3);
	sessions_golden("sessions-none.txt", tdm_sessions_table, all, 0);
	sessions_golden("sessions-none.json", tdm_sessions_json, all, 0);
}

/* What clients say of themselves reaches an administrator's terminal. */
Test(ctl_output, hostile_strings)
{
	struct sample sample;
	Tandem__Control__Session *all[] = { &sample.session };

	fill_sample(&sample);
	sample.session.user = "eve\n\x1b[2Jroot";
	sample.session.agent = "\xff\xfe\"quoted\"\\";
	sample.session.hostname = "\x7f\xc2\x9b\xed\xa0\x80";
	sessions_golden("sessions-hostile.txt", tdm_sessions_table, all, 1);
	sessions_golden("sessions-hostile-detail.txt", tdm_sessions_detail, all, 1);
	sessions_golden("sessions-hostile.json", tdm_sessions_json, all, 1);
}

Test(ctl_output, durations)
{
	cr_expect_str_eq(tdm_duration(0).text, "0h:00m:00s");
	cr_expect_str_eq(tdm_duration(-5).text, "0h:00m:00s");
	cr_expect_str_eq(tdm_duration(86399999).text, "23h:59m:59s");
	cr_expect_str_eq(tdm_duration(86400000).text, "1d 0h:00m:00s");
	cr_expect_str_eq(tdm_duration(INT64_MAX).text, "106751991167d 7h:12m:55s");
}

Test(ctl_output, suites)
{
	static const struct {
		const char *name;
		bool dtls;
		const char *encryption, *hashing, *protocol;
	} suites[] = {
		{ "TLS_AES_128_GCM_SHA256", false, "AES-GCM-128", "SHA256", "TLSv1.3" },
		{ "TLS13-AES256-GCM-SHA384", false, "AES-GCM-256", "SHA384", "TLSv1.3" },
		{ "TLS_CHACHA20_POLY1305_SHA256", false, "CHACHA20-POLY1305", "SHA256", "TLSv1.3" },
		{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", false, "AES-GCM-256", "SHA384",
			"TLSv1.2" },
		{ "ECDHE-ECDSA-AES128-GCM-SHA256", false, "AES-GCM-128", "SHA256", "TLSv1.2" },
		{ "PSK-AES128-CCM", true, "AES-CCM-128", "SHA256", "DTLSv1.2" },
		{ "AES256-SHA", true, "AES-CBC-256", "SHA1", "DTLSv1.2" },
		{ "AES128-SHA256", true, "AES-CBC-128", "SHA256", "DTLSv1.2" },
		{ "", false, "unknown", "unknown", "TLSv1.2" },
		{ "AES", false, "unknown", "unknown", "TLSv1.2" },
	};

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		struct tdm_suite suite;

		tdm_suite_parse(suites[i].name, suites[i].dtls, &suite);
		cr_expect_str_eq(suite.encryption, suites[i].encryption, "%s", suites[i].name);
		cr_expect_str_eq(suite.hashing, suites[i].hashing, "%s", suites[i].name);
		cr_expect_str_eq(suite.protocol, suites[i].protocol, "%s", suites[i].name);
	}
}
