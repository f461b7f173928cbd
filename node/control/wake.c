/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * After a takeover: wake the clients of the dead owner (node/address/nudge.h), a few per tick so
 * that the handshakes they answer with keep up, and again if they have not come back.
 */
#include <stdlib.h>
#include <string.h>

#include "node/address/nudge.h"
#include "node/clock.h"
#include "node/control/internal.h"

enum {
	PER_TICK = 100,
	ROUNDS = 3, /* segments and their answers get lost */
};

static const tdm_ms round_after_ms[ROUNDS] = { 0, 600, 2000 };

struct sleeper {
	tdm_session_id id;
	bool awake; /* came back by itself or through us */
	struct tdm_endpoint local, remote;
	uint32_t seq, ack;
};

struct tdm_wake {
	struct sleeper *sleepers;
	size_t len, cap;
	size_t round, next; /* where the current round is */
	tdm_ms since;
};

static bool add(void *ctx, tdm_session_id id, const struct tdm_tunnel_desc *tunnel)
{
	struct tdm_wake *wake = ctx;

	if (tunnel->kind != TDM_TUNNEL_TLS)
		return true;
	if (wake->len == wake->cap) {
		size_t cap = wake->cap ? 2 * wake->cap : PER_TICK;
		struct sleeper *grown = realloc(wake->sleepers, cap * sizeof(*grown));

		if (!grown)
			return false; /* the rest wakes by its own timers */
		wake->sleepers = grown;
		wake->cap = cap;
	}
	wake->sleepers[wake->len++] = (struct sleeper){ .id = id,
		.local = tunnel->local,
		.remote = tunnel->remote,
		.seq = tunnel->seq,
		.ack = tunnel->ack };
	return true;
}

static int by_id(const void *a, const void *b)
{
	tdm_session_id x = ((const struct sleeper *)a)->id, y = ((const struct sleeper *)b)->id;

	return (x > y) - (x < y);
}

void tdm_wake_start(struct tdm_node *node, tdm_member_id member)
{
	struct tdm_wake *wake = calloc(1, sizeof(*wake));

	tdm_wake_stop(node, member);
	if (!wake)
		return;
	wake->since = tdm_clock_ms();
	tdm_cluster_orphans(node->core, member, add, wake);
	if (wake->len == 0) {
		free(wake);
		return;
	}
	qsort(wake->sleepers, wake->len, sizeof(*wake->sleepers), by_id);
	node->members[member].wake = wake;
	tdm_log_info(
		"member %s: waking %zu clients", node->config->members[member - 1].name, wake->len);
	tdm_wake_tick(node);
}

void tdm_wake_stop(struct tdm_node *node, tdm_member_id member)
{
	struct tdm_wake *wake = node->members[member].wake;

	if (wake)
		free(wake->sleepers);
	free(wake);
	node->members[member].wake = NULL;
}

void tdm_wake_came_back(struct tdm_node *node, const struct tdm_record *record)
{
	struct tdm_wake *wake = node->members[record->member].wake;
	struct sleeper key = { .id = record->id }, *found;

	if (!wake)
		return;
	found = bsearch(&key, wake->sleepers, wake->len, sizeof(key), by_id);
	if (found)
		found->awake = true;
}

static void tick_member(struct tdm_node *node, tdm_member_id member)
{
	struct tdm_wake *wake = node->members[member].wake;

	if (!wake || tdm_clock_ms() - wake->since < round_after_ms[wake->round])
		return;
	for (size_t sent = 0; wake->next < wake->len && sent < PER_TICK; wake->next++) {
		const struct sleeper *s = &wake->sleepers[wake->next];

		if (s->awake)
			continue;
		tdm_nudge(node->nudge_fd, &s->local, &s->remote, s->seq, s->ack);
		sent++;
	}
	if (wake->next < wake->len)
		return;
	wake->next = 0;
	if (++wake->round == ROUNDS)
		tdm_wake_stop(node, member);
}

void tdm_wake_tick(struct tdm_node *node)
{
	for (size_t i = 0; i < node->config->members_len; i++)
		tick_member(node, node->config->members[i].id);
}
