/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The simulator: two to five nodes of the core in one process, over the network in memory, with a
 * virtual clock. A history is a list of steps drawn from a seed without looking at the state, so a
 * step can be left out and the others stay what they are: that is how a failing history shrinks.
 */
#pragma once

#include "replication/core.h"
#include "replication/transport_mem.h"

enum {
	SIM_NODES_MAX = 5,
	SIM_STEPS_MAX = 20000,
	SIM_STEPS_DEFAULT = 600,
	SIM_MEMBER = 1,
	SIM_USERS = 6,
	SIM_RINGS = 64,
	SIM_VERDICTS = 16,
	SIM_SENDS_MAX = 4096,
	SIM_OPEN_MAX = 1024, /* requests that may be under way at once */
	SIM_COMMIT_TIMEOUT_MS = 2000,
	SIM_CONNECT_TIMEOUT_MS = 12000,
	SIM_TOMBSTONE_KEEP_MS = 7 * 86400 * 1000,
};

/* --- steps --- */

enum sim_step_kind {
	SIM_DELIVER,    /* a node reads up to n events */
	SIM_TICK,       /* the clock moves a little */
	SIM_REST,       /* everybody reads until nothing moves; then everything is compared */
	SIM_LONG,       /* seconds pass in quiet */
	SIM_LOGIN,      /* a user at a node: makes session (position of the step + 1) */
	SIM_RESUME,     /* CONNECT with the token of a session */
	SIM_STRANGER,   /* CONNECT with a token that was never made */
	SIM_SLEEP,      /* a tunnel ends */
	SIM_GOODBYE,    /* a client logs out over its tunnel, which may be an older one */
	SIM_LOGOUT,     /* a client or an operator ends a session, on any node */
	SIM_START,      /* host and daemon come up, with or without what was on disk */
	SIM_KILL,       /* a daemon dies */
	SIM_CRASH,      /* a daemon dies after so many more actions */
	SIM_POWER,      /* a host dies */
	SIM_CUT,        /* partition */
	SIM_MERGE,      /* all networks are whole again */
	SIM_DISCONNECT, /* corosync restarts under the daemon */
	SIM_FREEZE,     /* the daemon stands still */
	SIM_HOLD,       /* its corosync stands still, the daemon does not */
	SIM_SLOW_DISK,  /* each write to disk takes long from now on */
	SIM_WALL,       /* the wall clock of a node jumps */
	SIM_KINDS
};

struct sim_step {
	enum sim_step_kind kind;
	tdm_node_id node;
	tdm_session_id session;
	uint64_t random; /* the rest is drawn from it */
};

struct sim_setup {
	const char *name;
	size_t nodes;
	bool two_node; /* both halves of a cut are quorate */
	bool witness;  /* a third vote */
};

struct sim_history {
	const struct sim_setup *setup;
	uint64_t seed;
	struct sim_step *steps;
	size_t len;
	uint8_t *dropped; /* per step: left out; NULL = none */
};

/* --- the world --- */

struct sim;

struct sim_send {
	struct sim_send *next;
	size_t len;
	uint8_t data[];
};

struct sim_verdict {
	struct tdm_ring ring;
	bool quorate, used;
	tdm_ms due;
};

struct sim_node {
	struct sim *sim;
	tdm_node_id id;
	struct tdm_cluster *cluster; /* NULL = no process */
	struct tdm_transport *transport;
	struct tdm_actions actions;
	size_t action; /* the next one to execute, while a write to disk holds them up */
	struct tdm_numbers disk, writing;
	uint32_t pid;
	enum tdm_role role;
	struct tdm_epoch epoch;

	bool host, apart; /* host up; connection to corosync lost */
	bool seen_all;    /* two_node with wait_for_all: the peer was seen since the host is up */
	bool dying, lost_due, batch_due;
	size_t crash_after;  /* actions to go; 0 = lives */
	tdm_ms frozen_until; /* the process stands still */
	tdm_ms held_until;   /* its corosync delivers nothing */
	tdm_ms busy_since;
	tdm_ms busy_until;           /* in a write to disk; 0 = not */
	tdm_ms disk_ms;              /* how long one takes */
	tdm_ms ticked, behind_since; /* last tick; since when its inbox was not empty */
	tdm_wall wall_offset;
	struct tdm_ring ring_seen; /* last ring for which verdicts were drawn */
	struct sim_verdict verdicts[SIM_VERDICTS];
	size_t verdicts_next;
};

/* The latest tunnels of a session at one node. */
struct sim_tunnel {
	uint32_t generation, older;
	uint16_t mtu;
	uint64_t epoch; /* in which that was announced */
};

/* What the world knows of a session: the truth that answers are held against. */
struct sim_token {
	bool asked, out, unprotected, connected;
	bool end_asked, end_answered;
	bool exposed;   /* for some time only one process had it, because another lost its memory */
	bool tomb_lost; /* a process that knew of its end lost its memory */
	uint8_t policy, user;
	char addr[TDM_ADDR_TEXT_MAX];
	tdm_ms login_at, resumed_at;
	struct sim_tunnel tunnels[SIM_NODES_MAX];
};

struct sim_open {
	uint64_t request;
	tdm_session_id session;
	enum sim_step_kind kind;
};

