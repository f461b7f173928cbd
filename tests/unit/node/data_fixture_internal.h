/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <pthread.h>
#include <uv.h>

#include "node/queue.h"
#include "tests/unit/node/data_fixture.h"

enum { FIXTURE_SEEN_MAX = 256 };

struct fixture {
	struct fixture_options options;
	char address[64];
	struct tdm_config config;
	struct tdm_tls *tls;
	struct tdm_worker *worker;
	bool stopped;
	int tun;
	/* the control thread's */
	uv_loop_t loop;
	uv_async_t wake;
	struct tdm_queue queue;
	pthread_t thread;
	/* guards what follows */
	pthread_mutex_t lock;
	pthread_cond_t news;
	uint32_t generation;
	struct {
		tdm_session_id id;
		uint8_t verifier[TDM_VERIFIER_LEN];
		char token[TDM_TOKEN_TEXT_MAX];
		bool hold;
		struct tdm_msg held; /* the question */
	} sessions[FIXTURE_SESSIONS];
	struct tdm_msg *seen[FIXTURE_SEEN_MAX];
	size_t seen_len;
};
