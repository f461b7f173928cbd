/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/journal_lmdb_check.h"

#include <stdlib.h>
#include <string.h>

#include "proto/bytes.h"
#include "replication/journal_format.h"
#include "replication/journal_hash.h"

/* The format as lmdb 0.9 has it (MDB_DATA_VERSION 1); fields are in the machine's byte order. */
enum {
	PAGE_HEAD = 16,
	PAGE_SIZE_MIN = 512,
	PAGE_SIZE_MAX = 32768,
	PAGE_BRANCH = 0x01,
	PAGE_LEAF = 0x02,
	PAGE_OVERFLOW = 0x04,
	PAGE_META = 0x08,
	NODE_HEAD = 8,
	NODE_BIG = 0x01, /* the value is on overflow pages */
	DB_INTEGER_KEYS = 0x08,
	DB_PERSISTENT = 0x4000, /* the environment's own flag, kept with the free list's */
	META_PAGES = 2,
	META_VERSION = 1,
	DEPTH_MAX = 32,
	FREE_KEY = 8,
	KEY_MAX = 511,
	SPARE_PAGES = 1 << 20, /* at the end, allocated but never written */
	BYTE_BITS = 8,
	UNIT = 2,      /* entries begin and end at even places */
	NODES_MIN = 2, /* of which LMDB makes two fit a page */
};
#define META_MAGIC UINT32_C(0xBEEFC0DE)
#define NO_PAGE    UINT64_MAX
#define TXN_MAX    (UINT64_MAX / 2)

struct page_head {
	uint64_t number;
	uint16_t pad, flags;
	union {
		struct {
			uint16_t lower, upper;
		};
		uint32_t pages; /* of a value on overflow pages */
	};
};

struct node_head {
	uint16_t lo, hi, flags, key_len;
};

struct database {
	uint32_t pad;
	uint16_t flags, depth;
	uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct meta {
	uint32_t magic, version;
	uint64_t address, map_size;
	struct database free, main;
	uint64_t last_page, txn;
};

_Static_assert(sizeof(struct page_head) == PAGE_HEAD, "layout of a page");
_Static_assert(sizeof(struct node_head) == NODE_HEAD, "layout of a node");
_Static_assert(sizeof(struct database) == 48, "layout of a database");

struct check {
	const uint8_t *file;
	uint64_t pages; /* whole ones in the file */
	size_t page_size;
	struct meta meta;
	uint8_t *seen; /* a bit per page */
	const char *what;
	/* of the database at hand */
	bool is_free;
	struct database count;
	const uint8_t *key; /* the last one, in order */
	size_t key_len;
	const uint8_t *least; /* the next one is not below this */
	size_t least_len;
	uint8_t units[PAGE_SIZE_MAX / UNIT]; /* of the page at hand: taken by an entry */
};

static bool bad(struct check *c, const char *what)
{
	c->what = what;
	return false;
}

static const uint8_t *page_at(const struct check *c, uint64_t number)
{
	return c->file + number * c->page_size;
}

/* A page has one use. */
static bool claim(struct check *c, uint64_t number)
{
	uint8_t bit = (uint8_t)(1u << number % BYTE_BITS);

	if (number < META_PAGES || number > c->meta.last_page)
		return bad(c, "a page number is out of range");
	if (c->seen[number / BYTE_BITS] & bit)
		return bad(c, "a page is used twice");
	c->seen[number / BYTE_BITS] |= bit;
	return true;
}

/* --- values --- */

static bool take_overflow(struct check *c, uint64_t number, size_t len, const uint8_t **value)
{
	struct page_head head;
	uint64_t pages = (PAGE_HEAD - 1 + len) / c->page_size + 1;

	if (number >= c->pages || pages > c->pages - number)
		return bad(c, "a value is cut off");
	memcpy(&head, page_at(c, number), sizeof(head));
	if (head.flags != PAGE_OVERFLOW || head.number != number || head.pages < pages ||
		head.pages > c->pages - number)
		return bad(c, "a value's page is not one");
	for (uint64_t i = 0; i < head.pages; i++)
		if (!claim(c, number + i))
			return false;
	c->count.overflow_pages += head.pages;
	*value = page_at(c, number) + PAGE_HEAD;
	return true;
}

/* A list of free pages: how many, then their numbers from high to low. */
static bool take_free_list(struct check *c, const uint8_t *value, size_t len)
{
	uint64_t n, number, before = NO_PAGE;

	if (len < sizeof(n) || len % sizeof(n))
		return bad(c, "a list of free pages has a wrong length");
	memcpy(&n, value, sizeof(n));
	if (n > len / sizeof(n) - 1)
		return bad(c, "a list of free pages is too long");
	for (uint64_t i = 1; i <= n; i++) {
		memcpy(&number, value + i * sizeof(number), sizeof(number));
		if (number >= before)
			return bad(c, "a list of free pages is not in order");
		if (!claim(c, number))
			return false;
		before = number;
	}
	return true;
}

static int key_cmp(
	const struct check *c, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	uint64_t x, y;
	int cmp;

	if (c->is_free) {
		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		return (x > y) - (x < y);
	}
	cmp = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return cmp ? cmp : (a_len > b_len) - (a_len < b_len);
}

static bool key_fits(struct check *c, size_t len)
{
	if (!len || len > KEY_MAX || (c->is_free && len != FREE_KEY))
		return bad(c, "a key has an impossible length");
	return true;
}

static bool in_order(struct check *c, const uint8_t *key, size_t len)
{
	uint64_t txn;

	if (!key_fits(c, len))
		return false;
	if ((c->key && key_cmp(c, c->key, c->key_len, key, len) >= 0) ||
		(c->least && key_cmp(c, c->least, c->least_len, key, len) > 0))
		return bad(c, "keys are not in order");
	memcpy(&txn, key, c->is_free ? sizeof(txn) : 0);
	if (c->is_free && txn > c->meta.txn)
		return bad(c, "a list of free pages comes from the future");
	c->key = key;
	c->key_len = len;
	c->least = NULL;
	return true;
}

static bool take_leaf_node(struct check *c, const uint8_t *at, struct node_head head)
{
	const uint8_t *value = at + NODE_HEAD + head.key_len;
	size_t len = (size_t)head.lo | (size_t)head.hi << 16;
	uint64_t number;

	if (!in_order(c, at + NODE_HEAD, head.key_len))
		return false;
	c->count.entries++;
	if (head.flags & NODE_BIG) {
		memcpy(&number, value, sizeof(number));
		if (!take_overflow(c, number, len, &value))
			return false;
	}
	return !c->is_free || take_free_list(c, value, len);
}

/* --- pages --- */

static bool take_page(struct check *c, uint64_t number, unsigned depth);

/* What a branch says of its child's keys: all before are lower, all after are not. */
static bool take_branch_node(
	struct check *c, const uint8_t *at, struct node_head head, unsigned depth, bool first)
{
	uint64_t child = (uint64_t)head.lo | (uint64_t)head.hi << 16 | (uint64_t)head.flags << 32;

