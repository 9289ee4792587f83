#include "journal/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/own.h"
#include "journal/disk.h"
#include "journal/prepare.h"
#include "journal/segment.h"

#define LOG_MODULE "journal"
#include "base/log.h"

enum { RETRY_S = 1 };

void shelf_fini(struct shelf *shelf)
{
	free(shelf->segments);
	free(shelf->spares);
	shelf->segments = NULL;
	shelf->spares = NULL;
	shelf->n = shelf->n_spares = 0;
	pthread_mutex_destroy(&shelf->lock);
	pthread_cond_destroy(&shelf->wake);
}

static int room_for_one(struct shelf *shelf)
{
	if (shelf->n < shelf->cap)
		return 0;
	size_t cap = shelf->cap ? shelf->cap * 2 : 16;
	struct shelf_segment *more = realloc(shelf->segments, cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	shelf->segments = more;
	shelf->cap = cap;
	return 0;
}

int shelf_begin(struct shelf *shelf, uint32_t generation, uint64_t first_seq)
{
	pthread_mutex_lock(&shelf->lock);
	int r = room_for_one(shelf);
	if (r == 0)
		shelf->segments[shelf->n++] = (struct shelf_segment){
			.generation = generation,
			.first_seq = first_seq,
			.last_seq = UINT64_MAX,
			.size = shelf->segment_bytes,
		};
	shelf->most = MAX(shelf->most, shelf->n);
	pthread_mutex_unlock(&shelf->lock);
	return r;
}

void shelf_end(struct shelf *shelf, uint64_t last_seq)
{
	pthread_mutex_lock(&shelf->lock);
	if (shelf->n)
		shelf->segments[shelf->n - 1].last_seq = last_seq;
	pthread_mutex_unlock(&shelf->lock);
}

int shelf_take(struct shelf *shelf, uint32_t *generation)
{
	int r = SB_AGAIN;
	pthread_mutex_lock(&shelf->lock);
	if (shelf->n_spares) {
		*generation = shelf->spares[0];
		shelf->n_spares--;
		memmove(shelf->spares, shelf->spares + 1, shelf->n_spares * sizeof(uint32_t));
		r = 0;
	} else if (shelf->failure) {
		r = shelf->failure;
	}
	shelf->look = true;
	pthread_cond_signal(&shelf->wake);
	pthread_mutex_unlock(&shelf->lock);
	return r;
}

void shelf_discard(struct shelf *shelf, uint32_t generation)
{
	char name[SEGMENT_NAME_MAX];
	segment_name(name, generation);
	shelf->disk->unlink(shelf->disk, shelf->dir_fd, name);
}

void shelf_look(struct shelf *shelf)
{
	pthread_mutex_lock(&shelf->lock);
	shelf->look = true;
	pthread_cond_signal(&shelf->wake);
	pthread_mutex_unlock(&shelf->lock);
}

void shelf_hold(struct shelf *shelf, bool hold)
{
	pthread_mutex_lock(&shelf->lock);
	shelf->hold = hold;
	shelf->look = true;
	pthread_cond_signal(&shelf->wake);
	pthread_mutex_unlock(&shelf->lock);
}

bool shelf_find(struct shelf *shelf, uint64_t seq, struct shelf_segment *out)
{
	bool found = false;
	pthread_mutex_lock(&shelf->lock);
	for (size_t i = 0; i < shelf->n && !found; i++) {
		const struct shelf_segment *s = &shelf->segments[i];
		if (s->last_seq < seq || s->last_seq < s->first_seq)
			continue;
		*out = *s;
		found = true;
	}
	pthread_mutex_unlock(&shelf->lock);
	return found;
}

void shelf_count(struct shelf *shelf, uint64_t *segments, uint64_t *spares)
{
	pthread_mutex_lock(&shelf->lock);
	*segments = shelf->n;
	*spares = shelf->n_spares;
	pthread_mutex_unlock(&shelf->lock);
}

/* ---- the thread */

/* Takes the oldest segment nobody needs off the list; the one being written never. Locked. */
static bool take_old(struct shelf *shelf, struct shelf_segment *out)
{
	bool have = shelf->n >= 2 && shelf->segments[0].last_seq != UINT64_MAX &&
	            shelf->segments[0].last_seq <= shelf->floor(shelf->ud);
	if (!have && shelf->is_back)
		shelf->most = shelf->n;
	shelf->is_back = have;
	if (!have)
		return false;
	*out = shelf->segments[0];
	shelf->n--;
	memmove(shelf->segments, shelf->segments + 1, shelf->n * sizeof(*out));
	return true;
}

/* As many as are wanted, and those that were in use until now: they will be again before the next
 * ones come back, and a file made anew is written twice. Locked. */
static uint32_t spares_most(const struct shelf *shelf)
{
	uint64_t most = MIN((uint64_t)shelf->most, SHELF_SPARES_BYTES / shelf->segment_bytes);
	most = MIN(most, (uint64_t)SHELF_SPARES_MAX);
	return shelf->spares_wanted + (shelf->hold ? 0 : (uint32_t)most);
}

/* While room is short, what was kept beyond what is wanted goes; unlocked meanwhile. Locked. */
static bool give_up(struct shelf *shelf)
{
	if (!shelf->hold || shelf->n_spares <= shelf->spares_wanted)
		return false;
	uint32_t number = shelf->spares[--shelf->n_spares];
	pthread_mutex_unlock(&shelf->lock);
	shelf_discard(shelf, number);
	pthread_mutex_lock(&shelf->lock);
	return true;
}

/* One step of work, unlocked while it touches the disk. False: nothing to do. Locked. */
static bool step(struct shelf *shelf, uint8_t *zeros)
{
	struct shelf_segment old;
	uint32_t most = spares_most(shelf);
	bool have = take_old(shelf, &old);
	bool need = shelf->n_spares < (have ? most : shelf->spares_wanted);
	if (!need && !have)
		return give_up(shelf);
	/* Numbers are only used up here, so this one stays free while we are unlocked. */
	uint32_t number = shelf->newest + 1;
	bool reuse = have && need && old.size == shelf->segment_bytes;
	bool hold = shelf->hold;
	pthread_mutex_unlock(&shelf->lock);
	if (have && !reuse)
		shelf_discard(shelf, old.generation);
	int r = 0;
	if (reuse)
		r = prepare_recycled(shelf, old.generation, number);
	else if (need && hold)
		r = -ENOSPC;
	else if (need)
		r = prepare_new(shelf, number, zeros);
	pthread_mutex_lock(&shelf->lock);
	if (need && r == 0) {
		shelf->newest = number;
		shelf->spares[shelf->n_spares++] = number;
	}
	bool news = need && (r == 0 || r != shelf->failure);
	if (need && r < 0 && r != shelf->failure)
		log_error(r, "cannot prepare a journal segment");
	if (need)
		shelf->failure = r;
	if (news) {
		pthread_mutex_unlock(&shelf->lock);
		shelf->changed(shelf->ud);
		pthread_mutex_lock(&shelf->lock);
	}
	return r == 0;
}

static void wait_for_work(struct shelf *shelf)
{
	if (!shelf->failure) {
		pthread_cond_wait(&shelf->wake, &shelf->lock);
		return;
	}
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RETRY_S;
	while (!shelf->stop && pthread_cond_timedwait(&shelf->wake, &shelf->lock, &until) == 0) {
	}
}

static void *run(void *arg)
{
	struct shelf *shelf = arg;
	uint8_t *zeros = calloc(1, PREPARE_ZEROS);
	pthread_mutex_lock(&shelf->lock);
	while (!shelf->stop) {
		shelf->look = false;
		if (zeros && step(shelf, zeros))
			continue;
		if (!shelf->stop && (!shelf->look || shelf->failure))
			wait_for_work(shelf);
	}
	pthread_mutex_unlock(&shelf->lock);
	free(zeros);
	return NULL;
}

int shelf_start(struct shelf *shelf)
{
	int r = pthread_create(&shelf->thread, NULL, run, shelf);
	if (r)
		return log_error(-r, "cannot start the thread that prepares segments");
	pthread_setname_np(shelf->thread, "journal-prep");
	shelf->started = true;
	return 0;
}

void shelf_stop(struct shelf *shelf)
{
	if (!shelf->started)
		return;
	pthread_mutex_lock(&shelf->lock);
	shelf->stop = true;
	pthread_cond_signal(&shelf->wake);
	pthread_mutex_unlock(&shelf->lock);
	pthread_join(shelf->thread, NULL);
	shelf->started = false;
}
