#define LOG_MODULE "journal"
#include "journal/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/log.h"
#include "base/own.h"
#include "journal/commit.h"
#include "journal/disk.h"
#include "journal/segment.h"
#include "journal/state.h"

#define COPY_BYTES (1u << 20)

struct copying {
	struct journal *j;
	struct journal_copy *out;
	uint64_t last; /* durable when it began */
	uint64_t done, all;
	int dir_fd;
	uint8_t *buffer; /* [COPY_BYTES] */
};

/* Where the last record wanted ends, as a multiple of a block; counts on the way. */
static int find_end(struct copying *c, int fd, const struct shelf_segment *s, uint64_t last,
                    uint64_t *end)
{
	struct segment_reader reader;
	struct segment_header header = { s->generation, s->first_seq };
	struct sb_bytes payload;
	uint64_t seq = s->first_seq - 1;
	int r = 1;

	segment_reader_init(&reader, c->j->disk, fd, s->size, &header);
	while (seq < last && (r = segment_reader_next(&reader, &seq, &payload)) == 1)
		c->out->records++;
	*end = (reader.at + COMMIT_BLOCK - 1) / COMMIT_BLOCK * COMMIT_BLOCK;
	segment_reader_fini(&reader);
	if (r == 0)
		return log_error(SB_E_CORRUPT, "journal record %llu is damaged",
		                 (unsigned long long)seq + 1);
	if (!c->out->seq_first)
		c->out->seq_first = s->first_seq;
	c->out->seq_last = seq;
	return r < 0 ? r : 0;
}

static int copy_bytes(struct copying *c, int from, int to, uint64_t end)
{
	const struct disk *disk = c->j->disk;

	for (uint64_t at = 0; at < end;) {
		size_t n = (size_t)MIN(end - at, (uint64_t)COPY_BYTES);
		ssize_t have = disk_read_all(disk, from, c->buffer, n, at);
		if (have <= 0)
			return have < 0 ? (int)have : -EIO;
		int r = disk_write_all(disk, to, c->buffer, (size_t)have, at);
		if (r < 0)
			return r;
		at += (uint64_t)have;
		c->done += (uint64_t)have;
		c->out->bytes += (uint64_t)have;
		r = c->out->step ? c->out->step(c->out->ud, c->done, c->all) : 0;
		if (r < 0)
			return r;
	}
	return disk->sync(disk, to);
}

static int copy_segment(struct copying *c, const struct shelf_segment *s)
{
	const struct disk *disk = c->j->disk;
	char name[SEGMENT_NAME_MAX];
	uint64_t end = 0;

	segment_name(name, s->generation);
	_own_(closep) int from = disk->open(disk, c->j->dir_fd, name, O_RDONLY);
	if (from < 0)
		return log_error(from, "cannot open journal segment %s", name);
	int r = find_end(c, from, s, MIN(s->last_seq, c->last), &end);
	if (r < 0)
		return r;
	_own_(closep) int to = disk->open(disk, c->dir_fd, name, O_RDWR | O_CREAT | O_EXCL);
	if (to < 0)
		return to;
	r = copy_bytes(c, from, to, end);
	if (r == 0)
		c->out->segments++;
	return r;
}

/* The segments there are now; those that hold nothing, or nothing yet, are left out. */
static int take_segments(struct copying *c, struct shelf_segment **out, size_t *n)
{
	struct shelf *shelf = &c->j->shelf;

	pthread_mutex_lock(&shelf->lock);
	*out = calloc(shelf->n + 1, sizeof(**out));
	for (size_t i = 0; *out && i < shelf->n; i++) {
		const struct shelf_segment *s = &shelf->segments[i];
		if (s->last_seq < s->first_seq || s->first_seq > c->last)
			continue;
		(*out)[(*n)++] = *s;
		c->all += s->size;
	}
	pthread_mutex_unlock(&shelf->lock);
	return *out ? 0 : -ENOMEM;
}

int journal_copy_run(struct journal *j, struct journal_copy *copy)
{
	struct copying c = { .j = j, .out = copy, .last = journal_seq(j) };
	_own_(freep) struct shelf_segment *segments = NULL;
	_own_(freep) uint8_t *buffer = malloc(COPY_BYTES);
	_own_(closep) int dir_fd = open(copy->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t n = 0;

	if (dir_fd < 0)
		return -errno;
	copy->segments = copy->records = copy->bytes = copy->seq_first = copy->seq_last = 0;
	c.dir_fd = dir_fd;
	c.buffer = buffer;
	int r = buffer ? take_segments(&c, &segments, &n) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = copy_segment(&c, &segments[i]);
	return r < 0 ? r : j->disk->sync_dir(j->disk, dir_fd);
}
