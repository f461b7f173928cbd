/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/auth/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PASSWORD_NICE = 10 };

struct job {
	uint64_t request;
	char user[TDM_USER_MAX];
	char password[TDM_PASSWORD_MAX];
};

struct result {
	uint64_t request;
	enum tdm_err err;
	char group[TDM_NAME_MAX];
};

struct tdm_auth_pool {
	struct tdm_auth_pool_config config;
	uv_async_t wake;
	uv_thread_t *threads;
	uint32_t threads_len; /* running */

	uv_mutex_t lock; /* guards all below */
	uv_cond_t work;
	bool stopping;
	struct job *jobs; /* a ring of config.queue */
	uint32_t jobs_first, jobs_len;
	struct result *results; /* all that were taken and not told yet fit */
	uint32_t results_len;
	uint32_t running;
};

/* Wait for a job; false when the pool stops. */
static bool take_job(struct tdm_auth_pool *pool, struct job *out)
{
	struct job *job;

	uv_mutex_lock(&pool->lock);
	while (!pool->stopping && !pool->jobs_len)
		uv_cond_wait(&pool->work, &pool->lock);
	if (pool->stopping) {
		uv_mutex_unlock(&pool->lock);
		return false;
	}
	job = &pool->jobs[pool->jobs_first];
	*out = *job;
	explicit_bzero(job, sizeof(*job));
	pool->jobs_first = (pool->jobs_first + 1) % pool->config.queue;
	pool->jobs_len--;
	pool->running++;
	uv_mutex_unlock(&pool->lock);
	return true;
}

static void give_result(struct tdm_auth_pool *pool, const struct result *result)
{
	uv_mutex_lock(&pool->lock);
	pool->results[pool->results_len++] = *result;
	pool->running--;
	uv_mutex_unlock(&pool->lock);
	uv_async_send(&pool->wake);
}

/* A storm of logins must not keep the threads that serve and that prove life from running. The
 * nice value belongs to the thread on Linux. */
static void step_back(void)
{
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), PASSWORD_NICE);
}

static void run_thread(void *arg)
{
	struct tdm_auth_pool *pool = arg;
	const struct tdm_auth_backend *backend = &pool->config.backend;
	struct job job;

	step_back();
	while (take_job(pool, &job)) {
		struct result result = { .request = job.request };

		result.err = backend->check(backend->self, job.user, job.password, result.group);
		explicit_bzero(&job, sizeof(job));
		if (result.err)
			result.group[0] = '\0';
		give_result(pool, &result);
	}
}

/* One at a time: what is told may submit again. */
static bool next_result(struct tdm_auth_pool *pool, struct result *out)
{
	bool have;

	uv_mutex_lock(&pool->lock);
	have = pool->results_len > 0;
	if (have) {
		*out = pool->results[0];
		pool->results_len--;
		memmove(pool->results, pool->results + 1,
			pool->results_len * sizeof(pool->results[0]));
	}
	uv_mutex_unlock(&pool->lock);
	return have;
}

static void on_wake(uv_async_t *wake)
{
	struct tdm_auth_pool *pool = wake->data;
	struct result result;

	while (!uv_is_closing((uv_handle_t *)wake) && next_result(pool, &result))
		pool->config.done(pool->config.ctx, result.request, result.err, result.group);
}

static void free_memory(struct tdm_auth_pool *pool)
{
	free(pool->threads);
	free(pool->results);
	free(pool->jobs);
	free(pool);
}

static struct tdm_auth_pool *allocate(const struct tdm_auth_pool_config *config)
{
	struct tdm_auth_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->config = *config;
	pool->threads = calloc(config->threads, sizeof(*pool->threads));
	pool->jobs = calloc(config->queue, sizeof(*pool->jobs));
	pool->results = calloc((size_t)config->queue + config->threads, sizeof(*pool->results));
	if (!pool->threads || !pool->jobs || !pool->results) {
		free_memory(pool);
		return NULL;
	}
	return pool;
}

static bool init_locks(struct tdm_auth_pool *pool)
{
	if (uv_mutex_init(&pool->lock))
		return false;
	if (uv_cond_init(&pool->work)) {
		uv_mutex_destroy(&pool->lock);
		return false;
	}
	if (uv_async_init(pool->config.loop, &pool->wake, on_wake)) {
		uv_cond_destroy(&pool->work);
		uv_mutex_destroy(&pool->lock);
		return false;
	}
	pool->wake.data = pool;
	return true;
}

enum tdm_err tdm_auth_pool_new(const struct tdm_auth_pool_config *config,
	struct tdm_auth_pool **out, struct tdm_diag *diag)
{
	struct tdm_auth_pool *pool = allocate(config);

	if (!pool || !init_locks(pool)) {
		if (pool)
			free_memory(pool);
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "password checks: out of memory");
	}
	for (; pool->threads_len < config->threads; pool->threads_len++)
		if (uv_thread_create(&pool->threads[pool->threads_len], run_thread, pool)) {
			tdm_auth_pool_free(pool);
			return tdm_diag_set(
				diag, TDM_ERR_IO, "password checks: cannot start a thread");
		}
	*out = pool;
	return TDM_OK;
}

enum tdm_err tdm_auth_submit(struct tdm_auth_pool *pool, const struct tdm_auth_job *job)
{
	const struct tdm_auth_pool_config *config = &pool->config;
	struct job *slot;
	uint32_t taken;

	if (strlen(job->user) >= TDM_USER_MAX || strlen(job->password) >= TDM_PASSWORD_MAX)
		return TDM_ERR_TOO_LONG;
	uv_mutex_lock(&pool->lock);
	taken = pool->jobs_len + pool->running + pool->results_len;
	if (pool->jobs_len == config->queue || taken == config->queue + config->threads) {
		uv_mutex_unlock(&pool->lock);
		return TDM_ERR_FULL;
	}
	slot = &pool->jobs[(pool->jobs_first + pool->jobs_len) % config->queue];
	slot->request = job->request;
	snprintf(slot->user, sizeof(slot->user), "%s", job->user);
	snprintf(slot->password, sizeof(slot->password), "%s", job->password);
	pool->jobs_len++;
	uv_cond_signal(&pool->work);
	uv_mutex_unlock(&pool->lock);
	return TDM_OK;
}

static void on_closed(uv_handle_t *handle)
{
	struct tdm_auth_pool *pool = handle->data;

	uv_cond_destroy(&pool->work);
	uv_mutex_destroy(&pool->lock);
	free_memory(pool);
}

void tdm_auth_pool_free(struct tdm_auth_pool *pool)
{
	if (!pool)
		return;
	uv_mutex_lock(&pool->lock);
	pool->stopping = true;
	uv_cond_broadcast(&pool->work);
	uv_mutex_unlock(&pool->lock);
	for (uint32_t i = 0; i < pool->threads_len; i++)
		uv_thread_join(&pool->threads[i]);
	explicit_bzero(pool->jobs, pool->config.queue * sizeof(pool->jobs[0]));
	uv_close((uv_handle_t *)&pool->wake, on_closed);
}
