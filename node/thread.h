/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A thread that may be stuck when it should end: it is left behind then. */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "proto/err.h"

struct tdm_thread {
	pthread_t id;
	sem_t done;
	void (*run)(void *arg);
	void *arg;
};

/* Runs run(arg) with all signals blocked: they are for the main thread. thread outlives it.
 * TDM_ERR_NOMEM. */
enum tdm_err tdm_thread_start(
	struct tdm_thread *thread, size_t stack, void (*run)(void *arg), void *arg) TDM_MUST_USE;
/* Wait for its end until then (CLOCK_MONOTONIC). False: it goes on, detached, and so must all that
 * it uses. */
bool tdm_thread_join(struct tdm_thread *thread, const struct timespec *until);
