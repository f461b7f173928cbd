/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random histories: logins, resumes, logouts, crashes at any action, restarts, cuts, lost rings,
 * late verdicts, frozen nodes. What must always hold is checked all the time and after healing.
 * TANDEM_SEED and TANDEM_SEEDS choose other histories.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/replication/lab.h"

enum { SESSIONS = 400, RINGS = 64, STEPS = 1500, USERS = 12, SEEDS = 60, HEAL_MS = 20000 };

struct token {
	bool asked, out, unprotected, connected, logout_asked, logout_done;
	bool kept;         /* somebody had it when the healing began */
	bool exposed;      /* only one node had it for some time */
	bool tomb_exposed; /* the same for its end */
	uint64_t login, logout;
	char addr[TDM_ADDR_TEXT_MAX];
};

static struct chaos {
	struct lab lab;
	uint64_t random;
	bool two_node; /* both halves of a cut are quorate */
	bool doubted;
	bool gentle; /* nodes are cut off, frozen, disconnected, but none loses its memory */
	struct token tokens[SESSIONS + 1];
	size_t sessions;
	struct {
		struct tdm_ring ring;
		bool quorate;
	} rings[RINGS];
	size_t rings_next;
	struct tdm_ring witness; /* of a pair: the ring that has the third vote */
	struct {
		bool host, apart; /* host up; connection to corosync lost */
		unsigned frozen;  /* steps to go */
	} nodes[LAB_NODES];
	struct {
		uint64_t request;
		tdm_session_id session;
	} open[LAB_ANSWERS];
	struct {
		tdm_session_id id;
		uint32_t generation;
	} tunnels[LAB_NODES][SESSIONS + 1];
	const char *broken;
	tdm_session_id broken_session;
} ch;

static uint64_t draw(uint64_t n)
{
	ch.random ^= ch.random << 13;
	ch.random ^= ch.random >> 7;
	ch.random ^= ch.random << 17;
	return (ch.random >> 11) % n;
}

static void fail(const char *what, tdm_session_id session)
{
	if (ch.broken)
		return;
	ch.broken = what;
	ch.broken_session = session;
}

static struct tdm_entry *held(tdm_node_id node, tdm_session_id session)
{
	struct tdm_entry *e;

	if (!lab_node(&ch.lab, node)->cluster)
		return NULL;
	e = lab_entry(&ch.lab, node, session);
	return e && tdm_state_is_live(e->state) ? e : NULL;
}

static size_t tombs(tdm_session_id session, tdm_node_id but)
{
	size_t total = 0;

	for (tdm_node_id n = 1; n <= ch.lab.nodes_len; n++) {
		struct tdm_entry *e = NULL;

		if (n != but && lab_node(&ch.lab, n)->cluster)
			e = lab_entry(&ch.lab, n, session);
		total += e && e->state == TDM_SESSION_REVOKED;
	}
	return total;
}

static size_t holders(tdm_session_id session, tdm_node_id but)
{
	size_t total = 0;

	for (tdm_node_id n = 1; n <= ch.lab.nodes_len; n++)
		total += n != but && held(n, session);
	return total;
}

/* Two sessions can get one address only when a second owner knew nothing of the first one's
 * sessions: both halves quorate, or a node that lost its memory started without the other. */
static bool displaced_or_conflict(const struct lab_answer *a)
{
	return a->reason == TDM_REASON_DISPLACED ||
	       ((ch.two_node || ch.doubted) && a->reason == TDM_REASON_ADDRESS_CONFLICT);
}

static void trace(const char *what, tdm_node_id n, tdm_session_id s, long long detail)
{
	if (ch.lab.verbose)
		fprintf(stderr, "%lld node %u: * %s %llu (%lld)\n", (long long)ch.lab.now, n, what,
			(unsigned long long)s, detail);
}

