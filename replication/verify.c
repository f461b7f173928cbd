/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Comparing tables, and repairing what differs; see verify.h. */
#include <stdlib.h>
#include <string.h>

#include "replication/core.h"

enum {
	INTERVAL_MS = 30 * 1000,
	SETTLED_MS = 1000, /* after somebody became synced, or went */
	STALE_MS = 5000,   /* a question of somebody else that is as old is over */
	REPAIR_MS = 5000,  /* the records of a repair are waited for */
	REPAIRS_MAX = 3,
	HORIZON_STEPS = 128, /* in the time a tombstone is kept */
};

/* --- our sums as the others can know them --- */

void tdm_verify_changed(struct tdm_cluster *c, tdm_session_id id, uint64_t by)
{
	struct tdm_verify *v = &c->verify;

	if (!c->connected || !by)
		return;
	if (v->sent_len == v->sent_cap) {
		size_t cap = v->sent_cap ? 2 * v->sent_cap : 64;
		struct tdm_verify_change *sent = realloc(v->sent, cap * sizeof(*sent));

		if (!sent)
			return; /* a comparison finds a difference that is none, once */
		v->sent = sent;
		v->sent_cap = cap;
	}
	v->sent[v->sent_len++] = (struct tdm_verify_change){ id, c->seq + 1, by };
}

void tdm_verify_sent(struct tdm_cluster *c, tdm_session_id id, uint64_t seq)
{
	struct tdm_verify *v = &c->verify;

	/* what was changed in this step: the last ones */
	for (size_t i = v->sent_len; i && v->sent[i - 1].seq <= seq; i--)
		if (v->sent[i - 1].id == id)
			v->sent[i - 1].seq = seq;
		else if (v->sent[i - 1].seq < seq)
			return;
}

void tdm_verify_delivered(struct tdm_cluster *c, uint64_t seq)
{
	struct tdm_verify *v = &c->verify;
	size_t kept = 0;

	if (!v->sent_len || v->sent[0].seq > seq)
		return;
	for (size_t i = 0; i < v->sent_len; i++)
		if (v->sent[i].seq > seq)
			v->sent[kept++] = v->sent[i];
	v->sent_len = kept;
}

static void sums(const struct tdm_cluster *c, uint64_t out[TDM_DIGEST_SHARDS])
{
	memcpy(out, c->table.digests, sizeof(c->table.digests));
	for (size_t i = 0; i < c->verify.sent_len; i++)
		out[tdm_digest_shard(c->verify.sent[i].id)] -= c->verify.sent[i].by;
}

/* --- messages --- */

static uint64_t table_size(const struct tdm_cluster *c)
{
	return c->table.live + c->table.ended;
}

/* A little before the time at which the first node may forget; in steps, since a move costs. */
static tdm_wall horizon(const struct tdm_cluster *c)
{
	tdm_ms keep = c->config.tombstone_keep_ms;
	tdm_ms step = keep / HORIZON_STEPS + 1;

	return ((c->wall - keep) / step + 2) * step;
}

static uint64_t ask(
	struct tdm_cluster *c, tdm_node_id to, uint32_t round, const struct tdm_shard_set *suspects)
{
	struct tdm_message msg = { .kind = TDM_MESSAGE_DIGEST };

	msg.digest.kind = TDM_DIGEST_ASK;
	msg.digest.to = to;
	msg.digest.round = round;
	msg.digest.horizon = horizon(c);
	if (suspects)
		msg.digest.suspects = *suspects;
	return tdm_message_cast(c, &msg);
}

static void answer(struct tdm_cluster *c, const struct tdm_message *question,
	uint64_t shards[TDM_DIGEST_SHARDS])
{
	struct tdm_message msg = { .kind = TDM_MESSAGE_DIGEST };

	msg.digest.kind = TDM_DIGEST_ANSWER;
	msg.digest.asker = question->from.node;
	msg.digest.ask_seq = question->seq;
	msg.digest.records = table_size(c);
	msg.digest.shards = shards;
	tdm_message_cast(c, &msg);
}

/* --- records for others --- */

static void send_shards(
	struct tdm_cluster *c, const struct tdm_shard_set *set, tdm_node_id node, uint64_t seq)
{
	struct tdm_verify *v = &c->verify;

