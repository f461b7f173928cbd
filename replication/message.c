/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "replication/core.h"

/* --- out --- */

uint64_t tdm_message_cast(struct tdm_cluster *c, struct tdm_message *msg)
{
	struct tdm_action *a;
	const uint8_t *data;
	size_t len;
	enum tdm_err err;

	if (!c->connected)
		return 0;
	msg->from = (struct tdm_peer_ref){ c->config.self, c->config.boot };
	msg->seq = c->seq + 1;
	msg->epoch.counter = c->numbers.epoch_counter;
	msg->config = c->config.config_fingerprint;
	msg->unprotected = (uint32_t)c->unprotected;
	err = tdm_envelope_encode(
		msg, c->config.mac, c->config.mac_ctx, &c->arena, c->out, TDM_ENVELOPE_MAX, &len);
	if (err) {
		tdm_actions_note(
			c->actions, true, "a message could not be made: %s", tdm_err_text(err));
		return 0;
	}
	data = tdm_actions_keep(c->actions, c->out, len);
	if (!data)
		return 0;
	a = tdm_actions_add(c->actions, TDM_ACTION_MCAST);
	a->mcast.data = data;
	a->mcast.len = len;
	c->seq++;
	return c->seq;
}

struct tdm_change tdm_message_change(const struct tdm_cluster *c, const struct tdm_entry *e)
{
	return (struct tdm_change){
		.record = tdm_entry_wire(e),
		.age_ms = c->now - e->written,
		.dropped_ms = e->dropped == TDM_NEVER ? -1 : c->now - e->dropped,
		.guessed = e->guessed,
	};
}

uint64_t tdm_message_update(struct tdm_cluster *c, const struct tdm_entry *e)
{
	struct tdm_message msg = { .kind = TDM_MESSAGE_UPDATE };
	struct tdm_change change;
	struct tdm_blob policy;
	uint64_t seq;

	if (e) {
		change = tdm_message_change(c, e);
		policy = tdm_entry_policy_wire(e);
		msg.update = (struct tdm_batch){ &policy, 1, &change, 1 };
	}
	seq = tdm_message_cast(c, &msg);
	if (e && seq)
		tdm_verify_sent(c, e->id, seq);
	return seq;
}

/* Acknowledgements are cumulative: what waits holds up all that comes after it. */
void tdm_message_ack_later(
	struct tdm_cluster *c, struct tdm_peer *from, uint64_t seq, uint64_t number)
{
	struct tdm_ack_wait *last = from->waits_len ? &from->waits[from->waits_len - 1] : NULL;

	if (number <= c->journal_durable)
		number = 0;
	if (!number && !last) {
		from->ack_due = seq;
		return;
	}
	if (last && (number <= last->number || from->waits_len == TDM_ACK_WAITS)) {
		last->seq = seq;
		last->number = number > last->number ? number : last->number;
		return;
	}
	from->waits[from->waits_len++] = (struct tdm_ack_wait){ seq, number };
}

static void waits_over(const struct tdm_cluster *c, struct tdm_peer *p)
{
	size_t n = 0;

	while (n < p->waits_len && p->waits[n].number <= c->journal_durable)
		p->ack_due = p->waits[n++].seq;
	if (!n)
		return;
	p->waits_len -= n;
	memmove(p->waits, p->waits + n, p->waits_len * sizeof(p->waits[0]));
}

void tdm_message_acks(struct tdm_cluster *c)
{
	struct tdm_message msg = { .kind = TDM_MESSAGE_ACK };

	if (c->deaf || !c->connected)
		return;
	for (size_t i = 0; i < c->peers_len; i++) {
		struct tdm_peer *p = &c->peers[i];

		waits_over(c, p);
		if (!p->ack_due)
			continue;
		msg.ack.items[msg.ack.len].peer = (struct tdm_peer_ref){ p->id, p->boot };
		msg.ack.items[msg.ack.len++].seq = p->ack_due;
		p->ack_due = 0;
	}
	if (msg.ack.len)
		tdm_message_cast(c, &msg);
}

/* --- in --- */

static void on_update(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg)
{
	uint64_t number = 0;

	/* our own changes were made when they were sent: what counts is their place in the order */
	if (from == tdm_core_self(c)) {
		c->no_answers = tdm_wait_delivered(c, msg->seq);
		return;
	}
	for (size_t i = 0; i < msg->update.changes_len; i++) {
		uint64_t n = tdm_change_merge(c, &msg->update.changes[i],
			msg->update.policies[msg->update.changes[i].policy]);

		number = n > number ? n : number;
	}
	tdm_message_ack_later(c, from, msg->seq, number);
}

