/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/journal_lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "replication/journal_format.h"
#include "replication/journal_lmdb_check.h"
#include "replication/journal_lmdb_dir.h"

enum {
	FILE_MODE = 0600,
	MAP_FIRST = 16 << 20,
	MAP_GROWTHS = 40, /* doublings; more than there is address space */
	CHUNK = 1 << 20,  /* room on the disk is reserved in such steps */
	OP_PAGES = 4,     /* pages that one change writes anew, at most about that */
	SMALL_BATCH = 4,  /* changes; such a batch may use the last of the room */
	SPARE_PAGES = 64, /* room that only small batches may use */
};

struct lmdb_journal {
	struct tdm_journal base;
	struct tdm_journal_lmdb_config config; /* strings owned */
	char *path;
	int dir_fd;
	MDB_env *env; /* NULL after a failure: opened anew by the next commit */
	MDB_dbi dbi;
	uint64_t reserved; /* bytes of the file that the disk has promised */
	bool broken;       /* the disk lost something: nothing is written any more */
};

static struct lmdb_journal *of(struct tdm_journal *journal)
{
	return (struct lmdb_journal *)journal;
}

/* LMDB's own codes are negative, the others are errno's. */
static enum tdm_err lmdb_error(struct tdm_diag *diag, const char *what, const char *path, int rc)
{
	enum tdm_err err = rc == ENOMEM ? TDM_ERR_NOMEM : tdm_journal_errno(rc);

	if (rc == MDB_MAP_FULL)
		err = TDM_ERR_FULL;
	return tdm_diag_set(diag, err, "journal: cannot %s %s: %s", what, path, mdb_strerror(rc));
}

static MDB_val val(struct tdm_blob b)
{
	return (MDB_val){ .mv_size = b.len, .mv_data = (void *)(uintptr_t)b.data };
}

static struct tdm_blob blob(MDB_val v)
{
	return (struct tdm_blob){ v.mv_data, v.mv_size };
}

/* --- the environment --- */

static void env_close(struct lmdb_journal *j)
{
	if (j->env)
		mdb_env_close(j->env);
	j->env = NULL;
	j->reserved = 0;
}

static int open_dbi(struct lmdb_journal *j)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(j->env, NULL, MDB_RDONLY, &txn);

	if (rc)
		return rc;
	rc = mdb_dbi_open(txn, NULL, 0, &j->dbi);
	mdb_txn_abort(txn);
	return rc;
}

/* No lock file and no reader table: the directory is locked, and one thread at a time comes. */
static enum tdm_err env_open(struct lmdb_journal *j, struct tdm_diag *diag)
{
	size_t map = MAP_FIRST;
	struct stat st;
	int rc;

	if (!stat(j->path, &st))
		while (map < 2 * (size_t)st.st_size)
			map *= 2;
	rc = mdb_env_create(&j->env);
	if (!rc)
		rc = mdb_env_set_mapsize(j->env, map);
	if (!rc)
		rc = mdb_env_open(
			j->env, j->path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS, FILE_MODE);
	if (!rc)
		rc = open_dbi(j);
	if (!rc)
		return TDM_OK;
	env_close(j);
	return lmdb_error(diag, "open", j->path, rc);
}

/* --- reading --- */

/* The whole file, read only. *len is 0 when there is none. */
static enum tdm_err map_file(
	const char *path, const uint8_t **file, size_t *len, struct tdm_diag *diag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum tdm_err err = TDM_OK;
	void *map = NULL;
	struct stat st;

	*len = 0;
	*file = NULL;
	if (fd < 0 && errno == ENOENT)
		return TDM_OK;
	if (fd < 0 || fstat(fd, &st))
		err = lmdb_error(diag, "open", path, errno);
	else if (st.st_size > 0)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		err = lmdb_error(diag, "read", path, errno);
	if (fd >= 0)
		close(fd);
	if (err || !map)
		return err;
	*file = map;
	*len = (size_t)st.st_size;
	return TDM_OK;
}

static void unmap_file(const uint8_t *file, size_t len)
{
	if (len)
		munmap((void *)(uintptr_t)file, len);
}

/* The file's structure, before LMDB sees it. *there: it is not empty. */
static enum tdm_err check_file(const char *path, bool *there, struct tdm_diag *diag)
{
	const char *what = NULL;
	const uint8_t *file;
	size_t len;
	enum tdm_err err = map_file(path, &file, &len, diag);