static void check_resume(const struct lab_answer *a, tdm_session_id s, tdm_node_id n)
{
	struct token *t = &ch.tokens[s];

	trace(tdm_reason_name(a->reason), 0, s, a->err);
	if (a->err == TDM_OK) {
		if (!t->out && !t->asked)
			fail("a token that was never made was accepted", s);
		/* without a journal, an end that one node knows dies with it */
		if (t->logout_done && !t->tomb_exposed && !ch.two_node && !ch.doubted)
			fail("I2: a token was accepted after its logout was confirmed", s);
		if (t->addr[0] && strcmp(t->addr, a->addr) != 0)
			fail("I5: the inner address changed", s);
		snprintf(t->addr, sizeof(t->addr), "%s", a->addr);
		t->connected = true;
	}
	if (!t->out || t->logout_asked)
		return;
	/* a node that has not yet been told that it is owner no more does not count: its lease is
	 * over, and the core is unsure for a while after it stood still */
	if (a->err == TDM_ERR_UNKNOWN_TOKEN && !(ch.two_node && t->unprotected) &&
		!tdm_mem_waiting(ch.lab.mem, n) && holders(s, 0))
		fail("I8: a live session's token was called unknown", s);
	if (a->err == TDM_ERR_REVOKED && !displaced_or_conflict(a))
		fail("a session was revoked for no reason", s);
	if (a->err == TDM_ERR_EXPIRED && t->connected)
		fail("a session expired too early", s);
}

static void on_answer(struct lab *lab, struct lab_node *n, uint64_t request)
{
	const struct lab_answer *a = lab_answer(lab, request);
	tdm_session_id s = ch.open[request % LAB_ANSWERS].session;
	struct token *t = &ch.tokens[s];

	if (ch.open[request % LAB_ANSWERS].request != request)
		return;
	switch (a->kind) {
	case TDM_ACTION_LOGIN_RESULT:
		if (a->err)
			break;
		t->out = true;
		t->unprotected = t->exposed = a->login_unprotected;
		trace(a->login_unprotected ? "unprotected token out" : "token out", n->id, s, 0);
		if (!held(n->id, s))
			fail("a token went out without a session", s);
		break;
	case TDM_ACTION_LOGOUT_RESULT:
		if (a->err)
			break;
		t->logout_done = true;
		t->tomb_exposed = tombs(s, 0) < 2;
		break;
	case TDM_ACTION_RESUME_RESULT:
		check_resume(a, s, n->id);
		if (a->err == TDM_OK) {
			ch.tunnels[n->id - 1][s].id = s;
			ch.tunnels[n->id - 1][s].generation = a->generation;
		}
		break;
	default:
		break;
	}
}

/* When a process dies, whom it called synced has all of its protected sessions. */
static void on_death(struct lab *lab, struct lab_node *n)
{
	struct tdm_cluster *c = n->cluster;

	trace("dies", n->id, c->table.live, 0);
	for (tdm_session_id s = 1; s <= ch.sessions; s++) {
		struct tdm_entry *e = lab_entry(lab, n->id, s);

		if (tombs(s, n->id) < 2)
			ch.tokens[s].tomb_exposed = true;
		if (!ch.tokens[s].out || !e || !tdm_state_is_live(e->state))
			continue;
		if (holders(s, n->id) < 2)
			ch.tokens[s].exposed = true;
		for (size_t i = 0;
			i < c->peers_len && !ch.tokens[s].exposed && n->role == TDM_ROLE_OWNER;
			i++) {
			const struct tdm_peer *p = &c->peers[i];
			struct lab_node *o = lab_node(lab, p->id);

			if (i == c->self || !p->present || !p->synced || !o->cluster ||
				o->cluster->config.boot != p->boot)
				continue;
			if (!lab_entry(lab, p->id, s))
				fail("I1: a synced standby does not have a session whose token "
				     "is out",
					s);
		}
	}
	for (tdm_session_id s = 1; s <= ch.sessions; s++)
		ch.tunnels[n->id - 1][s].generation = 0;
}

/* --- the world --- */

static void note_rings(void)
{
	tdm_node_id favoured = (tdm_node_id)draw(ch.lab.nodes_len) + 1;
	bool witness_stays = false;

	/* the third vote stays with a ring while it lives */
	for (tdm_node_id n = 1; n <= ch.lab.nodes_len; n++)
		witness_stays =
			witness_stays ||
			(ch.witness.seq && tdm_ring_equal(tdm_mem_ring(ch.lab.mem, n), ch.witness));
	if (!witness_stays)
		ch.witness = tdm_mem_ring(ch.lab.mem, favoured);

	for (tdm_node_id n = 1; n <= ch.lab.nodes_len; n++) {
		struct tdm_ring ring = tdm_mem_ring(ch.lab.mem, n);
		size_t votes = 0, all = ch.lab.nodes_len;
		bool known = !ring.seq;

		for (size_t i = 0; i < RINGS; i++)
			known = known || tdm_ring_equal(ch.rings[i].ring, ring);
		if (known)
			continue;
		for (tdm_node_id o = 1; o <= ch.lab.nodes_len; o++)
			votes += tdm_ring_equal(tdm_mem_ring(ch.lab.mem, o), ring);
		if (all == 2) { /* a third vote for one side */
			votes += tdm_ring_equal(ch.witness, ring);
			all = 3;
		}
		ch.rings[ch.rings_next % RINGS].ring = ring;
		ch.rings[ch.rings_next++ % RINGS].quorate = ch.two_node || 2 * votes > all;
	}
}

