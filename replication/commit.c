/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/commit.h"

#include <stdlib.h>

void tdm_commits_init(struct tdm_commits *commits)
{
	*commits = (struct tdm_commits){ .last = &commits->first };
}

void tdm_commits_deinit(struct tdm_commits *commits)
{
	while (commits->first)
		tdm_commits_drop(commits, &commits->first);
}

struct tdm_commit *tdm_commits_add(struct tdm_commits *commits)
{
	struct tdm_commit *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->deadline = TDM_NEVER;
	*commits->last = c;
	commits->last = &c->next;
	commits->len++;
	return c;
}

void tdm_commits_drop(struct tdm_commits *commits, struct tdm_commit **at)
{
	struct tdm_commit *c = *at;

	*at = c->next;
	if (commits->last == &c->next)
		commits->last = at;
	commits->len--;
	free(c);
}

void tdm_commits_acked(struct tdm_commits *commits, size_t node, uint64_t seq)
{
	uint32_t bit = (uint32_t)1 << node;

	for (struct tdm_commit *c = commits->first; c; c = c->next) {
		if (c->seq > seq || !c->delivered || !(c->waiting & bit))
			continue;
		c->waiting &= ~bit;
		c->acked = true;
	}
}

void tdm_commits_forget(struct tdm_commits *commits, size_t node)
{
	for (struct tdm_commit *c = commits->first; c; c = c->next)
		c->waiting &= ~((uint32_t)1 << node);
}