	if (!v->send_due)
		v->send = (struct tdm_shard_set){ 0 };
	tdm_shard_set_add(&v->send, set);
	v->send_due = true;
	v->send_node = node;
	v->send_seq = seq;
}

/* Whole tables for newcomers go first. */
static void send_settle(struct tdm_cluster *c)
{
	struct tdm_verify *v = &c->verify;

	if (!v->send_due || c->bulk.active)
		return;
	v->send_due = false;
	tdm_bulk_start(c, v->send_node, v->send_seq);
	c->bulk.some = true;
	c->bulk.shards = v->send;
}

void tdm_verify_bulk_end(struct tdm_cluster *c, const struct tdm_message *msg)
{
	struct tdm_verify *v = &c->verify;
	const struct tdm_peer *from = tdm_core_peer(c, msg->from.node);

	if (msg->end.request_node != c->config.self || !from)
		return;
	if (v->mine && msg->end.request_seq == v->repair_seq && v->repair_seq) {
		v->repairs &= ~(1u << (from - c->peers));
		if (!v->repairs) {
			v->repair_seq = 0;
			v->ask_due = true;
		}
	}
	if (v->join == TDM_JOIN_FETCHING && msg->end.request_seq == v->join_seq)
		v->join = TDM_JOIN_IDLE;
}

/* --- a round: question, answers, what follows --- */

/* Synced nodes as bits, ours left out. */
static uint32_t others(const struct tdm_cluster *c)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < c->peers_len; i++)
		if (i != c->self && c->peers[i].present && c->peers[i].synced)
			mask |= 1u << i;
	return mask;
}

static bool is_able(struct tdm_cluster *c)
{
	return c->connected && c->round == TDM_ROUND_NONE && tdm_core_self(c)->synced && !c->deaf;
}

static void begin(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg)
{
	struct tdm_verify *v = &c->verify;

	if (from == tdm_core_self(c))
		v->asking = false;
	if (!from->synced || !is_able(c) ||
		(v->active && v->asker != from->id && c->now - v->since < STALE_MS)) {
		v->ask_due = v->ask_due || (from == tdm_core_self(c) && v->mine);
		return;
	}
	v->active = true;
	v->asker = from->id;
	v->ask_seq = msg->seq;
	v->round = msg->digest.round;
	v->since = c->now;
	v->suspects = msg->digest.suspects;
	v->differ = (struct tdm_shard_set){ 0 };
	for (size_t i = 0; i < c->peers_len; i++) {
		/* ours too: the round ends at the same message for all */
		c->peers[i].verify_due = i == c->self || (others(c) >> i & 1);
		c->peers[i].verify_differ = 0;
	}
	sums(c, v->own);
	answer(c, msg, v->own);
}

static void take_answer(
	struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_digest_message *digest)
{
	struct tdm_verify *v = &c->verify;
	struct tdm_shard_set differ;

	from->records = digest->records;
	if (!v->active || digest->asker != v->asker || digest->ask_seq != v->ask_seq ||
		!from->verify_due)
		return;
	from->verify_due = false;
	if (from == tdm_core_self(c))
		return;
	tdm_digest_compare(v->own, digest->shards, &differ);
	if (v->round)
		tdm_shard_set_keep(&differ, &v->suspects);
	from->verify_differ = tdm_shard_set_count(&differ);
	if (!from->verify_differ) {
		from->verified = true;
		from->verified_at = v->since;
	}
	tdm_shard_set_add(&v->differ, &differ);
}

static void finish(struct tdm_cluster *c, enum tdm_verify_result result)
{
	struct tdm_verify *v = &c->verify;

	v->mine = v->ask_due = false;
	v->repair_seq = 0;
	v->done = v->serving;
	v->result = result;
	v->next_at = c->now + INTERVAL_MS;
}

static void all_equal(struct tdm_cluster *c)
{
	struct tdm_verify *v = &c->verify;
	struct tdm_peer *self = tdm_core_self(c);

	self->verified = true;
	self->verified_at = v->since;
	if (v->told)
		tdm_actions_note(c->actions, false, "the session tables are equal again");
	v->told = false;
	if (v->mine && v->asker == self->id)
		finish(c, v->result_shards ? TDM_VERIFY_REPAIRED : TDM_VERIFY_EQUAL);
}

