/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A data thread: accepts, speaks TLS, HTTP and CSTP, moves packets between tunnels and the TUN
 * device. It decides nothing about sessions: it asks the control thread and does as told.
 */
#pragma once

#include "node/config/config.h"
#include "node/data/msg.h"
#include "node/queue.h"

struct tdm_worker;
struct tdm_tls;

struct tdm_worker_config {
	uint32_t number; /* of this thread, from 0 */
	const struct tdm_config *config;
	struct tdm_tls *tls; /* shared server context, see tls.h */
	int tun_fd;          /* this thread's TUN queue, non-blocking; the worker closes it */
	struct tdm_queue *to_control; /* the worker is its only writer */
	/* Limits on clients that have no tunnel yet; 0 = the usual ones. */
	struct {
		uint32_t handshake_ms, request_ms; /* for a TLS handshake, for an HTTP request */
		uint32_t pending;                  /* connections; more wait in the kernel */
	} limits;
};

/* Start the thread. TDM_ERR_NOMEM, TDM_ERR_IO with diag. */
enum tdm_err tdm_worker_start(const struct tdm_worker_config *config, struct tdm_worker **out,
	struct tdm_diag *diag) TDM_MUST_USE;
/* Hand over a message from the control thread (its only caller). TDM_ERR_FULL: still the caller's.
 * STOP is the last one: nothing may be sent after it. */
enum tdm_err tdm_worker_send(struct tdm_worker *worker, struct tdm_msg *msg) TDM_MUST_USE;
/* After STOPPED was received: wait for the thread's end and free it. */
void tdm_worker_join(struct tdm_worker *worker);