	*there = len > 0;
	if (err || !len)
		return err;
	err = tdm_journal_lmdb_check(file, len, &what);
	unmap_file(file, len);
	if (err == TDM_ERR_MALFORMED)
		return tdm_diag_set(diag, err, "is damaged: %s", what);
	return err;
}

static struct tdm_numbers salvage(const char *path)
{
	struct tdm_numbers numbers = { 0 };
	const uint8_t *file;
	size_t len;

	if (!map_file(path, &file, &len, NULL))
		numbers = tdm_journal_lmdb_salvage(file, len);
	unmap_file(file, len);
	return numbers;
}

static enum tdm_err scan_cursor(
	MDB_cursor *cursor, const char *path, struct tdm_journal_scan *scan, struct tdm_diag *diag)
{
	MDB_val key, value;
	int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);

	while (!rc) {
		enum tdm_err err = tdm_journal_scan_entry(scan, blob(key), blob(value), diag);

		if (err)
			return err;
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? TDM_OK : lmdb_error(diag, "read", path, rc);
}

/* All entries in the order of their keys. What the scan borrows lives until done is called. */
static enum tdm_err scan_all(struct lmdb_journal *j, struct tdm_journal_scan *scan,
	enum tdm_err (*done)(struct lmdb_journal *, struct tdm_journal_scan *, struct tdm_diag *),
	struct tdm_diag *diag)
{
	enum tdm_err err;
	MDB_cursor *cursor;
	MDB_txn *txn;
	int rc = mdb_txn_begin(j->env, NULL, MDB_RDONLY, &txn);

	if (rc)
		return lmdb_error(diag, "read", j->path, rc);
	rc = mdb_cursor_open(txn, j->dbi, &cursor);
	if (rc) {
		err = lmdb_error(diag, "read", j->path, rc);
	} else {
		err = scan_cursor(cursor, j->path, scan, diag);
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	if (!err && done)
		err = done(j, scan, diag);
	tdm_journal_scan_deinit(scan);
	return err;
}

static enum tdm_err lmdb_load(
	struct tdm_journal *journal, tdm_journal_visit *visit, void *ctx, struct tdm_diag *diag)
{
	struct lmdb_journal *j = of(journal);
	struct tdm_journal_scan scan = {
		.cluster = j->config.cluster, .node = j->config.node, .visit = visit, .ctx = ctx
	};

	if (!j->env) {
		enum tdm_err err = env_open(j, diag);

		if (err)
			return err;
	}
	return scan_all(j, &scan, NULL, diag);
}

/* --- writing --- */

static int apply_once(struct lmdb_journal *j, MDB_txn *txn, MDB_val key, MDB_val value)
{
	MDB_val there = value;
	int rc = mdb_put(txn, j->dbi, &key, &there, MDB_NOOVERWRITE);

	if (rc != MDB_KEYEXIST)
		return rc;
	if (there.mv_size == value.mv_size && !memcmp(there.mv_data, value.mv_data, value.mv_size))
		return 0;
	return MDB_KEYEXIST; /* two policies with one hash */
}

static int apply(struct lmdb_journal *j, MDB_txn *txn, const struct tdm_journal_batch *batch)
{
	int rc = 0;

	for (size_t i = 0; i < batch->len && !rc; i++) {
		const struct tdm_journal_op *op = &batch->ops[i];
		MDB_val key = val(tdm_journal_op_key(batch, op));
		MDB_val value = val(tdm_journal_op_value(batch, op));

		switch (op->kind) {
		case TDM_JOURNAL_OP_SET:
			rc = mdb_put(txn, j->dbi, &key, &value, 0);
			break;
		case TDM_JOURNAL_OP_ONCE:
			rc = apply_once(j, txn, key, value);
			break;
		case TDM_JOURNAL_OP_CLEAR:
			rc = mdb_del(txn, j->dbi, &key, NULL);
			if (rc == MDB_NOTFOUND)
				rc = 0;
			break;
		}
	}
	return rc;
}

static int write_once(struct lmdb_journal *j, const struct tdm_journal_batch *batch)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(j->env, NULL, 0, &txn);