	if (!first) {
		if (!key_fits(c, head.key_len))
			return false;
		if (c->key && key_cmp(c, c->key, c->key_len, at + NODE_HEAD, head.key_len) >= 0)
			return bad(c, "keys are not in order");
		c->least = at + NODE_HEAD;
		c->least_len = head.key_len;
	}
	return take_page(c, child, depth + 1);
}

static size_t entries_of(struct page_head head)
{
	return (head.lower - (size_t)PAGE_HEAD) / sizeof(uint16_t);
}

static uint16_t place_of(const uint8_t *page, size_t i)
{
	uint16_t at;

	memcpy(&at, page + PAGE_HEAD + i * sizeof(at), sizeof(at));
	return at;
}

/* Entries fill the upper part of their page, side by side. */
static bool take_layout(struct check *c, const uint8_t *page, struct page_head head)
{
	size_t max = ((c->page_size - PAGE_HEAD) / NODES_MIN & ~(size_t)1) - sizeof(uint16_t);
	size_t total = 0;

	memset(c->units, 0, c->page_size / UNIT);
	for (size_t i = 0; i < entries_of(head); i++) {
		uint16_t at = place_of(page, i);
		struct node_head node;
		size_t size;

		if (at < head.upper || at % UNIT || at > c->page_size - NODE_HEAD)
			return bad(c, "an entry lies outside of its page");
		memcpy(&node, page + at, sizeof(node));
		size = (size_t)NODE_HEAD + node.key_len;
		if (head.flags == PAGE_LEAF && node.flags & ~NODE_BIG)
			return bad(c, "an entry is of an unknown kind");
		if (head.flags == PAGE_LEAF)
			size += node.flags & NODE_BIG ? sizeof(uint64_t)
						      : ((size_t)node.lo | (size_t)node.hi << 16);
		if (size > max || size > c->page_size - at)
			return bad(c, "an entry does not fit its page");
		size = (size + UNIT - 1) / UNIT * UNIT;
		total += size;
		for (size_t k = at; k < at + size; k += UNIT)
			if (c->units[k / UNIT]++)
				return bad(c, "entries lie over each other");
	}
	if (total != c->page_size - head.upper)
		return bad(c, "a page has a hole");
	return true;
}

static bool take_nodes(struct check *c, const uint8_t *page, struct page_head head, unsigned depth)
{
	for (size_t i = 0; i < entries_of(head); i++) {
		const uint8_t *at = page + place_of(page, i);
		struct node_head node;
		bool ok;

		memcpy(&node, at, sizeof(node));
		if (head.flags == PAGE_LEAF)
			ok = take_leaf_node(c, at, node);
		else
			ok = take_branch_node(c, at, node, depth, i == 0);
		if (!ok)
			return false;
	}
	return true;
}

/* Recursion: no deeper than DEPTH_MAX. */
static bool take_page(struct check *c, uint64_t number, unsigned depth)
{
	const uint8_t *page;
	struct page_head head;
	size_t n;

	if (number >= c->pages)
		return bad(c, "it is cut off");
	if (!claim(c, number))
		return false;
	page = page_at(c, number);
	memcpy(&head, page, sizeof(head));
	if (head.number != number || (head.flags != PAGE_LEAF && head.flags != PAGE_BRANCH))
		return bad(c, "a page is not what it should be");
	if (head.lower < PAGE_HEAD || head.lower % 2 || head.lower > head.upper ||
		head.upper > c->page_size)
		return bad(c, "a page's bounds are impossible");
	n = entries_of(head);
	if (n < (head.flags == PAGE_BRANCH && !c->is_free ? 2 : 1))
		return bad(c, "a page is empty");
	if ((head.flags == PAGE_LEAF) != (depth == c->count.depth) || depth > DEPTH_MAX)
		return bad(c, "its tree has a wrong depth");
	if (head.flags == PAGE_LEAF)
		c->count.leaf_pages++;
	else
		c->count.branch_pages++;
	return take_layout(c, page, head) && take_nodes(c, page, head, depth);
}

/* --- databases --- */

static bool take_database(struct check *c, const struct database *db, bool is_free)
{
	c->is_free = is_free;
	c->count = (struct database){ .depth = db->depth };
	c->key = c->least = NULL;
	c->key_len = c->least_len = 0;
	if (db->root == NO_PAGE ? db->depth != 0 : !db->depth || db->depth > DEPTH_MAX)
		return bad(c, "its tree has an impossible depth");
	if (db->root != NO_PAGE && !take_page(c, db->root, 1))
		return false;
	if (c->count.entries != db->entries || c->count.leaf_pages != db->leaf_pages ||
		c->count.branch_pages != db->branch_pages ||
		c->count.overflow_pages != db->overflow_pages)
		return bad(c, "its tree is not complete");
	return true;
}

static bool read_meta(struct check *c, const uint8_t *page, uint64_t number, struct meta *meta)
{
	struct page_head head;

	memcpy(&head, page, sizeof(head));
	memcpy(meta, page + PAGE_HEAD, sizeof(*meta));
	if (head.number != number || head.flags != PAGE_META || meta->magic != META_MAGIC)
		return bad(c, "it does not begin like a database");
	if (meta->version != META_VERSION)
		return bad(c, "it is of another version of LMDB");
	return true;
}

/* The later one of the two counts. LMDB reads both of them. */
static bool take_metas(struct check *c, size_t len)
{
	struct meta first, second;

	if (len < PAGE_HEAD + sizeof(first))
		return bad(c, "it is cut off");
	if (!read_meta(c, c->file, 0, &first))
		return false;
	c->page_size = first.free.pad;
	if (c->page_size < PAGE_SIZE_MIN || c->page_size > PAGE_SIZE_MAX ||
		c->page_size & (c->page_size - 1))
		return bad(c, "its page size is impossible");
	c->pages = len / c->page_size;
	if (c->pages < META_PAGES)
		return bad(c, "it is cut off");
	if (!read_meta(c, page_at(c, 1), 1, &second))
		return false;
	if (second.free.pad != first.free.pad)
		return bad(c, "its page size is impossible");
	c->meta = first.txn < second.txn ? second : first;
	if ((c->meta.free.flags & ~DB_PERSISTENT) != DB_INTEGER_KEYS || c->meta.main.flags ||
		c->meta.main.pad)
		return bad(c, "it holds something else than a journal");
	if (c->meta.txn > TXN_MAX)
		return bad(c, "its count of transactions is impossible");
	if (c->meta.last_page < 1 || c->meta.last_page > c->pages + SPARE_PAGES)
		return bad(c, "it is cut off");
	return true;
}

enum tdm_err tdm_journal_lmdb_check(const uint8_t *file, size_t len, const char **what)
{
	struct check c = { .file = file };
	bool ok = take_metas(&c, len);

