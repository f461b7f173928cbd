/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/transport_mem.h"

#include <stdlib.h>
#include <string.h>

enum { RING_STEP = 4 };

/* One multicast message, shared by the inboxes it is in. */
struct bytes {
	size_t refs, len;
	uint8_t data[];
};

struct item {
	struct item *next;
	uint64_t pos; /* in the order of everything; 0 = this host's own affair */
	struct bytes *bytes;
	struct tdm_event event;
};

struct host {
	struct tdm_transport transport; /* what the process holds; never moves */
	struct tdm_mem *mem;
	tdm_node_id node;
	bool up, joined;
	unsigned partition;
	struct tdm_ring ring;
	uint32_t pid;
	tdm_transport_event_fn *on_event;
	void *ctx;
	struct item *first, **last;
	size_t waiting;
	uint64_t delivered, barrier; /* positions: last delivered, last view */
};

struct tdm_mem {
	enum tdm_mem_quorum quorum;
	struct host hosts[TDM_NODES_MAX];
	size_t hosts_len;
	uint64_t pos, ring_seq;
};

/* --- inboxes --- */

static void item_free(struct item *item)
{
	if (item->bytes && !--item->bytes->refs)
		free(item->bytes);
	free(item);
}

static void inbox_clear(struct host *h)
{
	while (h->first) {
		struct item *item = h->first;

		h->first = item->next;
		item_free(item);
	}
	h->last = &h->first;
	h->waiting = 0;
}

static void inbox_put(
	struct host *h, uint64_t pos, const struct tdm_event *event, struct bytes *bytes)
{
	struct item *item;

	if (!h->joined)
		return;
	item = calloc(1, sizeof(*item));
	if (!item)
		abort(); /* a network that loses messages silently would prove nothing */
	item->pos = pos;
	item->event = *event;
	item->bytes = bytes;
	if (bytes)
		bytes->refs++;
	*h->last = item;
	h->last = &item->next;
	h->waiting++;
}

static struct host *host_find(struct tdm_mem *mem, tdm_node_id node)
{
	for (size_t i = 0; i < mem->hosts_len; i++)
		if (mem->hosts[i].node == node)
			return &mem->hosts[i];
	return NULL;
}

static bool together(const struct host *a, const struct host *b)
{
	return a->up && b->up && a->partition == b->partition;
}

/* --- rings and views --- */

static void verdict_put(struct host *h, bool quorate)
{
	struct tdm_event ev = { .kind = TDM_EVENT_QUORUM };

	ev.quorum.ring = h->ring;
	ev.quorum.quorate = quorate;
	inbox_put(h, 0, &ev, NULL);
}

static bool quorate(const struct tdm_mem *mem, const struct host *h)
{
	size_t n = 0;

	for (size_t i = 0; i < mem->hosts_len; i++)
		n += together(h, &mem->hosts[i]);
	return mem->quorum == TDM_MEM_QUORUM_ALWAYS || 2 * n > mem->hosts_len;
}

static void ring_put(struct host *h)
{
	struct tdm_event ev = { .kind = TDM_EVENT_RING, .ring = h->ring };

	inbox_put(h, 0, &ev, NULL);
	if (h->mem->quorum != TDM_MEM_QUORUM_MANUAL)
		verdict_put(h, quorate(h->mem, h));
}

/* All hosts of a partition form a new ring. */
static void ring_form(struct tdm_mem *mem, unsigned partition)
{
	struct tdm_ring ring = { 0, mem->ring_seq += RING_STEP };

	for (size_t i = 0; i < mem->hosts_len; i++) {
		struct host *h = &mem->hosts[i];

		if (h->up && h->partition == partition && (!ring.rep || h->node < ring.rep))
			ring.rep = h->node;
	}
	for (size_t i = 0; i < mem->hosts_len; i++)
		if (mem->hosts[i].up && mem->hosts[i].partition == partition)
			mem->hosts[i].ring = ring;
}

static void view_members(const struct tdm_mem *mem, const struct host *h, struct tdm_event *ev)
{
	*ev = (struct tdm_event){ .kind = TDM_EVENT_VIEW };
	for (size_t i = 0; i < mem->hosts_len; i++) {
		const struct host *o = &mem->hosts[i];

		if (!o->joined || !together(h, o))
			continue;
		ev->view.members[ev->view.members_len].node = o->node;
		ev->view.members[ev->view.members_len++].pid = o->pid;
	}
}

