/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/decide.h"

static bool claims_synced(const struct tdm_decide_node *n)
{
	return n->hello->synced && !n->demoted;
}

/* The highest epoch that a node knows of, or that it serves with itself. */
static struct tdm_epoch epoch_max(const struct tdm_hello *hello, bool mine)
{
	struct tdm_epoch max = { 0, 0 };

	for (size_t i = 0; i < hello->owned_len; i++)
		if ((!mine || hello->owned[i].mine) &&
			tdm_epoch_cmp(hello->owned[i].epoch, max) > 0)
			max = hello->owned[i].epoch;
	return max;
}

/* Is a the better head of a primary component? */
static bool better(const struct tdm_decide_node *a, const struct tdm_decide_node *b)
{
	int c;

	if (claims_synced(a) != claims_synced(b))
		return claims_synced(a);
	c = tdm_epoch_cmp(epoch_max(a->hello, true), epoch_max(b->hello, true));
	if (!c)
		c = tdm_epoch_cmp(epoch_max(a->hello, false), epoch_max(b->hello, false));
	return c ? c > 0 : a->who.node < b->who.node;
}

static bool lists(const struct tdm_hello *hello, struct tdm_peer_ref who)
{
	for (size_t i = 0; i < hello->peers_len; i++)
		if (hello->peers[i].node == who.node && hello->peers[i].boot == who.boot)
			return true;
	return false;
}

static bool node_synced(const struct tdm_decide_node *nodes, size_t len,
	const struct tdm_decision *d, tdm_node_id id)
{
	for (size_t i = 0; i < len; i++)
		if (nodes[i].who.node == id)
			return d->synced[i];
	return false;
}

static size_t owned_find(struct tdm_decision *d, tdm_member_id member)
{
	size_t i = 0;

	while (i < d->owned_len && d->owned[i].member != member)
		i++;
	if (i == d->owned_len && i < TDM_MEMBERS_MAX) {
		d->owned[i] = (struct tdm_ownership){ .member = member };
		d->owned_len++;
	}
	return i;
}

/* Take in what one node knows of who owns a member. Among the synced, who serves with the highest
 * epoch counts most, then what the primary says. */
static void owned_add(struct tdm_decision *d, const struct tdm_ownership *o, bool primary,
	bool synced, tdm_node_id sender)
{
	size_t i = owned_find(d, o->member);
	struct tdm_ownership *known;

	if (i == TDM_MEMBERS_MAX)
		return;
	known = &d->owned[i];
	if (synced && o->mine && tdm_epoch_cmp(o->epoch, d->served[i]) > 0) {
		d->served[i] = o->epoch;
		known->owner = sender;
		known->mine = true;
	} else if (primary && !known->mine) {
		known->owner = o->owner;
	}
	if (tdm_epoch_cmp(o->epoch, known->epoch) > 0)
		known->epoch = o->epoch;
}

void tdm_decide(const struct tdm_decide_node *nodes, size_t len, struct tdm_decision *out)
{
	*out = (struct tdm_decision){ 0 };
	for (size_t i = 1; i < len; i++)
		if (better(&nodes[i], &nodes[out->primary]))
			out->primary = i;
	out->cold = !len || !claims_synced(&nodes[out->primary]);
	for (size_t i = 0; i < len && !out->cold; i++)
		out->synced[i] = i == out->primary ||
				 (claims_synced(&nodes[i]) &&
					 lists(nodes[out->primary].hello, nodes[i].who) &&
					 lists(nodes[i].hello, nodes[out->primary].who));
	for (size_t i = 0; i < len; i++)
		for (size_t k = 0; k < nodes[i].hello->owned_len; k++)
			owned_add(out, &nodes[i].hello->owned[k], !out->cold && i == out->primary,
				out->synced[i], nodes[i].who.node);
	for (size_t i = 0; i < out->owned_len; i++)
		if (!node_synced(nodes, len, out, out->owned[i].owner))
			out->owned[i].owner = 0;
}