static void report(struct tdm_cluster *c, bool repair)
{
	for (size_t i = 0; i < c->peers_len; i++) {
		const struct tdm_peer *p = &c->peers[i];

		if (!p->verify_differ)
			continue;
		tdm_actions_note(c->actions, true,
			"the session table of node %u differs from ours in %u of %u parts: %s",
			p->id, p->verify_differ, TDM_DIGEST_SHARDS,
			repair ? "exchanging their sessions" : "giving up for now");
	}
	c->verify.told = true;
}

/* The same difference twice: it is one. */
static void confirmed(struct tdm_cluster *c)
{
	struct tdm_verify *v = &c->verify;
	bool repair = v->round <= REPAIRS_MAX, mine = v->mine && v->asker == c->config.self;

	report(c, repair);
	v->differences_total += v->round == 1;
	if (mine && v->round == 1)
		v->result_shards = tdm_shard_set_count(&v->differ);
	if (!repair) {
		if (mine)
			finish(c, TDM_VERIFY_DIFFERENT);
		return;
	}
	send_shards(c, &v->differ, v->asker, v->ask_seq);
	if (!mine)
		return;
	v->repairs = others(c) | 1u << c->self;
	v->repair_seq = v->ask_seq;
	v->repair_since = c->now;
	v->next = v->round + 1;
}

/* All answers are here, or will not come. */
static void round_end(struct tdm_cluster *c)
{
	struct tdm_verify *v = &c->verify;

	v->active = false;
	if (!tdm_shard_set_count(&v->differ)) {
		all_equal(c);
	} else if (v->round) {
		confirmed(c);
	} else if (v->mine && v->asker == c->config.self) {
		v->found = v->differ;
		v->next = 1;
		v->ask_due = true;
	}
}

static bool complete(const struct tdm_cluster *c)
{
	for (size_t i = 0; i < c->peers_len; i++) {
		const struct tdm_peer *p = &c->peers[i];

		if (p->verify_due && p->present && p->synced)
			return false;
	}
	return true;
}

/* --- a newcomer --- */

static void join_answer(
	struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_digest_message *digest)
{
	struct tdm_verify *v = &c->verify;
	struct tdm_peer *self = tdm_core_self(c);
	struct tdm_message msg = { .kind = TDM_MESSAGE_DIGEST };

	if (from == self || v->join != TDM_JOIN_ASKED || !v->join_here ||
		digest->asker != self->id || digest->ask_seq != v->join_seq)
		return;
	tdm_digest_compare(v->join_own, digest->shards, &msg.digest.suspects);
	if (v->join_again)
		tdm_shard_set_keep(&msg.digest.suspects, &v->join_suspects);
	if (!tdm_shard_set_count(&msg.digest.suspects)) {
		v->join = TDM_JOIN_DONE;
		from->verified = self->verified = true;
		from->verified_at = self->verified_at = v->join_since;
		return;
	}
	if (!v->join_again) {
		v->join_again = true;
		v->join_suspects = msg.digest.suspects;
		v->join = TDM_JOIN_IDLE;
		return;
	}
	tdm_actions_note(c->actions, true,
		"after the transfer our session table differs from that of node %u in %u of %u "
		"parts: %s",
		from->id, tdm_shard_set_count(&msg.digest.suspects), TDM_DIGEST_SHARDS,
		v->join_tries < REPAIRS_MAX ? "exchanging their sessions" : "going on with it");
	if (v->join_tries++ >= REPAIRS_MAX) {
		v->join = TDM_JOIN_DONE;
		return;
	}
	v->differences_total += v->join_tries == 1;
	msg.digest.kind = TDM_DIGEST_SEND;
	msg.digest.to = from->id;
	/* ours first: when theirs have come, both have */
	send_shards(c, &msg.digest.suspects, 0, 0);
	send_settle(c);
	v->join = TDM_JOIN_FETCHING;
	v->join_since = c->now;
	v->join_seq = tdm_message_cast(c, &msg);
}

bool tdm_verify_joined(struct tdm_cluster *c)
{
	struct tdm_verify *v = &c->verify;

	if (v->join == TDM_JOIN_IDLE && c->await && !c->bulk.active) {
		v->join_here = false;
		v->join_since = c->now;
		v->join_seq = ask(c, c->await, 0, NULL);
		v->join = TDM_JOIN_ASKED;
	}
	return v->join == TDM_JOIN_DONE;
}