static void verdict_for(tdm_node_id n, struct tdm_ring ring)
{
	struct tdm_event ev = { .kind = TDM_EVENT_QUORUM };

	for (size_t i = 0; i < RINGS; i++) {
		if (!ring.seq || !tdm_ring_equal(ch.rings[i].ring, ring))
			continue;
		ev.quorum.ring = ring;
		ev.quorum.quorate = ch.rings[i].quorate;
		lab_feed(&ch.lab, n, &ev);
	}
}

static void verdicts(void)
{
	for (tdm_node_id n = 1; n <= ch.lab.nodes_len; n++) {
		struct lab_node *node = lab_node(&ch.lab, n);

		if (!node->cluster || ch.nodes[n - 1].frozen || draw(6))
			continue;
		if (!draw(10)) /* late, or early */
			verdict_for(n, ch.rings[draw(RINGS)].ring);
		else if (tdm_view_verdict(node->cluster) == TDM_VERDICT_PENDING)
			verdict_for(n, draw(2) ? node->cluster->ring : tdm_mem_ring(ch.lab.mem, n));
	}
}

static size_t keep_some(void *ctx, size_t n)
{
	(void)ctx;
	return n ? draw(n + 1) : 0;
}

static void cut(void)
{
	tdm_node_id ids[LAB_NODES];
	unsigned parts[LAB_NODES];

	for (size_t i = 0; i < ch.lab.nodes_len; i++) {
		ids[i] = (tdm_node_id)i + 1;
		parts[i] = (unsigned)draw(2);
	}
	tdm_mem_regroup(ch.lab.mem, ids, parts, ch.lab.nodes_len, keep_some, NULL);
}

static void heal_cut(void)
{
	tdm_node_id ids[LAB_NODES] = { 1, 2, 3 };
	unsigned parts[LAB_NODES] = { 0 };

	tdm_mem_regroup(ch.lab.mem, ids, parts, ch.lab.nodes_len, keep_some, NULL);
}

static void bring_up(tdm_node_id n)
{
	if (!ch.nodes[n - 1].host) {
		ch.nodes[n - 1].host = true;
		if (tdm_mem_host_up(ch.lab.mem, n, 0))
			abort();
	}
	if (!lab_node(&ch.lab, n)->cluster) {
		ch.nodes[n - 1].apart = false;
		lab_start(&ch.lab, n);
	} else if (ch.nodes[n - 1].apart) {
		ch.nodes[n - 1].apart = false;
		lab_rejoin(&ch.lab, n);
	}
}

static void trouble(tdm_node_id n)
{
	struct lab_node *node = lab_node(&ch.lab, n);

	unsigned what = (unsigned)draw(9);

	if (ch.gentle && what < 3)
		what += 3;
	trace("trouble", n, what, 0);
	switch (what) {
	case 0:
		if (node->cluster && !ch.nodes[n - 1].apart)
			lab_kill(&ch.lab, n);
		break;
	case 1:
		if (node->cluster)
			node->crash_at = node->actions_total + 1 + draw(20);
		break;
	case 2:
		if (ch.nodes[n - 1].host) {
			ch.nodes[n - 1].host = ch.nodes[n - 1].apart = false;
			tdm_mem_host_down(ch.lab.mem, n, keep_some, NULL);
			lab_kill(&ch.lab, n);
		}
		break;
	case 3:
	case 4:
		cut();
		break;
	case 5:
		heal_cut();
		break;
	case 6:
		if (node->cluster && ch.nodes[n - 1].host && !ch.nodes[n - 1].apart) {
			ch.nodes[n - 1].apart = true;
			tdm_mem_disconnect(ch.lab.mem, n, keep_some, NULL);
		}
		break;
	case 7:
		ch.nodes[n - 1].frozen = (unsigned)draw(200);
		break;
	default:
		bring_up(n);
		break;
	}
	note_rings();
}

