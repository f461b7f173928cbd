/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench/bench.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/ip.h"

static bool first = true;

static double read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double bench_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

double bench_cpu(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

_Noreturn void bench_fail(const char *what)
{
	fprintf(stderr, "bench: %s failed\n", what);
	exit(1);
}

struct bench_memory bench_memory(void)
{
	struct mallinfo2 info;
	struct bench_memory m;
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long total = 0, resident = 0;

	malloc_trim(0);
	info = mallinfo2();
	m.heap = (double)(info.uordblks + info.hblkhd);
	if (!file || fscanf(file, "%lu %lu", &total, &resident) != 2)
		bench_fail("reading /proc/self/statm");
	fclose(file);
	m.resident = (double)resident * (double)sysconf(_SC_PAGESIZE);
	return m;
}

void bench_open(void)
{
	printf("[");
}

void bench_close(void)
{
	printf("]\n");
}

static void number(const char *name, double value, bool known)
{
	/* small ones with their fractions, large ones without */
	if (!known)
		printf(", \"%s\": null", name);
	else
		printf(", \"%s\": %.*f", name, value < 10 ? 3 : value < 1000 ? 1 : 0, value);
}

static bool met(const struct bench_result *r, double ratio)
{
	switch (r->kind) {
	case BENCH_AT_LEAST:
		return r->value >= r->goal;
	case BENCH_AT_MOST:
		return r->value <= r->goal;
	case BENCH_RATIO_AT_LEAST:
		return ratio >= r->goal;
	case BENCH_RATIO_AT_MOST:
		return ratio <= r->goal;
	case BENCH_NO_GOAL:
		break;
	}
	return true;
}

void bench_report(struct bench_result r)
{
	double ratio = r.peer > 0 ? r.value / r.peer : 0;

	printf("%s{\"name\": \"%s\", \"unit\": \"%s\"", first ? "" : ",\n", r.name, r.unit);
	number("value", r.value, true);
	number("peer", r.peer, r.peer > 0);
	number("ratio", ratio, r.peer > 0);
	number("goal", r.goal, r.kind != BENCH_NO_GOAL);
	printf(", \"ok\": %s}", met(&r, ratio) ? "true" : "false");
	fflush(stdout);
	first = false;
}

/* --- sessions --- */

enum {
	ROUTES = 8,
	IDLE_S = 1800,
	SESSION_S = 86400,
	LOGIN_AT = 1700000000,
	MS_PER_S = 1000,
	POOL = 10 << 24,
	MTU = 1399,
};

const struct tdm_policy *bench_policy(size_t i)
{
	static struct tdm_policy policies[BENCH_POLICIES];
	static const char *const names[BENCH_POLICIES] = { "staff", "contractors", "operations" };
	struct tdm_policy *p = &policies[i % BENCH_POLICIES];

	if (p->name[0])
		return p;
	snprintf(p->name, sizeof(p->name), "%s", names[i % BENCH_POLICIES]);
	p->routes_len = ROUTES;
	for (unsigned r = 0; r < ROUTES; r++)
		snprintf(p->routes[r], sizeof(p->routes[r]), "10.%u.0.0/255.255.0.0", 128 + r);
	p->dns_len = 2;
	snprintf(p->dns[0], sizeof(p->dns[0]), "10.128.0.53");
	snprintf(p->dns[1], sizeof(p->dns[1]), "10.129.0.53");
	p->domains_len = 1;
	snprintf(p->domains[0], sizeof(p->domains[0]), "corp.example.com");
	snprintf(p->banner, sizeof(p->banner), "Authorised use only. Sessions are logged.");
	p->idle_timeout_s = IDLE_S;
	p->session_timeout_s = SESSION_S;
	p->dpd_s = 30;
	p->keepalive_s = 20;
	p->dtls = true;
	return p;
}

tdm_session_id bench_id(uint32_t n)
{
	uint64_t v = (n + 1) * 0x9e3779b97f4a7c15u;

	v ^= v >> 29;
	return v * 0xbf58476d1ce4e5b9u;
}

void bench_texts(uint32_t n, struct bench_texts *out)
{
	uint64_t v = bench_id(n);

	snprintf(out->user, sizeof(out->user), "first.lastname%05u", n);
	snprintf(out->hostname, sizeof(out->hostname), "laptop-%05u", n);
	out->agent = "AnyConnect Linux_64 4.7.00136";
	out->device = "linux-64";
	out->tunnel_group = "employees";
	out->auth_method = "file";
	for (size_t i = 0; i < sizeof(out->verifier); i += sizeof(v)) {
		v = (v ^ v >> 31) * 0x94d049bb133111ebu + 1;
		memcpy(out->verifier + i, &v, sizeof(v));
	}
	out->addr = (uint32_t)POOL + 2 + n;
	out->public_addr = 0xc6120000u + n;
}

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

static void tunnel(struct tdm_tunnel_desc *t, enum tdm_tunnel_kind kind, const char *suite,
	const struct bench_texts *texts)
{
	t->kind = kind;
	t->local.ip = tdm_ip_from_v4(0xc0000201u);
	t->local.port = 443;
	t->remote.ip = tdm_ip_from_v4(texts->public_addr);
	t->remote.port = (uint16_t)(texts->addr | 0x8000u);
	COPY(t->suite, suite);
	t->seq = kind == TDM_TUNNEL_TLS ? texts->addr * 2654435761u : 0;
	t->ack = ~t->seq;
	t->started = (tdm_wall)LOGIN_AT * MS_PER_S;
}

void bench_record(uint32_t n, uint64_t seq, struct tdm_record *rec)
{
	struct bench_texts texts;
	struct tdm_ip ip;

	bench_texts(n, &texts);
	memset(rec, 0, sizeof(*rec));
	rec->id = bench_id(n);
	rec->index = (n + 1) * TDM_INDEX_SLOTS;
	rec->member = 1;
	memcpy(rec->verifier, texts.verifier, sizeof(rec->verifier));
	rec->version.epoch = (struct tdm_epoch){ .counter = 3, .node = 1 };
	rec->version.seq = seq;
	rec->state = TDM_SESSION_ACTIVE;
	COPY(rec->user, texts.user);
	COPY(rec->group, bench_policy(n)->name);
	COPY(rec->tunnel_group, texts.tunnel_group);
	COPY(rec->auth_method, texts.auth_method);
	COPY(rec->agent, texts.agent);
	COPY(rec->device, texts.device);
	COPY(rec->hostname, texts.hostname);
	ip = tdm_ip_from_v4(texts.addr);
	tdm_ip_text(&ip, rec->addr4);
	COPY(rec->mask4, "255.0.0.0");
	rec->mtu = MTU;
	rec->dtls_offered = true;
	rec->login = (tdm_wall)LOGIN_AT * MS_PER_S + n;
	rec->idle_left_ms = (int64_t)IDLE_S * MS_PER_S;
	rec->disconnected_left_ms = TDM_NEVER;
	rec->session_left_ms = (int64_t)SESSION_S * MS_PER_S - (int64_t)seq;
	rec->public_len = 1;
	rec->public_addrs[0].ip = tdm_ip_from_v4(texts.public_addr);
	rec->public_addrs[0].since = rec->login;
	rec->tunnels_len = 2;
	tunnel(&rec->tunnels[0], TDM_TUNNEL_TLS, "TLS13-AES128-GCM-SHA256", &texts);
	tunnel(&rec->tunnels[1], TDM_TUNNEL_DTLS, "PSK-AES128-GCM-SHA256", &texts);
}
