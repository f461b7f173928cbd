/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What newcomers may take of one turn of the loop. A handshake costs as much as hundreds of
 * packets: without a limit, a flood of them would stop the tunnels that are up. What is beyond it
 * waits in the kernel's buffers, in the order in which it came.
 */
#include "node/data/internal.h"

enum {
	HANDSHAKES_NS = 5 * 1000 * 1000,
	READERS = 8, /* of those that wait; the time is up before they are through */
	ACCEPTS = 64,
};

void tdm_turn_init(struct tdm_worker *worker)
{
	TAILQ_INIT(&worker->turn.waiting);
}

void tdm_turn_begin(struct tdm_worker *worker)
{
	worker->turn.handshakes_ns = 0;
	worker->turn.accepts = 0;
	for (int i = 0; i < READERS && !TAILQ_EMPTY(&worker->turn.waiting); i++) {
		struct tdm_conn *conn = TAILQ_FIRST(&worker->turn.waiting);

		tdm_turn_forget(conn);
		conn->has_turn = true;
		tdm_stream_read_start(conn);
	}
	tdm_listeners_resume(worker);
}

bool tdm_turn_accept(struct tdm_worker *worker)
{
	return worker->turn.accepts++ < ACCEPTS;
}

bool tdm_turn_is_over(const struct tdm_conn *conn)
{
	const struct tdm_worker *worker = conn->worker;

	if (conn->state != TDM_CONN_HANDSHAKE || conn->answered)
		return false;
	return worker->turn.handshakes_ns >= HANDSHAKES_NS ||
	       (!conn->has_turn && !TAILQ_EMPTY(&worker->turn.waiting));
}

void tdm_turn_wait(struct tdm_conn *conn)
{
	uv_read_stop((uv_stream_t *)&conn->tcp);
	if (conn->has_turn) /* it was its turn, but the time was up */
		TAILQ_INSERT_HEAD(&conn->worker->turn.waiting, conn, turn);
	else
		TAILQ_INSERT_TAIL(&conn->worker->turn.waiting, conn, turn);
	conn->has_turn = false;
	conn->waits_for_turn = true;
}

void tdm_turn_forget(struct tdm_conn *conn)
{
	if (!conn->waits_for_turn)
		return;
	TAILQ_REMOVE(&conn->worker->turn.waiting, conn, turn);
	conn->waits_for_turn = false;
}