static void on_ack(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg)
{
	for (size_t i = 0; i < msg->ack.len; i++) {
		const struct tdm_acked *a = &msg->ack.items[i];

		if (a->peer.node != c->config.self || a->peer.boot != c->config.boot ||
			a->seq <= from->acked)
			continue;
		from->acked = a->seq;
		tdm_wait_acked(c, from);
	}
}

static void dispatch(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg)
{
	switch (msg->kind) {
	case TDM_MESSAGE_HELLO:
		tdm_sync_hello(c, from, &msg->hello);
		break;
	case TDM_MESSAGE_UPDATE:
		on_update(c, from, msg);
		break;
	case TDM_MESSAGE_ACK:
		on_ack(c, from, msg);
		break;
	case TDM_MESSAGE_BULK_REQUEST:
		tdm_bulk_request(c, from, msg);
		break;
	case TDM_MESSAGE_BULK_CHUNK:
		tdm_bulk_chunk(c, from, msg);
		break;
	case TDM_MESSAGE_BULK_END:
		tdm_bulk_end(c, from, msg);
		break;
	case TDM_MESSAGE_SYNCED:
		tdm_sync_synced(c, from, msg);
		break;
	case TDM_MESSAGE_DEMOTE:
		tdm_sync_demote(c, from, msg);
		break;
	case TDM_MESSAGE_OWNER:
		tdm_role_heard(c, from->id, msg);
		break;
	case TDM_MESSAGE_DIGEST:
		tdm_verify_message(c, from, msg);
		break;
	case TDM_MESSAGE_HANDOVER:
	case TDM_MESSAGE_NONE:
	case TDM_MESSAGE_KINDS:
		break;
	}
}

/* Is this message of the process that counts as its node? */
static struct tdm_peer *sender(
	struct tdm_cluster *c, const struct tdm_event_message *ev, const struct tdm_message *msg)
{
	struct tdm_peer *p = tdm_core_peer(c, msg->from.node);
	bool self = p && p == tdm_core_self(c);

	if (!p || !p->present || ev->node != msg->from.node || ev->pid != p->pid ||
		(self             ? c->config.boot
			: p->boot ? p->boot
				  : msg->from.boot) != msg->from.boot) {
		if (p && !p->ignored_total++)
			tdm_actions_note(c->actions, true,
				"a message in the name of node %u (pid %u) is ignored",
				msg->from.node, ev->pid);
		return NULL;
	}
	p->boot = msg->from.boot;
	return p;
}

/* Sequence numbers without a gap: false for what was seen before. */
static bool in_sequence(struct tdm_cluster *c, struct tdm_peer *p, uint64_t seq)
{
	uint64_t last = p->last_seq;
	bool others = false;

	if (seq <= last)
		return false;
	p->last_seq = seq;
	if (!last || seq == last + 1)
		return true;
	if (p == tdm_core_self(c)) {
		tdm_wait_again(c, seq);
		return true;
	}
	tdm_actions_note(c->actions, true, "messages %llu to %llu of node %u are missing",
		(unsigned long long)(last + 1), (unsigned long long)(seq - 1), p->id);
	for (size_t i = 0; i < c->peers_len; i++)
		others = others || (i != c->self && c->peers[i].synced);
	if (others) {
		c->deaf = true;
		tdm_sync_ask_demote(c, tdm_core_self(c));
	}
	return true;
}

static void take_header(struct tdm_cluster *c, struct tdm_peer *p, const struct tdm_message *msg)
{
	tdm_role_seen(c, msg->epoch);
	p->unprotected = msg->unprotected;
	p->config = msg->config;
	if (msg->kind == TDM_MESSAGE_HELLO)
		tdm_settings_hello(c, p, &msg->hello);
}

static void refuse(struct tdm_cluster *c, const struct tdm_event_message *ev, enum tdm_err err)
{
	uint64_t *total = err == TDM_ERR_MAC ? &c->mac_failures_total : &c->malformed_total;

	/* the first one only: a storm of them must not fill the log; status shows the count */
	if (!(*total)++)
		tdm_actions_note(c->actions, true, "a message from node %u (pid %u) is refused: %s",
			ev->node, ev->pid, tdm_err_text(err));
}

void tdm_message_receive(struct tdm_cluster *c, const struct tdm_event_message *ev)
{
	struct tdm_message msg;
	struct tdm_peer *from;
	enum tdm_err err;

	if (!c->connected)
		return;
	err = tdm_envelope_decode(
		ev->data, ev->len, c->config.mac, c->config.mac_ctx, &c->in_arena, &msg);
	if (err) {
		refuse(c, ev, err);
		return;
	}
	from = sender(c, ev, &msg);
	if (!from || !in_sequence(c, from, msg.seq))
		return;
	take_header(c, from, &msg);
	if (from == tdm_core_self(c))
		tdm_verify_delivered(c, msg.seq);
	dispatch(c, from, &msg);
}
