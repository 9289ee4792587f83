#include "journal/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "journal/commit.h"
#include "journal/disk.h"
#include "journal/state.h"
#include "journal/window.h"

#define LOG_MODULE "journal"
#include "base/log.h"

enum { LOOK_IN_MEMORY = 256 }; /* records read from disk between two looks at the window */

int journal_cursor_new(struct journal *j, uint64_t after, struct journal_cursor **out)
{
	struct shelf_segment first;
	struct journal_cursor *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->j = j;
	c->fd = -1;
	atomic_init(&c->seq, after);
	/* In the list before the look at the shelf: from here on nothing it needs is recycled. */
	pthread_mutex_lock(&j->lock);
	c->next = j->cursors;
	j->cursors = c;
	pthread_mutex_unlock(&j->lock);
	bool found = shelf_find(&j->shelf, after + 1, &first);
	if (after < journal_seq(j) && (!found || first.first_seq > after + 1)) {
		journal_cursor_free(c);
		return SB_E_RANGE;
	}
	*out = c;
	return 0;
}

static void close_segment(struct journal_cursor *c)
{
	segment_reader_fini(&c->reader);
	if (c->fd >= 0)
		c->j->disk->close(c->j->disk, c->fd);
	c->fd = -1;
}

struct journal_cursor *journal_cursor_free(struct journal_cursor *c)
{
	if (!c)
		return NULL;
	struct journal *j = c->j;
	pthread_mutex_lock(&j->lock);
	struct journal_cursor **at = &j->cursors;
	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	bool last = !j->cursors;
	pthread_mutex_unlock(&j->lock);
	if (last)
		window_drop(j);
	journal_commit_unref(c->commit);
	close_segment(c);
	free(c);
	shelf_look(&j->shelf);
	return NULL;
}

/* Makes c->reader stand in the segment that holds record `seq`. */
static int open_segment(struct journal_cursor *c, uint64_t seq)
{
	struct journal *j = c->j;
	struct shelf_segment found;
	char name[SEGMENT_NAME_MAX];
	if (!shelf_find(&j->shelf, seq, &found))
		return SB_E_CORRUPT;
	if (c->fd >= 0 && c->segment.generation == found.generation) {
		c->segment = found;
		return 0;
	}
	close_segment(c);
	segment_name(name, found.generation);
	c->fd = j->disk->open(j->disk, j->dir_fd, name, O_RDONLY);
	if (c->fd < 0)
		return log_error(c->fd, "cannot open journal segment %s", name);
	struct segment_header header = { found.generation, found.first_seq };
	segment_reader_init(&c->reader, j->disk, c->fd, found.size, &header);
	c->segment = found;
	shelf_look(&j->shelf); /* the one before may be free now */
	return 0;
}

static int read_disk(struct journal_cursor *c, uint64_t want, uint64_t *seq,
                     struct sb_bytes *payload)
{
	/* The end of a segment that is still written moves, and may turn out to lie before what an
	 * aborted group left behind. */
	if (c->fd < 0 || want > c->segment.last_seq || c->segment.last_seq == UINT64_MAX) {
		int r = open_segment(c, want);
		if (r < 0)
			return r;
	}
	for (int tries = 0; tries < 2; tries++) {
		int r;
		while ((r = segment_reader_next(&c->reader, seq, payload)) == 1)
			if (*seq >= want)
				return 0;
		if (r < 0)
			return r;
		c->reader.n = 0; /* what was read ahead may have been written since */
	}
	uint64_t next = MAX(want, c->segment.first_seq);
	return log_error(SB_E_CORRUPT, "journal record %llu is damaged", (unsigned long long)next);
}

int journal_cursor_next(struct journal_cursor *c, uint64_t *seq, struct sb_bytes *payload)
{
	uint64_t want = atomic_load(&c->seq) + 1;
	if (!c->commit) {
		if (want > journal_seq(c->j))
			return SB_AGAIN;
		if (c->fd < 0 || want % LOOK_IN_MEMORY == 0)
			c->commit = window_find(c->j, want);
		c->at = 0;
	}
	while (c->commit) {
		if (!journal_commit_next(c->commit, &c->at, seq, payload)) {
			c->commit = journal_commit_unref(c->commit);
			return journal_cursor_next(c, seq, payload);
		}
		if (*seq < want)
			continue;
		close_segment(c);
		atomic_store(&c->seq, *seq);
		return 0;
	}
	int r = read_disk(c, want, seq, payload);
	if (r == 0)
		atomic_store(&c->seq, *seq);
	return r;
}