	if (rc)
		return rc;
	rc = apply(j, txn, batch);
	if (!rc)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

static int write_growing(struct lmdb_journal *j, const struct tdm_journal_batch *batch)
{
	int rc = write_once(j, batch);

	for (int i = 0; rc == MDB_MAP_FULL && i < MAP_GROWTHS; i++) {
		MDB_envinfo info;

		rc = mdb_env_info(j->env, &info);
		if (!rc)
			rc = mdb_env_set_mapsize(j->env, 2 * info.me_mapsize);
		if (!rc)
			rc = write_once(j, batch);
	}
	return rc;
}

/* Ask the disk for room before it is needed: LMDB tells a full disk from a broken one only at
 * times. Small batches (the numbers) go on when others cannot. */
static enum tdm_err reserve(struct lmdb_journal *j, const struct tdm_journal_batch *batch)
{
	bool small = batch->len <= SMALL_BATCH && !batch->sessions;
	MDB_envinfo info;
	MDB_stat stat;
	uint64_t need;
	int fd;

	if (mdb_env_info(j->env, &info) || mdb_env_stat(j->env, &stat) ||
		mdb_env_get_fd(j->env, &fd))
		return TDM_ERR_IO;
	need = info.me_last_pgno + 1 + batch->len * OP_PAGES + (small ? 0 : SPARE_PAGES);
	need = need * stat.ms_psize + batch->bytes_len;
	if (need <= j->reserved)
		return TDM_OK;
	need = (need + CHUNK - 1) / CHUNK * CHUNK;
	if (!fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)need))
		j->reserved = need;
	else if (tdm_journal_errno(errno) == TDM_ERR_FULL && !small)
		return TDM_ERR_FULL;
	return TDM_OK; /* a file system that cannot promise anything is fine too */
}

static bool disk_is_full(const struct lmdb_journal *j)
{
	struct statvfs fs;

	return !statvfs(j->path, &fs) && (uint64_t)fs.f_bavail * fs.f_frsize < CHUNK;
}

static enum tdm_err write_failed(struct lmdb_journal *j, int rc, struct tdm_diag *diag)
{
	/* LMDB calls it EIO when the room ends in the middle of a write */
	if (rc == EIO && disk_is_full(j))
		rc = ENOSPC;
	/* the kernel may have dropped what it could not write: what is on the disk is not known */
	j->broken = rc == EIO;
	env_close(j);
	return lmdb_error(diag, "write", j->path, rc);
}

static enum tdm_err lmdb_commit(
	struct tdm_journal *journal, const struct tdm_journal_batch *batch, struct tdm_diag *diag)
{
	struct lmdb_journal *j = of(journal);
	enum tdm_err err = TDM_OK;
	int rc;

	if (j->broken)
		return tdm_diag_set(diag, TDM_ERR_IO,
			"journal: the disk of %s failed; it is not written until a restart",
			j->path);
	if (!batch->len)
		return TDM_OK;
	if (!j->env)
		err = env_open(j, diag);
	if (err)
		return err;
	err = reserve(j, batch);
	if (err)
		return lmdb_error(diag, "write", j->path, err == TDM_ERR_FULL ? ENOSPC : EIO);
	rc = write_growing(j, batch);
	return rc ? write_failed(j, rc, diag) : TDM_OK;
}

/* --- opening and closing --- */

static void lmdb_close(struct tdm_journal *journal)
{
	struct lmdb_journal *j = of(journal);

	env_close(j);
	if (j->dir_fd >= 0)
		close(j->dir_fd);
	free((void *)(uintptr_t)j->config.directory);
	free((void *)(uintptr_t)j->config.cluster);
	free((void *)(uintptr_t)j->config.node);
	free(j->path);
	free(j);
}

static const struct tdm_journal_ops lmdb_ops = {
	.load = lmdb_load,
	.commit = lmdb_commit,
	.close = lmdb_close,
};

static enum tdm_err begin_new(struct lmdb_journal *j, struct tdm_diag *diag)
{
	struct tdm_journal_batch batch;
	enum tdm_err err;

	tdm_journal_batch_init(&batch);
	err = tdm_journal_header(&batch, j->config.cluster, j->config.node);
	if (!err && (j->base.numbers.epoch_counter || j->base.numbers.index_counter))
		err = tdm_journal_numbers(&batch, &j->base.numbers);
	if (!err)
		err = lmdb_commit(&j->base, &batch, diag);
	else
		(void)tdm_diag_set(diag, err, "journal: %s", tdm_err_text(err));
	tdm_journal_batch_deinit(&batch);
	if (!err && fsync(j->dir_fd))
		err = lmdb_error(diag, "sync", j->config.directory, errno);
	return err;
}