static void join_tick(struct tdm_cluster *c)
{
	struct tdm_verify *v = &c->verify;

	if (c->now - v->join_since < c->config.commit_timeout_ms)
		return;
	if (v->join == TDM_JOIN_FETCHING) {
		v->join = TDM_JOIN_IDLE;
	} else if (v->join == TDM_JOIN_ASKED && v->join_here) {
		/* a release without digests, perhaps: the transfer was whole all the same */
		tdm_actions_note(c->actions, true,
			"node %u does not compare its session table with ours", c->await);
		v->join = TDM_JOIN_DONE;
	}
}

/* --- from outside --- */

static void on_ask(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg)
{
	struct tdm_verify *v = &c->verify;
	uint64_t shards[TDM_DIGEST_SHARDS];

	tdm_table_horizon(&c->table, msg->digest.horizon);
	if (!msg->digest.to) {
		begin(c, from, msg);
	} else if (from == tdm_core_self(c) && msg->seq == v->join_seq) {
		sums(c, v->join_own);
		v->join_here = true;
	} else if (msg->digest.to == c->config.self && is_able(c)) {
		sums(c, shards);
		answer(c, msg, shards);
	}
}

void tdm_verify_message(struct tdm_cluster *c, struct tdm_peer *from, const struct tdm_message *msg)
{
	switch (msg->digest.kind) {
	case TDM_DIGEST_ASK:
		on_ask(c, from, msg);
		break;
	case TDM_DIGEST_ANSWER:
		join_answer(c, from, &msg->digest);
		take_answer(c, from, &msg->digest);
		break;
	case TDM_DIGEST_SEND:
		if (msg->digest.to == c->config.self && is_able(c))
			send_shards(c, &msg->digest.suspects, from->id, msg->seq);
		break;
	case TDM_DIGEST_KINDS:
		break;
	}
}

void tdm_verify_reset(struct tdm_cluster *c)
{
	struct tdm_verify *v = &c->verify;

	v->active = v->mine = v->ask_due = v->asking = v->send_due = v->join_here = false;
	v->repair_seq = 0;
	v->join = TDM_JOIN_IDLE;
	v->join_tries = 0;
	v->join_again = false;
	if (!c->connected)
		v->sent_len = 0;
}

static void start(struct tdm_cluster *c)
{
	struct tdm_verify *v = &c->verify;

	v->serving = v->demand;
	v->result_shards = 0;
	if (!others(c)) {
		finish(c, TDM_VERIFY_ALONE);
		return;
	}
	v->mine = v->ask_due = true;
	v->next = 0;
}

void tdm_verify_settle(struct tdm_cluster *c)
{
	struct tdm_verify *v = &c->verify;

	if (v->active && complete(c))
		round_end(c);
	send_settle(c);
	if (!is_able(c))
		return;
	if (!v->mine && v->demand > v->done)
		start(c);
	if (!v->ask_due || v->asking || v->active)
		return;
	v->ask_due = false;
	v->asking = ask(c, 0, v->next, v->next ? &v->found : NULL) != 0;
}

/* Who compares without being asked: one node, and the same for all. */
static void own_accord(struct tdm_cluster *c)
{
	struct tdm_verify *v = &c->verify;
	uint32_t group = others(c);

	if (group != v->group || !group) {
		v->group = group;
		v->next_at = c->now + SETTLED_MS;
	}
	if (v->mine || c->now < v->next_at || tdm_bulk_senior(c) != tdm_core_self(c))
		return;
	start(c);
}

void tdm_verify_tick(struct tdm_cluster *c)
{
	struct tdm_verify *v = &c->verify;

	join_tick(c);
	if (!is_able(c))
		return;
	own_accord(c);
	if (!v->mine)
		return;
	if (v->active && v->asker == c->config.self &&
		c->now - v->since >= c->config.commit_timeout_ms) {
		v->active = false;
		finish(c, TDM_VERIFY_NO_ANSWER);
	} else if (v->repair_seq && c->now - v->repair_since >= REPAIR_MS) {
		v->repair_seq = 0;
		v->ask_due = true;
	}
}
