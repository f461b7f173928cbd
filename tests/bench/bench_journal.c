/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the journal does on the disk of the directory given (else of /var/tmp): commits of one
 * session, commits of many, and opening a journal of 100 000 sessions. The first two are figures
 * of the disk above all, so there are no goals.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "replication/journal_lmdb.h"

enum {
	MEASURE_MS = 3000,
	SESSIONS = 100000,
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
	PATH_LEN = 256,
	NAME_LEN = 64,
	KIB = 1024,
};

static struct tdm_journal *journal;
static struct tdm_journal_batch batch;

static void die(const char *text)
{
	fprintf(stderr, "bench-journal: %s\n", text);
	exit(1);
}

static void result(const char *name, double value, const char *unit)
{
	static bool more;

	printf("%s{\"name\": \"%s\", \"value\": %.0f, \"unit\": \"%s\", \"peer\": null, "
	       "\"ratio\": null, \"goal\": null, \"ok\": true}",
		more ? ",\n" : "[", name, value, unit);
	more = true;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * MS_PER_S + t.tv_nsec / NS_PER_MS;
}

/* A session as it is while somebody is connected. */
static void put(tdm_session_id id, uint64_t seq)
{
	static uint8_t wire[TDM_RECORD_WIRE_MAX], policy_wire[TDM_POLICY_WIRE_MAX];
	static struct tdm_policy policy = { .name = "staff", .idle_timeout_s = 1800, .dtls = true };
	struct tdm_record rec = { .id = id,
		.index = (uint32_t)id,
		.member = 1,
		.version = { { 1, 1 }, seq },
		.state = TDM_SESSION_ACTIVE,
		.group = "staff",
		.tunnel_group = "everybody",
		.auth_method = "file",
		.agent = "AnyConnect-compatible OpenConnect VPN Agent v9.01",
		.device = "linux-64",
		.hostname = "workstation",
		.addr4 = "10.9.100.200",
		.mask4 = "255.255.0.0",
		.mtu = 1390,
		.public_len = 1,
		.tunnels_len = 2,
		.public_addrs = { { { 4, { 198, 51, 100, 7 } }, 1700000000000 } } };
	struct tdm_journal_session s = { .id = id, .written = 1700000000000 };
	size_t len, policy_len;

	memcpy(rec.verifier, &id, sizeof(id));
	snprintf(rec.user, sizeof(rec.user), "user%u", (unsigned)id);
	for (int i = 0; i < 2; i++) {
		rec.tunnels[i].kind = i ? TDM_TUNNEL_DTLS : TDM_TUNNEL_TLS;
		rec.tunnels[i].local.ip = rec.tunnels[i].remote.ip = rec.public_addrs[0].ip;
		rec.tunnels[i].started = 1700000000000;
		snprintf(rec.tunnels[i].suite, sizeof(rec.tunnels[i].suite),
			"ECDHE-RSA-AES128-GCM-SHA256");
	}
	if (tdm_record_encode(&rec, NULL, 0, wire, sizeof(wire), &len) ||
		tdm_policy_encode(&policy, policy_wire, sizeof(policy_wire), &policy_len))
		die("encode");
	s.record = (struct tdm_blob){ wire, len };
	s.policy = (struct tdm_blob){ policy_wire, policy_len };
	if (tdm_journal_put(&batch, &s))
		die("put");
}

static void commit(void)
{
	struct tdm_diag diag = { 0 };

	if (tdm_journal_commit(journal, &batch, &diag))
		die(diag.text);
	tdm_journal_batch_reset(&batch);
}

static void measure_commits(size_t each)
{
	int64_t start = now_ms(), took;
	uint64_t commits = 0, seq = 1, id = 0;
	char name[NAME_LEN];

	do {
		for (size_t i = 0; i < each; i++) {
			id = (id * 7919 + 1) % SESSIONS;
			put(id + 1, seq++);
		}
		commit();
		commits++;
		took = now_ms() - start;
	} while (took < MEASURE_MS);
	snprintf(name, sizeof(name), "journal: %zu a commit", each);
	result(name, (double)(commits * each) * MS_PER_S / (double)took, "session/s");
}

static void ignore(
	void *ctx, const struct tdm_journal_session *session, const struct tdm_record *rec)
{
	(void)session;
	(void)rec;
	++*(size_t *)ctx;
}

static void measure_opening(const struct tdm_journal_lmdb_config *config)
{
	struct tdm_diag diag = { 0 };
	size_t n = 0;
	int64_t start = now_ms(), opened;

	for (tdm_session_id id = 1; id <= SESSIONS; id++) {
		put(id, 1);
		if (id % 1000 == 0)
			commit();
	}
	result("journal: write 100 000 sessions", (double)(now_ms() - start), "ms");
	tdm_journal_close(journal);
	start = now_ms();
	if (tdm_journal_lmdb_open(config, &journal, &diag))
		die(diag.text);
	opened = now_ms();
	if (tdm_journal_load(journal, ignore, &n, &diag))
		die(diag.text);
	result("journal: open and check 100 000 sessions", (double)(opened - start), "ms");
	result("journal: load 100 000 sessions", (double)(now_ms() - opened), "ms");
	if (n != SESSIONS)
		die("sessions are missing");
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 1, 16, 64, 512 };
	char base[PATH_LEN], directory[PATH_LEN + 16], file[PATH_LEN + 32];
	struct tdm_journal_lmdb_config config = { .cluster = "bench", .node = "bench" };
	struct tdm_diag diag = { 0 };
	struct stat st;

	snprintf(base, sizeof(base), "%s/tandem-bench.XXXXXX", argc > 1 ? argv[1] : "/var/tmp");
	if (!mkdtemp(base))
		die("cannot make a directory there");
	snprintf(directory, sizeof(directory), "%s/journal", base);
	snprintf(file, sizeof(file), "%s/" TDM_JOURNAL_FILE, directory);
	config.directory = directory;
	if (tdm_journal_lmdb_open(&config, &journal, &diag))
		die(diag.text);
	tdm_journal_batch_init(&batch);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure_commits(sizes[i]);
	measure_opening(&config);
	if (!stat(file, &st))
		result("journal: file of 100 000 sessions", (double)(st.st_size / KIB), "KiB");
	puts("]");
	tdm_journal_close(journal);
	tdm_journal_batch_deinit(&batch);
	remove(file);
	remove(directory);
	remove(base);
	return 0;
}
