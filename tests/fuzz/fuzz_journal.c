/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A journal of anybody's making. First byte 'e': entries, one after the other, whose checks are
 * made right, so that what is behind them is reached. Else: the data file. What passes the check of
 * its structure is given to LMDB, which has to get through reading and writing it.
 */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/bytes.h"
#include "replication/journal_format.h"
#include "replication/journal_hash.h"
#include "replication/journal_lmdb.h"
#include "replication/journal_lmdb_check.h"

enum { ENTRY_MAX = 64 * 1024, CHECK_LEN = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void visit(
	void *ctx, const struct tdm_journal_session *session, const struct tdm_record *record)
{
	struct tdm_journal_batch *again = ctx;

	/* whatever can be read can be written */
	assert(session->id == record->id && session->policy.data);
	assert(tdm_journal_put(again, session) == TDM_OK);
}

/* --- entries: kind, number, length, body --- */

static uint64_t entry(struct tdm_reader *r, uint64_t policy, struct tdm_journal_scan *scan)
{
	static uint8_t value[CHECK_LEN + ENTRY_MAX];
	uint8_t kind = tdm_reader_u8(r), key[TDM_JOURNAL_KEY_MAX];
	uint64_t number = tdm_reader_u64(r);
	size_t len;
	const uint8_t *body = tdm_reader_field(r, ENTRY_MAX, &len);
	struct tdm_blob key_blob = { key, 1 };
	struct tdm_diag diag = { 0 };
	struct tdm_writer w;

	if (!body)
		return policy;
	memcpy(value + CHECK_LEN, body, len);
	if (kind == TDM_JOURNAL_KEY_POLICY)
		number = policy = tdm_journal_hash((struct tdm_blob){ body, len });
	tdm_writer_init(&w, value + CHECK_LEN, ENTRY_MAX);
	if (kind == TDM_JOURNAL_KEY_SESSION && len >= sizeof(policy))
		tdm_writer_u64(&w, policy);
	tdm_writer_init(&w, key, sizeof(key));
	tdm_writer_u8(&w, kind);
	tdm_writer_u64(&w, number);
	if (kind == TDM_JOURNAL_KEY_POLICY || kind == TDM_JOURNAL_KEY_SESSION)
		key_blob.len = sizeof(key);
	tdm_writer_init(&w, value, CHECK_LEN);
	tdm_writer_u64(
		&w, tdm_journal_check(key_blob, (struct tdm_blob){ value + CHECK_LEN, len }));
	/* the scan borrows policies: they have to stay */
	if (kind == TDM_JOURNAL_KEY_POLICY) {
		uint8_t *kept = malloc(CHECK_LEN + len);

		memcpy(kept, value, CHECK_LEN + len);
		if (tdm_journal_scan_entry(
			    scan, key_blob, (struct tdm_blob){ kept, CHECK_LEN + len }, &diag))
			free(kept);
		return policy;
	}
	(void)!tdm_journal_scan_entry(
		scan, key_blob, (struct tdm_blob){ value, CHECK_LEN + len }, &diag);
	return policy;
}

static void entries(const uint8_t *data, size_t size)
{
	struct tdm_journal_batch again;
	struct tdm_journal_scan scan = {
		.cluster = "c", .node = "n", .visit = visit, .ctx = &again
	};
	struct tdm_reader r;
	uint64_t policy = 0;

	tdm_journal_batch_init(&again);
	tdm_reader_init(&r, data, size);
	while (tdm_reader_left(&r))
		policy = entry(&r, policy, &scan);
	tdm_journal_batch_deinit(&again);
	for (size_t i = 0; i < scan.policies_len; i++)
		free((void *)(uintptr_t)(scan.policies[i].wire.data - CHECK_LEN));
	tdm_journal_scan_deinit(&scan);
}

/* --- files --- */

static char base[] = "/dev/shm/tandem-fuzz-journal.XXXXXX";

static void remove_base(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", base);
	(void)!system(command);
}

static void remove_asides(void)
{
	DIR *dir = opendir(base);
	struct dirent *e;
	char path[PATH_MAX];

	while (dir && (e = readdir(dir))) {
		if (!strncmp(e->d_name, ".", 1))
			continue;
		snprintf(path, sizeof(path), "%s/%s/" TDM_JOURNAL_FILE, base, e->d_name);
		unlink(path);
		snprintf(path, sizeof(path), "%s/%s", base, e->d_name);
		rmdir(path);
	}
	if (dir)
		closedir(dir);
}

static void use(struct tdm_journal *journal)
{
	struct tdm_journal_batch again;
	struct tdm_diag diag = { 0 };

	tdm_journal_batch_init(&again);
	assert(tdm_journal_load(journal, visit, &again, &diag) == TDM_OK);
	assert(tdm_journal_numbers(&again, &(struct tdm_numbers){ 1, 1 }) == TDM_OK);
	for (tdm_session_id id = 1; id < 8; id++)
		assert(tdm_journal_drop(&again, id) == TDM_OK);
	(void)!tdm_journal_commit(journal, &again, &diag);
	(void)!tdm_journal_commit(journal, &again, &diag);
	tdm_journal_batch_deinit(&again);
}

static void file(const uint8_t *data, size_t size)
{
	struct tdm_journal_lmdb_config config = { .cluster = "c", .node = "n" };
	char directory[sizeof(base) + 8], path[sizeof(base) + 32];
	struct tdm_journal *journal;
	struct tdm_diag diag = { 0 };
	const char *what;
	int fd;

	(void)tdm_journal_lmdb_salvage(data, size);
	if (tdm_journal_lmdb_check(data, size, &what))
		return;
	if (strchr(base, 'X') == strrchr(base, '.') + 1) {
		assert(mkdtemp(base));
		atexit(remove_base);
	}
	snprintf(directory, sizeof(directory), "%s/j", base);
	snprintf(path, sizeof(path), "%s/j/" TDM_JOURNAL_FILE, base);
	assert(!mkdir(directory, 0700));
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	config.directory = directory;
	if (!tdm_journal_lmdb_open(&config, &journal, &diag)) {
		use(journal);
		tdm_journal_close(journal);
	}
	remove_asides();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] == 'e')
		entries(data + 1, size - 1);
	else
		file(data + 1, size - 1);
	return 0;
}