static void view_left(struct tdm_event *ev, const struct host *who, enum tdm_left_reason reason)
{
	size_t n = ev->view.left_len++;

	ev->view.left[n].who = (struct tdm_view_node){ who->node, who->pid };
	ev->view.left[n].reason = reason;
}

static void view_joined(struct tdm_event *ev, const struct host *who, bool nodeup)
{
	size_t n = ev->view.joined_len++;

	ev->view.joined[n].who = (struct tdm_view_node){ who->node, who->pid };
	ev->view.joined[n].nodeup = nodeup;
}

static void view_put(struct host *h, const struct tdm_event *ev)
{
	h->barrier = ++h->mem->pos;
	inbox_put(h, h->barrier, ev, NULL);
}

/* --- the process's side --- */

static enum tdm_err mem_mcast(struct tdm_transport *transport, const uint8_t *data, size_t len)
{
	struct host *h = (struct host *)(void *)transport;
	struct tdm_event ev = { .kind = TDM_EVENT_MESSAGE };
	struct bytes *bytes;
	uint64_t pos;

	if (!h->joined)
		return TDM_ERR_CLUSTER_LOST;
	bytes = malloc(sizeof(*bytes) + len);
	if (!bytes)
		return TDM_ERR_NOMEM;
	*bytes = (struct bytes){ .refs = 1, .len = len };
	memcpy(bytes->data, data, len);
	ev.message.node = h->node;
	ev.message.pid = h->pid;
	ev.message.data = bytes->data;
	ev.message.len = len;
	pos = ++h->mem->pos;
	for (size_t i = 0; i < h->mem->hosts_len; i++)
		if (together(h, &h->mem->hosts[i]))
			inbox_put(&h->mem->hosts[i], pos, &ev, bytes);
	if (!--bytes->refs)
		free(bytes);
	return TDM_OK;
}

static void process_gone(struct host *h, enum tdm_left_reason reason)
{
	if (!h->joined)
		return;
	h->joined = false;
	inbox_clear(h);
	for (size_t i = 0; i < h->mem->hosts_len; i++) {
		struct host *o = &h->mem->hosts[i];
		struct tdm_event ev;

		if (!o->joined || !together(h, o))
			continue;
		view_members(h->mem, o, &ev);
		view_left(&ev, h, reason);
		view_put(o, &ev);
	}
}

static void mem_close(struct tdm_transport *transport)
{
	struct host *h = (struct host *)(void *)transport;

	process_gone(h, TDM_LEFT_LEAVE);
	h->on_event = NULL;
}

static const struct tdm_transport_ops mem_ops = { mem_mcast, mem_close };

enum tdm_err tdm_mem_join(struct tdm_mem *mem, tdm_node_id node, uint32_t pid,
	tdm_transport_event_fn *on_event, void *ctx, struct tdm_transport **out)
{
	struct host *h = host_find(mem, node);

	if (!h || !h->up)
		return TDM_ERR_NOT_FOUND;
	if (h->joined)
		return TDM_ERR_EXISTS;
	h->joined = true;
	h->pid = pid;
	h->on_event = on_event;
	h->ctx = ctx;
	h->transport.ops = &mem_ops;
	h->delivered = mem->pos;
	inbox_clear(h);
	for (size_t i = 0; i < mem->hosts_len; i++) {
		struct host *o = &mem->hosts[i];
		struct tdm_event ev;

		if (!o->joined || !together(h, o))
			continue;
		view_members(mem, o, &ev);
		view_joined(&ev, h, false);
		view_put(o, &ev);
	}
	ring_put(h);
	*out = &h->transport;
	return TDM_OK;
}

void tdm_mem_process_down(struct tdm_mem *mem, tdm_node_id node)
{
	struct host *h = host_find(mem, node);

	if (h)
		process_gone(h, TDM_LEFT_PROCDOWN);
}

/* --- partitions --- */

/* What a group of processes that stays together still gets of its old order: up to this position.
 */