struct sim {
	const struct sim_setup *setup;
	struct tdm_mem *mem;
	struct sim_node nodes[SIM_NODES_MAX];
	tdm_ms now;
	bool verbose;

	/* a ring that re-forms: nothing that is sent meanwhile is ordered */
	tdm_ms forming_until; /* 0 = none */
	unsigned forming_part[SIM_NODES_MAX];
	uint64_t forming_random;
	tdm_node_id forming_late;
	struct sim_send *sends[SIM_NODES_MAX], **sends_last[SIM_NODES_MAX];

	struct tdm_ring witness; /* the ring that has the third vote */
	struct {
		struct tdm_ring ring;
		bool quorate;
	} rings[SIM_RINGS];
	size_t rings_next;

	struct sim_token *tokens; /* by session id */
	tdm_session_id *made;
	size_t made_len;
	uint64_t request_last;
	struct sim_open open[SIM_OPEN_MAX];
	size_t open_len;

	struct tdm_epoch epochs[64]; /* served with, lately */
	size_t epochs_len;
	tdm_ms lag_max;  /* the longest that news waited for a node */
	tdm_ms form_max; /* the longest that a ring took to form */
	size_t takeovers;
	bool doubted; /* an owner started without knowing what others, out of sight, had made */
	bool memory_lost;

	uint64_t events, checks;
	const char *broken; /* the first invariant that was found broken */
	uint64_t broken_what;
	tdm_node_id broken_node;
	size_t broken_step;
};

/* --- random.c: our own, so that a seed means the same everywhere --- */
static inline uint64_t sim_mix(uint64_t v)
{
	v += 0x9e3779b97f4a7c15u;
	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
	v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
	return v ^ (v >> 31);
}

/* 0..n-1 from a stream that is one number. */
static inline uint64_t sim_draw(uint64_t *random, uint64_t n)
{
	*random = sim_mix(*random);
	return n ? (*random >> 16) % n : 0;
}

/* --- history.c --- */
extern const struct sim_setup sim_setups[];
extern const size_t sim_setups_len;
const struct sim_setup *sim_setup_find(const char *name);
/* steps has room for len. */
void sim_history_draw(struct sim_history *h);
/* What is broken, or NULL; the simulation is over then. */
const char *sim_history_run(struct sim *sim, const struct sim_history *h);
/* One line of text. */
void sim_step_text(const struct sim_history *h, size_t at, char *out, size_t cap);
void sim_step_apply(struct sim *sim, const struct sim_step *step, size_t at);

/* --- world.c --- */
void sim_init(struct sim *sim, const struct sim_setup *setup, uint64_t seed);
void sim_deinit(struct sim *sim);
struct sim_node *sim_node(struct sim *sim, tdm_node_id id);
void sim_fail(struct sim *sim, const char *what, uint64_t which, tdm_node_id node);
/* A process that takes part in what happens now. */
bool sim_awake(const struct sim_node *n);
/* Nothing stands between this process and the news: its inbox is empty and nothing is held. */
bool sim_current(const struct sim_node *n);
/* This process knows of the ring that its host is in. */
bool sim_in_ring(const struct sim_node *n);
void sim_feed(struct sim_node *n, const struct tdm_event *event);
bool sim_deliver(struct sim_node *n);
/* The clock moves; what is due happens. */
void sim_advance(struct sim *sim, tdm_ms ms);
/* Everybody who can reads until nothing moves. */
void sim_pump(struct sim *sim);
void sim_start(struct sim_node *n, bool keep_disk);
void sim_kill(struct sim_node *n);
void sim_power(struct sim_node *n, uint64_t random);
void sim_bury(struct sim *sim);
void sim_verifier(tdm_session_id session, uint8_t out[TDM_VERIFIER_LEN]);
uint64_t sim_request(struct sim *sim, tdm_session_id session, enum sim_step_kind kind);
const struct tdm_policy *sim_policy(unsigned number);

/* --- network.c --- */
void sim_net_cut(struct sim *sim, const unsigned *part, uint64_t random, tdm_node_id late);
void sim_net_form(struct sim *sim); /* the ring that re-forms is there now */
void sim_net_send(struct sim_node *n, const uint8_t *data, size_t len);
void sim_net_drop_sends(struct sim *sim, tdm_node_id id);
/* New rings: who is quorate, and when is it told. */
void sim_net_rings(struct sim *sim, uint64_t random);
void sim_net_verdict(struct sim_node *n, uint64_t random);
void sim_net_verdicts_due(struct sim *sim);
bool sim_net_quorate(const struct sim *sim, const struct sim_node *n);
bool sim_net_together(const struct sim *sim, tdm_node_id a, tdm_node_id b);
size_t sim_net_keep(void *random, size_t n);

/* --- check.c: after every step --- */
void sim_check_answer(struct sim_node *n, const struct tdm_action *action);
void sim_check_role(struct sim_node *n, const struct tdm_action *action);
void sim_check_actions(struct sim_node *n);
void sim_check_death(struct sim_node *n);
void sim_check_step(struct sim *sim);
/* How many processes know the session as live. */
size_t sim_holders(const struct sim *sim, tdm_session_id session);
struct tdm_entry *sim_entry(const struct sim_node *n, tdm_session_id session);
/* --- check_rest.c: when nothing moves --- */
void sim_check_rest(struct sim *sim);
void sim_check_healed(struct sim *sim);