/* Everything is fine: take over what was found, forget policies that nobody has. */
static enum tdm_err taken(
	struct lmdb_journal *j, struct tdm_journal_scan *scan, struct tdm_diag *diag)
{
	struct tdm_journal_batch batch;
	enum tdm_err err = TDM_OK;

	(void)diag;
	if (!scan->entries)
		return TDM_OK;
	j->base.numbers = scan->numbers;
	j->base.stamp = scan->stamp;
	j->base.sessions = scan->sessions;
	tdm_journal_batch_init(&batch);
	for (size_t i = 0; i < scan->policies_len && !err; i++)
		if (!scan->policies[i].used)
			err = tdm_journal_drop_policy(&batch, scan->policies[i].hash);
	/* when it cannot be written today, then another day */
	if (!err)
		(void)!lmdb_commit(&j->base, &batch, NULL);
	tdm_journal_batch_deinit(&batch);
	return TDM_OK;
}

/* Check and open what is there. An error with code MALFORMED, VERSION or PERM and a phrase in diag:
 * it cannot be used. */
static enum tdm_err open_file(struct lmdb_journal *j, struct tdm_diag *diag)
{
	struct tdm_journal_scan scan = { .cluster = j->config.cluster, .node = j->config.node };
	bool there;
	enum tdm_err err = check_file(j->path, &there, diag);

	if (!err)
		err = env_open(j, diag);
	if (!err && there) {
		err = scan_all(j, &scan, taken, diag);
		there = scan.entries > 0;
	}
	if (!err && !there)
		err = begin_new(j, diag);
	if (err)
		env_close(j);
	return err;
}

static bool unusable(enum tdm_err err)
{
	return err == TDM_ERR_MALFORMED || err == TDM_ERR_VERSION || err == TDM_ERR_PERM;
}

static enum tdm_err start_over(struct lmdb_journal *j, struct tdm_diag *diag)
{
	char to[TDM_JOURNAL_PATH_MAX];
	struct tdm_diag why = *diag;
	enum tdm_err err;

	/* another node's numbers are not ours */
	if (why.code != TDM_ERR_PERM)
		j->base.numbers = salvage(j->path);
	err = tdm_journal_dir_aside(j->config.directory, j->config.wall, &j->dir_fd, to, diag);
	if (!err)
		err = open_file(j, diag);
	if (!err)
		(void)tdm_diag_set(&j->base.why, why.code,
			"journal: %s %.200s; it is now %.200s and a new one was begun", j->path,
			why.text, to);
	return err;
}

static enum tdm_err prepare(
	struct lmdb_journal *j, const struct tdm_journal_lmdb_config *config, struct tdm_diag *diag)
{
	int n = asprintf(&j->path, "%s/" TDM_JOURNAL_FILE, config->directory);

	if (n < 0)
		j->path = NULL;
	j->config.wall = config->wall;
	j->config.directory = strdup(config->directory);
	j->config.cluster = strdup(config->cluster);
	j->config.node = strdup(config->node);
	if (!j->path || !j->config.directory || !j->config.cluster || !j->config.node) {
		(void)tdm_diag_set(diag, TDM_ERR_NOMEM, "journal: out of memory");
		return TDM_ERR_NOMEM;
	}
	if ((size_t)n >= TDM_JOURNAL_PATH_MAX)
		return tdm_diag_set(diag, TDM_ERR_TOO_LONG, "journal: the path is too long");
	return tdm_journal_dir_open(config->directory, &j->dir_fd, diag);
}

enum tdm_err tdm_journal_lmdb_open(const struct tdm_journal_lmdb_config *config,
	struct tdm_journal **out, struct tdm_diag *diag)
{
	struct lmdb_journal *j = calloc(1, sizeof(*j));
	enum tdm_err err;

	*out = NULL;
	if (!j)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "journal: out of memory");
	j->base.ops = &lmdb_ops;
	j->dir_fd = -1;
	err = prepare(j, config, diag);
	if (!err)
		err = open_file(j, diag);
	if (unusable(err))
		err = start_over(j, diag);
	if (err)
		lmdb_close(&j->base);
	else
		*out = &j->base;
	return err;
}
