/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/journal_mem.h"

#include <stdlib.h>
#include <string.h>

#include "replication/journal_format.h"

enum { ITEMS_FIRST = 16, BYTE_BITS = 8 };

struct item {
	uint8_t key[TDM_JOURNAL_KEY_MAX];
	size_t key_len, len;
	uint8_t *value;
};

struct pending {
	struct pending *next;
	struct tdm_journal_batch batch;
};

struct tdm_journal_disk {
	struct item *items; /* durable, in the order of their keys */
	size_t len, cap;
	struct pending *first, **last;
	size_t pending, aside;
	enum tdm_err failing;
};

struct mem_journal {
	struct tdm_journal base;
	struct tdm_journal_disk *disk;
	char cluster[TDM_NAME_MAX], node[TDM_NAME_MAX];
};

/* --- the disk --- */

struct tdm_journal_disk *tdm_journal_disk_new(void)
{
	struct tdm_journal_disk *disk = calloc(1, sizeof(*disk));

	if (disk)
		disk->last = &disk->first;
	return disk;
}

static void forget_all(struct tdm_journal_disk *disk)
{
	for (size_t i = 0; i < disk->len; i++)
		free(disk->items[i].value);
	disk->len = 0;
}

static void drop_first(struct tdm_journal_disk *disk)
{
	struct pending *p = disk->first;

	disk->first = p->next;
	if (!disk->first)
		disk->last = &disk->first;
	disk->pending--;
	tdm_journal_batch_deinit(&p->batch);
	free(p);
}

void tdm_journal_disk_free(struct tdm_journal_disk *disk)
{
	if (!disk)
		return;
	tdm_journal_disk_crash(disk, 0);
	forget_all(disk);
	free(disk->items);
	free(disk);
}

