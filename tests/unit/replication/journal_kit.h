/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions to write into journals, and what a journal holds, for its tests. */
#pragma once

#include "replication/journal.h"
#include "replication/journal_mem.h"

enum { KIT_SESSIONS = 2048, KIT_PATH = 256, KIT_LARGE = 1000 };

#define KIT_CLUSTER "testers"
#define KIT_NODE    "n1"

/* What a journal was found to hold. */
struct kit_found {
	size_t len;
	struct {
		tdm_session_id id;
		uint64_t seq;
		enum tdm_session_state state;
		tdm_wall written, dropped;
		char policy[TDM_NAME_MAX];
		char user[TDM_USER_MAX];
	} items[KIT_SESSIONS];
};

/* Put session id at version seq into the batch; its policy is named "policy<policy>",
 * and is larger than a page from KIT_LARGE on. */
void kit_put(struct tdm_journal_batch *batch, tdm_session_id id, uint64_t seq, unsigned policy);
/* The same, revoked. */
void kit_revoke(struct tdm_journal_batch *batch, tdm_session_id id, uint64_t seq);
/* Commit and reset; must succeed. */
void kit_commit(struct tdm_journal *journal, struct tdm_journal_batch *batch);
/* Load all of it; must succeed. found is static storage of the kit, until the next call. */
const struct kit_found *kit_load(struct tdm_journal *journal);
/* Position in found, or fails the test. */
size_t kit_find(const struct kit_found *found, tdm_session_id id);

/* A journal on either medium. */
struct kit_medium {
	bool lmdb;
	struct tdm_journal_disk *disk;
	char base[KIT_PATH], directory[KIT_PATH + 16]; /* base is new and empty */
};
void kit_medium_init(struct kit_medium *medium, bool lmdb);
void kit_medium_deinit(struct kit_medium *medium);
/* Open as this node; must succeed. */
struct tdm_journal *kit_open_as(struct kit_medium *medium, const char *cluster, const char *node);
struct tdm_journal *kit_open(struct kit_medium *medium);
/* Journals that were put aside. */
size_t kit_aside(const struct kit_medium *medium);
