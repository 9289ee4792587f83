#include "journal/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "journal/disk.h"
#include "journal/segment.h"
#include "journal/shelf.h"

#define LOG_MODULE "journal"
#include "base/log.h"

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* The header is unreadable. If records of this generation follow, it was damaged later; if not, the
 * file never came into use. */
static int look_behind(const struct disk *disk, int fd, uint64_t size, uint32_t generation,
                       struct segment_header *out)
{
	struct segment_reader reader;
	struct segment_header any = { generation, 0 };
	struct sb_bytes payload;
	uint64_t seq = 0;
	segment_reader_init(&reader, disk, fd, size, &any);
	int r = segment_reader_next(&reader, &seq, &payload);
	segment_reader_fini(&reader);
	if (r <= 0)
		return r < 0 ? r : SB_E_NOT_FOUND;
	log_warn(0, "header of journal segment %u is damaged, its records from %llu on are not",
	         generation, (unsigned long long)seq);
	*out = (struct segment_header){ generation, seq };
	return 0;
}

int scan_segment(const struct disk *disk, int fd, uint64_t size, uint32_t generation,
                 struct segment_header *out)
{
	uint8_t block[SEGMENT_HEAD];
	ssize_t n = disk_read_all(disk, fd, block, sizeof(block), 0);
	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof(block))
		return SB_E_NOT_FOUND;
	int r = segment_header_take(block, out);
	if (r == SB_E_NOT_FOUND)
		return look_behind(disk, fd, size, generation, out);
	/* A recycled file waits under its next number with the header of its last use. */
	if (r == 0 && out->generation != generation)
		return SB_E_NOT_FOUND;
	return r;
}

static int add_spare(struct shelf *shelf, uint32_t generation)
{
	uint32_t *more = realloc(shelf->spares, (shelf->n_spares + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	shelf->spares = more;
	shelf->spares[shelf->n_spares++] = generation;
	return 0;
}

static int add_file(struct shelf *shelf, const char *name, uint32_t generation)
{
	_own_(closep) int fd = shelf->disk->open(shelf->disk, shelf->dir_fd, name, O_RDONLY);
	struct stat st;
	struct segment_header header;
	if (fd < 0)
		return log_error(fd, "cannot open journal segment %s", name);
	if (fstat(fd, &st) < 0)
		return log_error(-errno, "cannot look at journal segment %s", name);
	uint64_t size = (uint64_t)st.st_size;
	shelf->newest = MAX(shelf->newest, generation);
	int r = scan_segment(shelf->disk, fd, size, generation, &header);
	if (r == -EPROTONOSUPPORT)
		return log_error(r, "journal segment %s was written by a newer version", name);
	if (r == SB_E_NOT_FOUND && size == shelf->segment_bytes)
		return add_spare(shelf, generation);
	if (r == SB_E_NOT_FOUND) {
		shelf_discard(shelf, generation);
		return 0;
	}
	if (r < 0)
		return log_error(r, "cannot read journal segment %s", name);
	r = shelf_begin(shelf, generation, header.first_seq);
	if (r == 0)
		shelf->segments[shelf->n - 1].size = size;
	return r;
}

static int by_generation(const void *a, const void *b)
{
	const struct shelf_segment *x = a;
	const struct shelf_segment *y = b;
	return (x->generation > y->generation) - (x->generation < y->generation);
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;
	return (*x > *y) - (*x < *y);
}

/* A segment ends where the next begins; spares must have higher numbers than all of them. */
static int settle(struct shelf *shelf)
{
	uint32_t last = 0;
	uint32_t kept = 0;
	if (shelf->n > 1)
		qsort(shelf->segments, shelf->n, sizeof(*shelf->segments), by_generation);
	for (size_t i = 0; i < shelf->n; i++) {
		last = shelf->segments[i].generation;
		if (i + 1 < shelf->n)
			shelf->segments[i].last_seq = shelf->segments[i + 1].first_seq - 1;
	}
	if (shelf->n_spares > 1)
		qsort(shelf->spares, shelf->n_spares, sizeof(*shelf->spares), by_number);
	for (uint32_t i = 0; i < shelf->n_spares; i++) {
		if (shelf->spares[i] > last && kept < shelf->spares_wanted)
			shelf->spares[kept++] = shelf->spares[i];
		else
			shelf_discard(shelf, shelf->spares[i]);
	}
	shelf->n_spares = kept;
	size_t room = SHELF_SPARES_MAX + shelf->spares_wanted + 1;
	uint32_t *spares = realloc(shelf->spares, room * sizeof(*spares));
	if (!spares)
		return -ENOMEM;
	shelf->spares = spares;
	return 0;
}

int shelf_init(struct shelf *shelf)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&shelf->lock, NULL);
	pthread_cond_init(&shelf->wake, &attr);
	pthread_condattr_destroy(&attr);

	int fd = openat(shelf->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_own_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return log_error(-errno, "cannot read the journal's directory");
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		uint32_t generation;
		if (!segment_name_take(e->d_name, &generation))
			continue;
		int r = add_file(shelf, e->d_name, generation);
		if (r < 0)
			return r;
	}
	shelf->disk->unlink(shelf->disk, shelf->dir_fd, "new.tmp");
	return settle(shelf);
}