static uint64_t cut_position(struct tdm_mem *mem, const struct host *before, const struct host *now,
	tdm_mem_keep_fn *keep, void *ctx)
{
	uint64_t seen = 0, open = 0;
	const struct host *any = NULL;

	for (size_t i = 0; i < mem->hosts_len; i++) {
		const struct host *h = &mem->hosts[i];

		if (!h->joined || !together(now, h) ||
			before[i].partition != before[now - mem->hosts].partition)
			continue;
		any = h;
		seen = h->delivered > seen ? h->delivered : seen;
		seen = h->barrier > seen ? h->barrier : seen;
	}
	for (const struct item *item = any ? any->first : NULL; item; item = item->next)
		open += item->pos > seen;
	if (!keep)
		return mem->pos;
	open = keep(ctx, open);
	for (const struct item *item = any ? any->first : NULL; item && open; item = item->next)
		if (item->pos > seen) {
			seen = item->pos;
			open--;
		}
	return seen;
}

/* Take what is beyond the cut out of an inbox; the caller gets what this host itself had sent. */
static struct item *inbox_cut(struct host *h, uint64_t cut)
{
	struct item **at = &h->first, *own = NULL, **own_last = &own;

	while (*at) {
		struct item *item = *at;

		if (item->pos <= cut) {
			at = &item->next;
			continue;
		}
		*at = item->next;
		h->waiting--;
		item->next = NULL;
		if (item->event.kind == TDM_EVENT_MESSAGE && item->event.message.node == h->node &&
			item->event.message.pid == h->pid) {
			*own_last = item;
			own_last = &item->next;
		} else {
			item_free(item);
		}
	}
	h->last = at;
	return own;
}

static void view_change(struct tdm_mem *mem, const struct host *before, struct host *h)
{
	const struct host *was = &before[h - mem->hosts];
	struct tdm_event ev;

	view_members(mem, h, &ev);
	for (size_t i = 0; i < mem->hosts_len; i++) {
		bool was_with = before[i].joined && together(was, &before[i]);
		bool is_with = mem->hosts[i].joined && together(h, &mem->hosts[i]);

		if (was_with && !is_with)
			view_left(&ev, &before[i], TDM_LEFT_NODEDOWN);
		if (is_with && !was_with)
			view_joined(&ev, &mem->hosts[i], true);
	}
	if (ev.view.left_len || ev.view.joined_len)
		view_put(h, &ev);
	ring_put(h);
}

/* Everybody moves from before to what mem->hosts says now. */
static void move_all(
	struct tdm_mem *mem, const struct host *before, tdm_mem_keep_fn *keep, void *ctx)
{
	uint64_t cuts[TDM_NODES_MAX] = { 0 };
	struct item *resend[TDM_NODES_MAX] = { 0 };
	bool moved[TDM_NODES_MAX] = { false };

	for (size_t i = 0; i < mem->hosts_len; i++)
		for (size_t k = 0; k < mem->hosts_len; k++)
			moved[i] = moved[i] || together(&before[i], &before[k]) !=
						       together(&mem->hosts[i], &mem->hosts[k]);
	for (size_t i = 0; i < mem->hosts_len; i++) {
		bool first = true;

		for (size_t k = 0; k < i; k++)
			if (mem->hosts[k].joined && together(&mem->hosts[k], &mem->hosts[i]) &&
				together(&before[k], &before[i])) {
				cuts[i] = cuts[k]; /* they move together and see the same */
				first = false;
			}
		if (first)
			cuts[i] = cut_position(mem, before, &mem->hosts[i], keep, ctx);
	}
	for (size_t i = 0; i < mem->hosts_len; i++) {
		struct host *h = &mem->hosts[i];

		if (!h->up || !moved[i])
			continue;
		if (h->joined)
			resend[i] = inbox_cut(h, cuts[i]);
		ring_form(mem, h->partition);
	}
	for (size_t i = 0; i < mem->hosts_len; i++)
		if (mem->hosts[i].joined && moved[i])
			view_change(mem, before, &mem->hosts[i]);
	for (size_t i = 0; i < mem->hosts_len; i++)
		while (resend[i]) {
			struct item *item = resend[i];

			resend[i] = item->next;
			(void)mem_mcast(
				&mem->hosts[i].transport, item->bytes->data, item->bytes->len);
			item_free(item);
		}
}