/* Where a key is, or would be. */
static size_t place_of(const struct tdm_journal_disk *disk, struct tdm_blob key, bool *here)
{
	size_t low = 0, high = disk->len;

	*here = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct item *it = &disk->items[mid];
		size_t n = key.len < it->key_len ? key.len : it->key_len;
		int cmp = memcmp(key.data, it->key, n);

		if (!cmp)
			cmp = (key.len > it->key_len) - (key.len < it->key_len);
		if (!cmp) {
			*here = true;
			return mid;
		}
		if (cmp < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* Memory that a disk would have: its lack is no case of a test. */
static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static void set(struct tdm_journal_disk *disk, struct tdm_blob key, struct tdm_blob value)
{
	struct item *it;
	bool here;
	size_t at = place_of(disk, key, &here);

	if (!here && disk->len == disk->cap) {
		disk->cap = disk->cap ? 2 * disk->cap : ITEMS_FIRST;
		disk->items = need(realloc(disk->items, disk->cap * sizeof(*disk->items)));
	}
	it = &disk->items[at];
	if (here) {
		free(it->value);
	} else {
		memmove(it + 1, it, (disk->len - at) * sizeof(*it));
		disk->len++;
	}
	*it = (struct item){ .key_len = key.len, .len = value.len };
	memcpy(it->key, key.data, key.len);
	it->value = need(malloc(value.len + 1));
	memcpy(it->value, value.data, value.len);
}

static void clear(struct tdm_journal_disk *disk, struct tdm_blob key)
{
	bool here;
	size_t at = place_of(disk, key, &here);

	if (!here)
		return;
	free(disk->items[at].value);
	disk->len--;
	memmove(&disk->items[at], &disk->items[at + 1], (disk->len - at) * sizeof(*disk->items));
}

static void apply(struct tdm_journal_disk *disk, const struct tdm_journal_batch *batch)
{
	for (size_t i = 0; i < batch->len; i++) {
		const struct tdm_journal_op *op = &batch->ops[i];

		if (op->kind == TDM_JOURNAL_OP_CLEAR)
			clear(disk, tdm_journal_op_key(batch, op));
		else
			set(disk, tdm_journal_op_key(batch, op), tdm_journal_op_value(batch, op));
	}
}

enum tdm_err tdm_journal_disk_write(
	struct tdm_journal_disk *disk, const struct tdm_journal_batch *batch)
{
	struct pending *p;

	if (disk->failing)
		return disk->failing;
	p = calloc(1, sizeof(*p));
	if (!p)
		return TDM_ERR_NOMEM;
	tdm_journal_batch_init(&p->batch);
	if (tdm_journal_append(&p->batch, batch)) {
		free(p);
		return TDM_ERR_NOMEM;
	}
	*disk->last = p;
	disk->last = &p->next;
	disk->pending++;
	return TDM_OK;
}

size_t tdm_journal_disk_pending(const struct tdm_journal_disk *disk)
{
	return disk->pending;
}

void tdm_journal_disk_sync(struct tdm_journal_disk *disk, size_t n)
{
	for (; n && disk->first; n--) {
		apply(disk, &disk->first->batch);
		drop_first(disk);
	}
}

void tdm_journal_disk_crash(struct tdm_journal_disk *disk, size_t keep)
{
	tdm_journal_disk_sync(disk, keep);
	while (disk->first)
		drop_first(disk);
}

void tdm_journal_disk_fail(struct tdm_journal_disk *disk, enum tdm_err err)
{
	disk->failing = err;
}

void tdm_journal_disk_damage(struct tdm_journal_disk *disk, size_t at)
{
	size_t total = 0;

	for (size_t i = 0; i < disk->len; i++)
		total += disk->items[i].len;
	if (!total)
		return;
	at %= total * BYTE_BITS;
	for (size_t i = 0; i < disk->len; i++) {
		size_t bits = disk->items[i].len * BYTE_BITS;

		if (at < bits) {
			disk->items[i].value[at / BYTE_BITS] ^= (uint8_t)(1u << at % BYTE_BITS);
			return;
		}
		at -= bits;
	}
}

size_t tdm_journal_disk_aside(const struct tdm_journal_disk *disk)
{
	return disk->aside;
}

/* --- the journal --- */

static enum tdm_err scan_all(
	struct mem_journal *j, struct tdm_journal_scan *scan, struct tdm_diag *diag)
{
	enum tdm_err err = TDM_OK;

	scan->cluster = j->cluster;
	scan->node = j->node;
	for (size_t i = 0; i < j->disk->len && !err; i++) {
		const struct item *it = &j->disk->items[i];

		err = tdm_journal_scan_entry(scan, (struct tdm_blob){ it->key, it->key_len },
			(struct tdm_blob){ it->value, it->len }, diag);
	}
	tdm_journal_scan_deinit(scan);
	return err;
}

static enum tdm_err mem_load(
	struct tdm_journal *journal, tdm_journal_visit *visit, void *ctx, struct tdm_diag *diag)
{
	struct tdm_journal_scan scan = { .visit = visit, .ctx = ctx };

	return scan_all((struct mem_journal *)journal, &scan, diag);
}

static enum tdm_err mem_commit(
	struct tdm_journal *journal, const struct tdm_journal_batch *batch, struct tdm_diag *diag)
{
	struct tdm_journal_disk *disk = ((struct mem_journal *)journal)->disk;
	enum tdm_err err = tdm_journal_disk_write(disk, batch);

	if (err)
		return tdm_diag_set(
			diag, err, "journal: cannot write in memory: %s", tdm_err_text(err));
	tdm_journal_disk_sync(disk, disk->pending);
	return TDM_OK;
}

static void mem_close(struct tdm_journal *journal)
{
	free(journal);
}

static const struct tdm_journal_ops mem_ops = {
	.load = mem_load,
	.commit = mem_commit,
	.close = mem_close,
};

static enum tdm_err begin_new(struct mem_journal *j, struct tdm_diag *diag)
{
	struct tdm_journal_batch batch;
	enum tdm_err err;

	tdm_journal_batch_init(&batch);
	err = tdm_journal_header(&batch, j->cluster, j->node);
	if (!err && (j->base.numbers.epoch_counter || j->base.numbers.index_counter))
		err = tdm_journal_numbers(&batch, &j->base.numbers);
	if (!err)
		err = mem_commit(&j->base, &batch, diag);
	tdm_journal_batch_deinit(&batch);
	return err;
}

static enum tdm_err take(struct mem_journal *j, struct tdm_diag *diag)
{
	struct tdm_journal_scan scan = { 0 };
	enum tdm_err err = scan_all(j, &scan, diag);

	j->base.numbers = scan.numbers;
	if (err && err != TDM_ERR_NOMEM) {
		if (err == TDM_ERR_PERM)
			j->base.numbers = (struct tdm_numbers){ 0 };
		(void)tdm_diag_set(&j->base.why, err, "journal: in memory %.200s", diag->text);
		j->disk->aside++;
		forget_all(j->disk);
		return begin_new(j, diag);
	}
	if (err)
		return err;
	j->base.stamp = scan.stamp;
	j->base.sessions = scan.sessions;
	return scan.entries ? TDM_OK : begin_new(j, diag);
}

enum tdm_err tdm_journal_mem_open(struct tdm_journal_disk *disk, const char *cluster,
	const char *node, struct tdm_journal **out, struct tdm_diag *diag)
{
	struct mem_journal *j;
	enum tdm_err err;

	*out = NULL;
	if (strlen(cluster) >= sizeof(j->cluster) || strlen(node) >= sizeof(j->node))
		return tdm_diag_set(diag, TDM_ERR_TOO_LONG, "journal: a name is too long");
	j = calloc(1, sizeof(*j));
	if (!j)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "journal: out of memory");
	j->base.ops = &mem_ops;
	j->disk = disk;
	memcpy(j->cluster, cluster, strlen(cluster));
	memcpy(j->node, node, strlen(node));
	err = take(j, diag);
	if (err)
		free(j);
	else
		*out = &j->base;
	return err;
}
