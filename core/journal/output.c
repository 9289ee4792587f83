#include "journal/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/own.h"
#include "journal/commit.h"
#include "journal/disk.h"
#include "journal/segment.h"
#include "journal/state.h"

#define LOG_MODULE "journal"
#include "base/log.h"

/* No group of any configuration is longer, so nothing of an unfinished one lies behind. */
#define TAIL_BYTES (2 * (uint64_t)JOURNAL_RECORD_MAX + 2 * COMMIT_BLOCK)

void output_close(struct journal *j)
{
	struct state_writer *w = &j->writer;
	if (w->fd >= 0)
		j->disk->close(j->disk, w->fd);
	w->fd = -1;
}

/* The current segment gets no further record: it is full, or the disk failed on it. */
static void leave(struct journal *j)
{
	output_close(j);
	shelf_end(&j->shelf, journal_seq(j));
}

static int sync_timed(struct journal *j, int fd)
{
	struct state_counters *c = &j->counters;
	int64_t before = clock_mono();
	int r = j->disk->sync(j->disk, fd);
	int64_t took = clock_mono() - before;
	atomic_store(&c->sync_ns_last, took);
	if (took > atomic_load(&c->sync_ns_max))
		atomic_store(&c->sync_ns_max, took);
	if (r < 0)
		atomic_fetch_add(&c->sync_failures, 1);
	return r;
}

/* Zeros behind the last record, so that nothing of a group the last run did not finish can ever
 * follow a new record, or, torn in the middle of a block, stand in front of one. Groups that were
 * acknowledged end with their block, so none of theirs is written again. */
static int clean_tail(struct journal *j, int fd, uint64_t at, uint64_t size)
{
	uint64_t n = MIN(size - at, TAIL_BYTES);
	_own_(freep) uint8_t *zeros = calloc(1, (size_t)n);
	if (!zeros)
		return -ENOMEM;
	int r = disk_write_all(j->disk, fd, zeros, (size_t)n, at);
	return r < 0 ? r : sync_timed(j, fd);
}

void output_resume(struct journal *j)
{
	struct state_writer *w = &j->writer;
	char name[SEGMENT_NAME_MAX];
	struct stat st;
	if (!j->tail_generation) {
		if (j->shelf.n)
			shelf_end(&j->shelf, journal_seq(j));
		return;
	}
	segment_name(name, j->tail_generation);
	int fd = j->disk->open(j->disk, j->dir_fd, name, O_RDWR);
	int r = fd < 0 ? fd : 0;
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	uint64_t size = r < 0 ? 0 : (uint64_t)st.st_size / COMMIT_BLOCK * COMMIT_BLOCK;
	if (r == 0 && j->tail_at < size)
		r = clean_tail(j, fd, j->tail_at, size);
	if (r < 0 || j->tail_at >= size) {
		if (r < 0)
			log_warn(r, "cannot go on in journal segment %s", name);
		if (fd >= 0)
			j->disk->close(j->disk, fd);
		shelf_end(&j->shelf, journal_seq(j));
		return;
	}
	w->fd = fd;
	w->generation = j->tail_generation;
	w->at = (j->tail_at + COMMIT_BLOCK - 1) / COMMIT_BLOCK * COMMIT_BLOCK;
	w->size = size;
}

static int write_group(struct journal *j, struct journal_commit *commit)
{
	struct state_writer *w = &j->writer;
	int r = commit_seal(commit, w->generation);
	if (r == 0)
		r = disk_write_all(j->disk, w->fd, commit->p, commit->n, w->at);
	if (r == 0)
		r = sync_timed(j, w->fd);
	if (r == 0)
		w->at += commit->n;
	return r;
}

static int wait_for_spare(struct journal *j, uint32_t *generation)
{
	for (;;) {
		uint32_t seen = atomic_load(&j->wakes);
		int r = shelf_take(&j->shelf, generation);
		if (r != SB_AGAIN)
			return r;
		state_sleep(j, seen, -1);
	}
}

/* Header, and group if there is one, to a spare: one sync for both. A spare that fails is gone. */
static int begin(struct journal *j, uint32_t generation, struct journal_commit *commit)
{
	struct state_writer *w = &j->writer;
	uint8_t block[SEGMENT_HEAD];
	char name[SEGMENT_NAME_MAX];
	struct segment_header header = { generation, journal_seq(j) + 1 };
	segment_name(name, generation);
	segment_header_give(block, &header);
	w->fd = j->disk->open(j->disk, j->dir_fd, name, O_RDWR);
	if (w->fd < 0)
		return w->fd;
	w->generation = generation;
	w->at = SEGMENT_HEAD;
	w->size = j->config.segment_bytes;
	int r = disk_write_all(j->disk, w->fd, block, sizeof(block), 0);
	if (r == 0)
		r = commit ? write_group(j, commit) : sync_timed(j, w->fd);
	if (r == 0)
		r = shelf_begin(&j->shelf, generation, header.first_seq);
	if (r < 0) {
		output_close(j);
		shelf_discard(&j->shelf, generation);
	}
	return r;
}

static int fresh(struct journal *j, struct journal_commit *commit)
{
	uint32_t generation;
	leave(j);
	int r = wait_for_spare(j, &generation);
	return r < 0 ? r : begin(j, generation, commit);
}

int output_renew(struct journal *j)
{
	uint32_t generation;
	if (j->writer.fd >= 0)
		leave(j);
	int r = shelf_take(&j->shelf, &generation);
	return r != 0 ? r : begin(j, generation, NULL);
}

int output_commit(struct journal *j, struct journal_commit *commit)
{
	struct state_writer *w = &j->writer;
	uint64_t most = commit->n + COMMIT_BLOCK;
	bool fits = w->fd >= 0 && w->size - w->at >= most;
	int r = fits ? write_group(j, commit) : fresh(j, commit);
	if (r < 0) {
		/* After a failed sync the kernel may call pages clean that never reached the disk:
		 * this file is not touched again. */
		log_error(r, "journal write failed, trying a fresh segment");
		r = fresh(j, commit);
	}
	if (r < 0)
		leave(j);
	return r;
}