void tdm_mem_regroup(struct tdm_mem *mem, const tdm_node_id *nodes, const unsigned *partition,
	size_t len, tdm_mem_keep_fn *keep, void *ctx)
{
	struct host before[TDM_NODES_MAX];

	memcpy(before, mem->hosts, sizeof(before));
	for (size_t i = 0; i < len; i++) {
		struct host *h = host_find(mem, nodes[i]);

		if (h)
			h->partition = partition[i];
	}
	move_all(mem, before, keep, ctx);
}

static void host_start(struct tdm_mem *mem, struct host *h, unsigned partition)
{
	struct host before[TDM_NODES_MAX];

	memcpy(before, mem->hosts, sizeof(before));
	h->up = true;
	h->partition = partition;
	move_all(mem, before, NULL, NULL);
}

enum tdm_err tdm_mem_host_up(struct tdm_mem *mem, tdm_node_id node, unsigned partition)
{
	struct host *h = host_find(mem, node);

	if (!h) {
		if (mem->hosts_len == TDM_NODES_MAX)
			return TDM_ERR_FULL;
		h = &mem->hosts[mem->hosts_len++];
		*h = (struct host){ .mem = mem, .node = node };
		h->last = &h->first;
	}
	host_start(mem, h, partition);
	return TDM_OK;
}

void tdm_mem_host_down(struct tdm_mem *mem, tdm_node_id node, tdm_mem_keep_fn *keep, void *ctx)
{
	struct host before[TDM_NODES_MAX], *h = host_find(mem, node);

	if (!h || !h->up)
		return;
	memcpy(before, mem->hosts, sizeof(before));
	h->up = h->joined = false;
	inbox_clear(h);
	move_all(mem, before, keep, ctx);
}

void tdm_mem_disconnect(struct tdm_mem *mem, tdm_node_id node, tdm_mem_keep_fn *keep, void *ctx)
{
	struct host *h = host_find(mem, node);
	struct tdm_event ev = { .kind = TDM_EVENT_DISCONNECTED };

	if (!h || !h->up)
		return;
	tdm_mem_host_down(mem, node, keep, ctx);
	if (h->on_event)
		h->on_event(h->ctx, &ev);
	host_start(mem, h, h->partition);
}

void tdm_mem_verdict(struct tdm_mem *mem, tdm_node_id node, bool yes)
{
	struct host *h = host_find(mem, node);

	if (h)
		verdict_put(h, yes);
}

/* --- delivery --- */

bool tdm_mem_deliver(struct tdm_mem *mem, tdm_node_id node)
{
	struct tdm_event end = { .kind = TDM_EVENT_BATCH_END };
	struct host *h = host_find(mem, node);
	struct item *item = h ? h->first : NULL;

	if (!item)
		return false;
	h->first = item->next;
	if (!h->first)
		h->last = &h->first;
	h->waiting--;
	if (item->pos)
		h->delivered = item->pos;
	h->on_event(h->ctx, &item->event);
	item_free(item);
	if (!h->first && h->joined)
		h->on_event(h->ctx, &end);
	return true;
}

struct tdm_ring tdm_mem_ring(const struct tdm_mem *mem, tdm_node_id node)
{
	for (size_t i = 0; i < mem->hosts_len; i++)
		if (mem->hosts[i].node == node && mem->hosts[i].up)
			return mem->hosts[i].ring;
	return (struct tdm_ring){ 0, 0 };
}

size_t tdm_mem_waiting(const struct tdm_mem *mem, tdm_node_id node)
{
	for (size_t i = 0; i < mem->hosts_len; i++)
		if (mem->hosts[i].node == node)
			return mem->hosts[i].waiting;
	return 0;
}

size_t tdm_mem_pump(struct tdm_mem *mem, size_t limit)
{
	size_t total = 0, before;

	do {
		before = total;
		for (size_t i = 0; i < mem->hosts_len && total < limit; i++)
			total += tdm_mem_deliver(mem, mem->hosts[i].node);
	} while (total != before && total < limit);
	return total;
}

enum tdm_err tdm_mem_new(enum tdm_mem_quorum quorum, struct tdm_mem **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return TDM_ERR_NOMEM;
	(*out)->quorum = quorum;
	return TDM_OK;
}

void tdm_mem_free(struct tdm_mem *mem)
{
	if (!mem)
		return;
	for (size_t i = 0; i < mem->hosts_len; i++)
		inbox_clear(&mem->hosts[i]);
	free(mem);
}