	if (ok) {
		c.seen = calloc(1, (size_t)(c.meta.last_page / BYTE_BITS + 1));
		if (!c.seen)
			return TDM_ERR_NOMEM;
		ok = take_database(&c, &c.meta.free, true) &&
		     take_database(&c, &c.meta.main, false);
		free(c.seen);
	}
	*what = c.what;
	return ok ? TDM_OK : TDM_ERR_MALFORMED;
}

struct tdm_numbers tdm_journal_lmdb_salvage(const uint8_t *file, size_t len)
{
	enum { CHECK = 8, BODY = 16 };
	struct tdm_numbers best = { 0 };

	for (size_t i = 0; i + 1 + CHECK + BODY <= len; i++) {
		struct tdm_blob key = { file + i, 1 }, body = { file + i + 1 + CHECK, BODY };
		struct tdm_reader r;
		uint64_t epoch, index;

		if (file[i] != TDM_JOURNAL_KEY_NUMBERS)
			continue;
		tdm_reader_init(&r, file + i + 1, CHECK + BODY);
		if (tdm_reader_u64(&r) != tdm_journal_check(key, body))
			continue;
		epoch = tdm_reader_u64(&r);
		index = tdm_reader_u64(&r);
		best.epoch_counter = epoch > best.epoch_counter ? epoch : best.epoch_counter;
		best.index_counter = index > best.index_counter ? index : best.index_counter;
	}
	return best;
}