static uint64_t track(uint64_t request, tdm_session_id session)
{
	ch.open[request % LAB_ANSWERS].request = request;
	ch.open[request % LAB_ANSWERS].session = session;
	return request;
}

/* The requests' numbers are known before the answers come: see on_answer. */
static void track_next(tdm_session_id session)
{
	track(ch.lab.request_last + 1, session);
}

static void people(tdm_node_id n)
{
	tdm_session_id s = ch.sessions ? draw(ch.sessions) + 1 : 0;
	char user[8];

	if (!lab_node(&ch.lab, n)->cluster || ch.nodes[n - 1].frozen)
		return;
	switch (draw(8)) {
	case 0:
	case 1:
	case 2:
		if (ch.sessions == SESSIONS)
			return;
		s = ++ch.sessions;
		snprintf(user, sizeof(user), "u%u", (unsigned)draw(USERS));
		ch.tokens[s].asked = true;
		track_next(s);
		lab_login(&ch.lab, n, s, user);
		break;
	case 3:
	case 4:
	case 5:
		if (!s || !ch.tokens[s].out)
			return;
		track_next(s);
		lab_resume(&ch.lab, n, s);
		break;
	case 6:
		if (!s)
			return;
		lab_tunnel_down(&ch.lab, n, s, ch.tunnels[n - 1][s].generation);
		break;
	default:
		if (!s || draw(3))
			return;
		ch.tokens[s].logout_asked = true;
		track_next(s);
		lab_logout(&ch.lab, n, s);
		break;
	}
}

static void check_owners(void)
{
	for (tdm_node_id a = 1; a <= ch.lab.nodes_len; a++)
		for (tdm_node_id b = a + 1; b <= ch.lab.nodes_len; b++)
			if (lab_role(&ch.lab, a) >= TDM_ROLE_PAUSED &&
				lab_role(&ch.lab, b) >= TDM_ROLE_PAUSED &&
				!tdm_epoch_cmp(
					lab_node(&ch.lab, a)->epoch, lab_node(&ch.lab, b)->epoch))
				fail("I4: two owners in one epoch", 0);
}

/* An owner that had to start without knowing what others, out of sight, may have given away. */
static void watch_doubts(void)
{
	for (tdm_node_id n = 1; n <= ch.lab.nodes_len; n++) {
		struct tdm_cluster *c = lab_node(&ch.lab, n)->cluster;

		if (c && lab_role(&ch.lab, n) == TDM_ROLE_OWNER && c->doubt_until)
			ch.doubted = true;
	}
}

static void step(void)
{
	tdm_node_id n = (tdm_node_id)draw(ch.lab.nodes_len) + 1;

	for (size_t i = 0; i < ch.lab.nodes_len; i++)
		ch.nodes[i].frozen -= ch.nodes[i].frozen > 0;
	switch (draw(40)) {
	case 0:
		trouble(n);
		break;
	case 1:
	case 2:
		lab_tick(&ch.lab, (tdm_ms)draw(200));
		break;
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
		people(n);
		break;
	case 9:
	case 10:
		bring_up(n);
		note_rings();
		break;
	default:
		for (uint64_t i = draw(6); i; i--)
			if (!ch.nodes[n - 1].frozen)
				tdm_mem_deliver(ch.lab.mem, n);
		break;
	}
	lab_bury(&ch.lab);
	verdicts();
	lab_bury(&ch.lab);
	check_owners();
	watch_doubts();
	if (ch.lab.broken)
		fail(ch.lab.broken, 0);
}

/* --- afterwards --- */

static void heal(void)
{
	for (tdm_session_id s = 1; s <= ch.sessions; s++)
		ch.tokens[s].kept = holders(s, 0) > 0;
	for (tdm_node_id n = 1; n <= ch.lab.nodes_len; n++) {
		lab_node(&ch.lab, n)->crash_at = 0;
		ch.nodes[n - 1].frozen = 0;
		bring_up(n);
	}
	heal_cut();
	note_rings();
	for (tdm_ms end = ch.lab.now + HEAL_MS; ch.lab.now < end;) {
		lab_tick(&ch.lab, TDM_TICK_MS);
		lab_pump(&ch.lab);
		for (tdm_node_id n = 1; n <= ch.lab.nodes_len; n++)
			verdict_for(n, tdm_mem_ring(ch.lab.mem, n));
		lab_pump(&ch.lab);
	}
}

