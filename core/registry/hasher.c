#define LOG_MODULE "auth"
#include "registry/hasher.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "host/instance.h"

#define WORKERS_MAX 4
#define WAITING_MAX 4096
#define PEERS       256
#define PEER_MAX    (WAITING_MAX / 4) /* of one address: others get their turn */
#define NICE        5 /* a storm of log-ins must not take the processor from those who are in */

struct worker {
	struct hasher *hasher;
	pthread_t thread;
	struct instance *instance; /* being worked for, under lock */
};

struct hasher {
	pthread_mutex_t lock;
	pthread_cond_t wake, idle;
	struct hasher_job *first, **last;
	uint32_t waiting;
	uint16_t by_peer[PEERS]; /* of those waiting */
	struct worker workers[WORKERS_MAX];
	uint32_t n_workers;
	bool stop;
};

static void answer(void *ud)
{
	struct hasher_job *job = ud;

	job->answer(job);
}

static bool is_stopping(struct hasher *hasher)
{
	bool stop;

	pthread_mutex_lock(&hasher->lock);
	stop = hasher->stop;
	pthread_mutex_unlock(&hasher->lock);
	return stop;
}

/* The mailbox of a loop is 65,536 long, sixteen times what can wait here: full means that the loop
 * is stuck, and then waiting is all there is to do. */
static void post(struct hasher *hasher, struct hasher_job *job)
{
	const struct timespec pause = { 0, 5 * NS_PER_MS };
	int r;

	while ((r = instance_post(job->instance, answer, job)) == SB_AGAIN) {
		if (is_stopping(hasher))
			break;
		(void)nanosleep(&pause, NULL);
	}
	if (r != 0)
		job->drop(job);
}

static struct hasher_job *take(struct hasher *hasher)
{
	struct hasher_job *job = hasher->first;

	hasher->first = job->next;
	if (!hasher->first)
		hasher->last = &hasher->first;
	hasher->waiting--;
	hasher->by_peer[job->peer]--;
	return job;
}

static void *run(void *ud)
{
	struct worker *worker = ud;
	struct hasher *hasher = worker->hasher;

	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	pthread_mutex_lock(&hasher->lock);
	while (!hasher->stop) {
		struct hasher_job *job;
		if (!hasher->first) {
			pthread_cond_wait(&hasher->wake, &hasher->lock);
			continue;
		}
		job = take(hasher);
		worker->instance = job->instance;
		pthread_mutex_unlock(&hasher->lock);
		job->work(job);
		post(hasher, job);
		pthread_mutex_lock(&hasher->lock);
		worker->instance = NULL;
		pthread_cond_broadcast(&hasher->idle);
	}
	pthread_mutex_unlock(&hasher->lock);
	return NULL;
}

static int start_workers(struct hasher *hasher)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t n = cores > 2 ? (uint32_t)MIN(cores / 2, WORKERS_MAX) : 1;

	for (uint32_t i = 0; i < n; i++) {
		struct worker *worker = &hasher->workers[i];
		worker->hasher = hasher;
		int r = -pthread_create(&worker->thread, NULL, run, worker);
		if (r < 0)
			return log_error(r, "cannot start a thread for passwords");
		pthread_setname_np(worker->thread, "auth");
		hasher->n_workers++;
	}
	return 0;
}

int hasher_new(struct hasher **out)
{
	struct hasher *hasher = calloc(1, sizeof(*hasher));
	int r;

	if (!hasher)
		return -ENOMEM;
	hasher->last = &hasher->first;
	pthread_mutex_init(&hasher->lock, NULL);
	pthread_cond_init(&hasher->wake, NULL);
	pthread_cond_init(&hasher->idle, NULL);
	r = start_workers(hasher);
	if (r < 0) {
		hasher_free(hasher);
		return r;
	}
	*out = hasher;
	return 0;
}

struct hasher *hasher_free(struct hasher *hasher)
{
	if (!hasher)
		return NULL;
	pthread_mutex_lock(&hasher->lock);
	hasher->stop = true;
	pthread_cond_broadcast(&hasher->wake);
	pthread_mutex_unlock(&hasher->lock);
	for (uint32_t i = 0; i < hasher->n_workers; i++)
		pthread_join(hasher->workers[i].thread, NULL);
	while (hasher->first) {
		struct hasher_job *job = take(hasher);
		job->drop(job);
	}
	pthread_cond_destroy(&hasher->idle);
	pthread_cond_destroy(&hasher->wake);
	pthread_mutex_destroy(&hasher->lock);
	free(hasher);
	return NULL;
}

static bool is_worked_for(const struct hasher *hasher, const struct instance *in)
{
	for (uint32_t i = 0; i < hasher->n_workers; i++) {
		if (hasher->workers[i].instance == in)
			return true;
	}
	return false;
}

void hasher_forget(struct hasher *hasher, const struct instance *in)
{
	pthread_mutex_lock(&hasher->lock);
	for (struct hasher_job **at = &hasher->first; *at;) {
		struct hasher_job *job = *at;
		if (job->instance != in) {
			at = &job->next;
			continue;
		}
		*at = job->next;
		hasher->waiting--;
		hasher->by_peer[job->peer]--;
		job->drop(job);
	}
	hasher->last = &hasher->first;
	while (*hasher->last)
		hasher->last = &(*hasher->last)->next;
	while (is_worked_for(hasher, in))
		pthread_cond_wait(&hasher->idle, &hasher->lock);
	pthread_mutex_unlock(&hasher->lock);
}

int hasher_push(struct hasher *hasher, struct hasher_job *job)
{
	int r = 0;

	job->next = NULL;
	job->hasher = hasher;
	pthread_mutex_lock(&hasher->lock);
	if (hasher->stop) {
		r = -ESHUTDOWN;
	} else if (hasher->waiting >= WAITING_MAX || hasher->by_peer[job->peer] >= PEER_MAX) {
		r = SB_E_OVERLOAD;
	} else {
		*hasher->last = job;
		hasher->last = &job->next;
		hasher->waiting++;
		hasher->by_peer[job->peer]++;
		pthread_cond_signal(&hasher->wake);
	}
	pthread_mutex_unlock(&hasher->lock);
	if (r < 0)
		job->drop(job);
	return r;
}
