#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/own.h"
#include "journal/commit.h"
#include "journal/disk.h"
#include "journal/hold.h"
#include "journal/rings.h"
#include "journal/state.h"
#include "journal/window.h"
#include "journal/writer.h"

#define LOG_MODULE "journal"
#include "base/log.h"

#define GROUP_BYTES       (1024 * 1024)
#define DEFINITIONS_BYTES (64u * 1024 * 1024)

/* Count first, then look: whoever goes to sleep does it the other way round. */
void state_wake(struct journal *j)
{
	atomic_fetch_add(&j->wakes, 1);
	if (atomic_load(&j->asleep))
		syscall(SYS_futex, &j->wakes, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void state_sleep(struct journal *j, uint32_t seen, int64_t max_ns)
{
	struct timespec t = { .tv_sec = max_ns / NS_PER_S, .tv_nsec = max_ns % NS_PER_S };
	atomic_store(&j->asleep, true);
	syscall(SYS_futex, &j->wakes, FUTEX_WAIT_PRIVATE, seen, max_ns < 0 ? NULL : &t, NULL, 0);
	atomic_store(&j->asleep, false);
}

size_t journal_record_max(const struct journal *j)
{
	return MIN((size_t)j->group_bytes, (size_t)JOURNAL_RECORD_MAX);
}

/* What no cursor and no consumer needs any more. */
static uint64_t floor_seq(void *ud)
{
	struct journal *j = ud;
	return MIN(MIN(atomic_load(&j->checkpoint), window_floor(j)), hold_floor(j));
}

static void shelf_changed(void *ud)
{
	state_wake(ud);
}

static int open_shelf(struct journal *j)
{
	j->dir_fd = open(j->config.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir_fd < 0)
		return log_error(-errno, "cannot open the journal's directory %s", j->config.dir);
	j->shelf = (struct shelf){
		.disk = j->disk,
		.dir_fd = j->dir_fd,
		.segment_bytes = j->config.segment_bytes,
		.spares_wanted = MAX(j->config.spare_segments, 1u),
		.floor = floor_seq,
		.changed = shelf_changed,
		.ud = j,
	};
	return shelf_init(&j->shelf);
}

int journal_new(struct journal **out, const struct journal_config *config)
{
	if (config->segment_bytes % COMMIT_BLOCK || config->segment_bytes < 16 * COMMIT_BLOCK)
		return log_error(-EINVAL, "a journal segment cannot have %llu bytes",
		                 (unsigned long long)config->segment_bytes);
	struct journal *j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->config = *config;
	j->disk = config->disk ? config->disk : &disk_real;
	j->group_bytes = MIN((uint64_t)GROUP_BYTES, config->segment_bytes / 5);
	j->definitions.max = DEFINITIONS_BYTES;
	j->window_end = &j->window;
	j->writer.fd = -1;
	pthread_mutex_init(&j->lock, NULL);
	pthread_mutex_init(&j->progress_lock, NULL);
	int r = commit_pool_new(&j->pool);
	if (r == 0)
		r = open_shelf(j);
	if (r < 0) {
		journal_free(j);
		return r;
	}
	*out = j;
	return 0;
}

int journal_start(struct journal *j)
{
	if (!j->replayed) {
		int r = journal_replay(j, UINT64_MAX, NULL, NULL);
		if (r < 0)
			return r;
	}
	int r = shelf_start(&j->shelf);
	return r < 0 ? r : writer_start(j);
}

void journal_stop(struct journal *j)
{
	writer_stop(j);
	shelf_stop(&j->shelf);
}

struct journal *journal_free(struct journal *j)
{
	if (!j)
		return NULL;
	journal_stop(j);
	window_drop(j);
	rings_drop(j);
	shelf_fini(&j->shelf);
	commit_pool_free(j->pool);
	if (j->dir_fd > 0)
		close(j->dir_fd);
	buffer_fini(&j->definitions);
	pthread_mutex_destroy(&j->lock);
	pthread_mutex_destroy(&j->progress_lock);
	free(j);
	return NULL;
}

int journal_define(struct journal *j, struct sb_bytes payload)
{
	if (payload.n == 0 || payload.n > journal_record_max(j))
		return -EMSGSIZE;
	uint32_t n = (uint32_t)payload.n;
	int r = 0;
	pthread_mutex_lock(&j->lock);
	struct buffer *b = &j->definitions;
	if (j->definitions_at == b->n && j->definitions_at) {
		buffer_reset(b);
		j->definitions_at = 0;
	}
	if (buffer_room(b, sizeof(n) + n)) {
		buffer_give(b, &n, sizeof(n));
		buffer_give(b, payload.p, n);
	} else {
		b->bad = false;
		r = SB_E_OVERLOAD;
	}
	pthread_mutex_unlock(&j->lock);
	if (r < 0)
		return log_error(r, "no room for a definition");
	state_wake(j);
	return 0;
}

void journal_checkpoint(struct journal *j, uint64_t seq)
{
	uint64_t old = atomic_load(&j->checkpoint);
	while (old < seq && !atomic_compare_exchange_weak(&j->checkpoint, &old, seq)) {
	}
	shelf_look(&j->shelf);
}

void journal_hold(struct journal *j, bool hold)
{
	shelf_hold(&j->shelf, hold);
}

uint64_t journal_seq(const struct journal *j)
{
	return atomic_load(&j->seq);
}

void journal_stats(const struct journal *j, struct journal_stats *out)
{
	const struct state_counters *c = &j->counters;
	*out = (struct journal_stats){
		.commits = atomic_load(&c->commits),
		.records = atomic_load(&c->records),
		.bytes_payload = atomic_load(&c->bytes_payload),
		.bytes_written = atomic_load(&c->bytes_written),
		.sync_failures = atomic_load(&c->sync_failures),
		.sync_ns_last = atomic_load(&c->sync_ns_last),
		.sync_ns_max = atomic_load(&c->sync_ns_max),
		.health = (enum journal_health)atomic_load(&c->health),
	};
	/* Counting takes a lock, which is not part of the journal's visible state. */
	shelf_count((struct shelf *)(uintptr_t)&j->shelf, &out->segments, &out->segments_spare);
}
