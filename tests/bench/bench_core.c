/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the pure core does on one core: merging, decoding, finding, and whole tables that go from
 * one node to another inside this process. Times are of the processor, not of the wall.
 */
#include "tests/bench/bench_core.h"

#include <stdlib.h>

#include "tests/bench/bench.h"

enum {
	SESSIONS = 100000,
	FEW_SESSIONS = 10000,
	/* As many as come in one go. What was just decoded is in the cache, here as in life. */
	BATCH = 128,
	BATCHES = 400,
	SLICES = 7,
	LOOKUPS = 64 * BATCH,
	CACHES = 64 << 20, /* bytes: more than the caches hold */
	STEP = 7919,       /* a prime: walks over all sessions, out of order */
	NS_PER_S = 1000000000,
};

struct policy_wire {
	uint8_t data[TDM_POLICY_WIRE_MAX];
	size_t len;
};

static struct policy_wire policies[BENCH_POLICIES];

static struct batch {
	struct tdm_record records[BATCH];
	uint8_t wires[BATCH][TDM_RECORD_WIRE_MAX];
	struct tdm_incoming incoming[BATCH];
} batch;

static void encode_policies(void)
{
	for (size_t i = 0; i < BENCH_POLICIES; i++)
		if (tdm_policy_encode(bench_policy(i), policies[i].data, sizeof(policies[i].data),
			    &policies[i].len))
			bench_fail("encoding a policy");
}

static void prepare(size_t at, uint32_t n, uint64_t seq)
{
	const struct policy_wire *policy = &policies[n % BENCH_POLICIES];
	struct tdm_record rec;
	size_t len;

	bench_record(n, seq, &rec);
	if (tdm_record_encode(&rec, NULL, 0, batch.wires[at], sizeof(batch.wires[at]), &len))
		bench_fail("encoding a record");
	batch.incoming[at] = (struct tdm_incoming){
		.rec = &batch.records[at],
		.wire = { batch.wires[at], len },
		.policy = { policy->data, policy->len },
		.written = (tdm_ms)n,
		.dropped = TDM_NEVER,
	};
}

static void decode(size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (tdm_record_decode(batch.incoming[i].wire.data, batch.incoming[i].wire.len,
			    &batch.records[i]))
			bench_fail("decoding a record");
}

static void merge(struct tdm_table *table, size_t len)
{
	struct tdm_merged merged;

	for (size_t i = 0; i < len; i++)
		if (tdm_table_merge(table, &batch.incoming[i], &merged))
			bench_fail("merging a record");
}

static void fill(struct tdm_table *table, uint32_t sessions)
{
	if (tdm_table_init(table, 1))
		bench_fail("making a table");
	for (uint32_t n = 0; n < sessions; n++) {
		prepare(0, n, 2);
		decode(1);
		merge(table, 1);
	}
}

/* Half are new versions, a quarter are stale, a quarter are known already. Seconds are added up. */
static void merge_slice(
	struct tdm_table *table, uint64_t *seqs, uint32_t *at, double *decoding, double *merging)
{
	uint32_t n = *at;

	for (int b = 0; b < BATCHES; b++) {
		double start, middle;

		for (size_t i = 0; i < BATCH; i++, n = (n + STEP) % SESSIONS) {
			seqs[n] += i % 4 < 2;
			prepare(i, n, seqs[n] + (i % 4 == 2 ? 1 : 2));
		}
		start = bench_cpu();
		decode(BATCH);
		middle = bench_cpu();
		merge(table, BATCH);
		*merging += bench_cpu() - middle;
		*decoding += middle - start;
	}
	*at = n;
}

/* The best of several slices: others share the memory and its caches. */
static void bench_merge(struct tdm_table *table)
{
	uint64_t *seqs = calloc(SESSIONS, sizeof(*seqs));
	double merged = 0, both = 0;
	uint32_t n = 0;

	if (!seqs)
		bench_fail("calloc");
	for (int i = 0; i < SLICES; i++) {
		double decoding = 0, merging = 0, records = (double)BATCH * BATCHES;

		merge_slice(table, seqs, &n, &decoding, &merging);
		if (merged < records / merging)
			merged = records / merging;
		if (both < records / (decoding + merging))
			both = records / (decoding + merging);
	}
	free(seqs);
	bench_report((struct bench_result){
		"merge_decoded", "1/s", merged, 0, BENCH_AT_LEAST, 1000000 });
	bench_report((struct bench_result){
		"decode_and_merge", "1/s", both, 0, BENCH_AT_LEAST, 250000 });
}

/* --- finding --- */

enum key { KEY_ID, KEY_VERIFIER, KEY_ADDR, KEY_USER, KEYS };

static const char *const key_names[KEYS] = { "lookup_id", "lookup_token", "lookup_address",
	"lookup_user" };

struct keys {
	struct bench_texts texts;
	tdm_session_id id;
};

static const struct tdm_entry *find(
	const struct tdm_table *table, const struct keys *k, enum key key)
{
	switch (key) {
	case KEY_ID:
		return tdm_table_find(table, k->id);
	case KEY_VERIFIER:
		return tdm_table_find_verifier(table, k->texts.verifier);
	case KEY_ADDR:
		return tdm_table_find_addr(table, k->texts.addr);
	case KEY_USER:
		return tdm_table_find_user(table, k->texts.user);
	case KEYS:
		break;
	}
	return NULL;
}

static void forget_caches(void)
{
	static volatile uint8_t much[CACHES];
	enum { LINE = 64 };

	for (size_t i = 0; i < sizeof(much); i += LINE)
		much[i]++;
}

/* Nanoseconds for one look-up in a table that is in no cache, as after other work. */
static double look_up(const struct tdm_table *table, uint32_t sessions, enum key key)
{
	static struct keys keys[BATCH];
	double spent = 0;
	uint32_t n = 0;

	for (int done = 0; done < LOOKUPS; done += BATCH) {
		double start;

		forget_caches();
		for (size_t i = 0; i < BATCH; i++, n = (n + STEP) % sessions) {
			bench_texts(n, &keys[i].texts);
			keys[i].id = bench_id(n);
		}
		start = bench_cpu();
		for (size_t i = 0; i < BATCH; i++)
			if (!find(table, &keys[i], key))
				bench_fail("finding a session");
		spent += bench_cpu() - start;
	}
	return spent * NS_PER_S / LOOKUPS;
}

/* The peer is the same with a tenth of the sessions: ten times as much would be a walk. */
static void bench_lookups(const struct tdm_table *many)
{
	enum { RATIO_MAX = 2 };
	struct tdm_table few;

	fill(&few, FEW_SESSIONS);
	for (enum key key = 0; key < KEYS; key++)
		bench_report(
			(struct bench_result){ key_names[key], "ns", look_up(many, SESSIONS, key),
				look_up(&few, FEW_SESSIONS, key), BENCH_RATIO_AT_MOST, RATIO_MAX });
	tdm_table_deinit(&few);
}

int main(void)
{
	struct tdm_table table;
	struct bench_memory before, after;

	bench_open();
	encode_policies();
	before = bench_memory();
	fill(&table, SESSIONS);
	after = bench_memory();
	/* on a fresh heap, with two tunnels each */
	bench_report((struct bench_result){ "table_resident_per_session", "B",
		(after.resident - before.resident) / SESSIONS, 0, BENCH_AT_MOST,
		BENCH_SESSION_BYTES });
	bench_merge(&table);
	bench_lookups(&table);
	tdm_table_deinit(&table);
	bench_pair(SESSIONS);
	bench_close();
	return 0;
}
