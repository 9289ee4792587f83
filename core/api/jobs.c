#include "api/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include <signalbox/error.h>

#include "base/own.h"

#define THREADS_MAX 8

struct job {
	job_fn fn;
	void *ud;
};

struct jobs {
	pthread_mutex_t lock; /* over all below but threads */
	pthread_cond_t more;
	struct job *ring;
	uint32_t cap, n, at;
	bool ending;
	uint32_t n_threads;
	pthread_t threads[THREADS_MAX];
};

static bool jobs_take(struct jobs *jobs, struct job *out)
{
	pthread_mutex_lock(&jobs->lock);
	while (jobs->n == 0 && !jobs->ending)
		pthread_cond_wait(&jobs->more, &jobs->lock);
	bool some = jobs->n > 0;

	if (some) {
		*out = jobs->ring[jobs->at];
		jobs->at = (jobs->at + 1) % jobs->cap;
		jobs->n--;
	}
	pthread_mutex_unlock(&jobs->lock);
	return some;
}

static void *jobs_run(void *ud)
{
	struct jobs *jobs = ud;
	struct job job;

	pthread_setname_np(pthread_self(), "query");
	while (jobs_take(jobs, &job))
		job.fn(job.ud);
	return NULL;
}

int jobs_new(struct jobs **out, uint32_t threads, uint32_t waiting_max)
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));

	if (!jobs)
		return -ENOMEM;
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->more, NULL);
	jobs->cap = waiting_max;
	jobs->ring = calloc(waiting_max, sizeof(*jobs->ring));
	int r = jobs->ring ? 0 : -ENOMEM;

	while (r == 0 && jobs->n_threads < MIN(threads, THREADS_MAX)) {
		r = -pthread_create(&jobs->threads[jobs->n_threads], NULL, jobs_run, jobs);
		jobs->n_threads += r == 0;
	}
	if (r < 0)
		jobs_free(jobs);
	else
		*out = jobs;
	return r;
}

struct jobs *jobs_free(struct jobs *jobs)
{
	if (!jobs)
		return NULL;
	pthread_mutex_lock(&jobs->lock);
	jobs->ending = true;
	pthread_cond_broadcast(&jobs->more);
	pthread_mutex_unlock(&jobs->lock);
	for (uint32_t i = 0; i < jobs->n_threads; i++)
		pthread_join(jobs->threads[i], NULL);
	pthread_cond_destroy(&jobs->more);
	pthread_mutex_destroy(&jobs->lock);
	free(jobs->ring);
	free(jobs);
	return NULL;
}

int jobs_put(struct jobs *jobs, job_fn fn, void *ud)
{
	int r = SB_AGAIN;

	pthread_mutex_lock(&jobs->lock);
	if (jobs->n < jobs->cap && !jobs->ending) {
		jobs->ring[(jobs->at + jobs->n) % jobs->cap] = (struct job){ fn, ud };
		jobs->n++;
		r = 0;
		pthread_cond_signal(&jobs->more);
	}
	pthread_mutex_unlock(&jobs->lock);
	return r;
}

uint32_t jobs_waiting(struct jobs *jobs)
{
	pthread_mutex_lock(&jobs->lock);
	uint32_t n = jobs->n;

	pthread_mutex_unlock(&jobs->lock);
	return n;
}