static void check_addresses(struct tdm_cluster *c)
{
	for (size_t i = 0; i < c->table.slots_len; i++) {
		struct tdm_entry *e = c->table.slots[i], *holder;

		if (!e || !tdm_state_is_live(e->state))
			continue;
		holder = tdm_table_find_addr(&c->table, e->addr);
		if (holder == e)
			continue;
		trace("address of", c->config.self, e->id, e->addr);
		trace("is held by", c->config.self, holder ? holder->id : 0, e->addr_linked);
		fail("I3: two live sessions have one inner address", e->id);
	}
}

static void check_healed(void)
{
	tdm_node_id owner = 0;

	for (tdm_node_id n = 1; n <= ch.lab.nodes_len; n++) {
		enum tdm_role role = lab_role(&ch.lab, n);
		struct tdm_cluster *c = lab_node(&ch.lab, n)->cluster;

		if (role == TDM_ROLE_OWNER && owner)
			fail("two owners after healing", 0);
		if (role == TDM_ROLE_OWNER)
			owner = n;
		else if (role != TDM_ROLE_STANDBY)
			fail("a node is neither owner nor standby after healing", n);
		if (!lab_equal(&ch.lab, 1, n))
			fail("I7: tables differ after healing", n);
		if (c->commits.len)
			fail("a request was never answered", 0);
		check_addresses(c);
	}
	if (!owner) {
		fail("nobody owns after healing", 0);
		return;
	}
	if (lab_node(&ch.lab, owner)->cluster->unprotected)
		fail("sessions are still unprotected after healing", 0);
	if (lab_node(&ch.lab, owner)->cluster->members[0].pool.used_len != lab_live(&ch.lab, owner))
		fail("the pool does not match the sessions", 0);
	for (tdm_session_id s = 1; s <= ch.sessions; s++) {
		const struct token *t = &ch.tokens[s];

		if (!t->out || t->logout_asked || !t->kept)
			continue;
		track_next(s);
		lab_resume(&ch.lab, owner, s);
		if (lab_answer(&ch.lab, ch.lab.request_last)->err == TDM_ERR_UNKNOWN_TOKEN)
			fail("I1: a token is unknown although a node had it", s);
		lab_pump(&ch.lab);
	}
}

static void history(uint64_t seed, size_t nodes, bool two_node)
{
	memset(&ch, 0, sizeof(ch));
	ch.random = seed * 0x9e3779b97f4a7c15u + 1;
	ch.two_node = two_node;
	ch.gentle = seed % 3 == 0;
	lab_init(&ch.lab, nodes, TDM_MEM_QUORUM_MANUAL);
	ch.lab.policy.simultaneous_logins = (uint32_t)draw(3) * 8;
	ch.lab.on_answer = on_answer;
	ch.lab.on_death = on_death;
	ch.lab.verbose = getenv("TANDEM_VERBOSE") != NULL;
	for (size_t i = 0; i < nodes; i++)
		ch.nodes[i].host = true;
	note_rings();
	for (tdm_node_id n = 1; n <= nodes && ch.gentle; n++)
		bring_up(n);
	for (size_t i = 0; i < STEPS && !ch.broken; i++)
		step();
	if (!ch.broken)
		heal();
	if (!ch.broken)
		check_healed();
	if (ch.lab.broken)
		fail(ch.lab.broken, 0);
	ch.lab.on_death = NULL;
	lab_deinit(&ch.lab);
}

static void histories(size_t nodes, bool two_node)
{
	const char *one = getenv("TANDEM_SEED"), *many = getenv("TANDEM_SEEDS");
	uint64_t seed = one ? strtoull(one, NULL, 10) : 1;
	uint64_t n = one ? 1 : many ? strtoull(many, NULL, 10) : SEEDS;

	for (; n; n--, seed++) {
		history(seed, nodes, two_node);
		cr_expect_null(ch.broken, "TANDEM_SEED=%llu, %zu nodes: %s (session or node %llu)",
			(unsigned long long)seed, nodes, ch.broken,
			(unsigned long long)ch.broken_session);
		if (ch.broken)
			return;
	}
}

Test(chaos, a_pair_with_a_third_vote)
{
	histories(2, false);
}

Test(chaos, a_pair_where_both_halves_are_quorate)
{
	histories(2, true);
}

Test(chaos, three_nodes)
{
	histories(3, false);
}
