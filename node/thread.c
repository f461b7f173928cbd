/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/thread.h"

#include <signal.h>

static void *thread_main(void *arg)
{
	struct tdm_thread *thread = arg;

	thread->run(thread->arg);
	sem_post(&thread->done);
	return NULL;
}

enum tdm_err tdm_thread_start(
	struct tdm_thread *thread, size_t stack, void (*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int failed;

	if (pthread_attr_init(&attr) != 0)
		return TDM_ERR_NOMEM;
	pthread_attr_setstacksize(&attr, stack);
	sem_init(&thread->done, 0, 0);
	thread->run = run;
	thread->arg = arg;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&thread->id, &attr, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return failed ? TDM_ERR_NOMEM : TDM_OK;
}

bool tdm_thread_join(struct tdm_thread *thread, const struct timespec *until)
{
	if (sem_clockwait(&thread->done, CLOCK_MONOTONIC, until) != 0) {
		pthread_detach(thread->id);
		return false;
	}
	pthread_join(thread->id, NULL);
	sem_destroy(&thread->done);
	return true;
}
