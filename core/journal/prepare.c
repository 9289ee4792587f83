#include "journal/prepare.h"

#include <errno.h>
#include <fcntl.h>

#include "base/own.h"
#include "journal/disk.h"
#include "journal/segment.h"
#include "journal/shelf.h"

/* Dirty pages are written out in steps of this size, so that zeros do not pile up in front of the
 * journal's own syncs. */
#define SYNC_EVERY (4u * 1024 * 1024)
#define NEW_NAME   "new.tmp"

int prepare_recycled(struct shelf *shelf, uint32_t generation, uint32_t number)
{
	char from[SEGMENT_NAME_MAX];
	char to[SEGMENT_NAME_MAX];
	segment_name(from, generation);
	segment_name(to, number);
	int r = shelf->disk->rename(shelf->disk, shelf->dir_fd, from, to);
	if (r == 0)
		r = shelf->disk->sync_dir(shelf->disk, shelf->dir_fd);
	if (r < 0) { /* whichever name it has: room is worth more than a file in doubt */
		shelf_discard(shelf, generation);
		shelf_discard(shelf, number);
	}
	return r;
}

static int fill(struct shelf *shelf, int fd, const uint8_t *zeros)
{
	const struct disk *disk = shelf->disk;
	int r = disk->allocate(disk, fd, shelf->segment_bytes);
	if (r < 0 && r != -EOPNOTSUPP && r != -ENOSYS)
		return r;
	for (uint64_t at = 0; at < shelf->segment_bytes; at += PREPARE_ZEROS) {
		uint64_t n = MIN((uint64_t)PREPARE_ZEROS, shelf->segment_bytes - at);
		r = disk_write_all(disk, fd, zeros, (size_t)n, at);
		if (r == 0 && (at + n) % SYNC_EVERY == 0)
			r = disk->sync(disk, fd);
		if (r < 0)
			return r;
	}
	return disk->sync(disk, fd);
}

int prepare_new(struct shelf *shelf, uint32_t number, const uint8_t *zeros)
{
	const struct disk *disk = shelf->disk;
	char name[SEGMENT_NAME_MAX];
	int fd = disk->open(disk, shelf->dir_fd, NEW_NAME, O_RDWR | O_CREAT | O_TRUNC);
	if (fd < 0)
		return fd;
	int r = fill(shelf, fd, zeros);
	disk->close(disk, fd);
	segment_name(name, number);
	if (r == 0)
		r = disk->rename(disk, shelf->dir_fd, NEW_NAME, name);
	if (r < 0) {
		disk->unlink(disk, shelf->dir_fd, NEW_NAME);
		return r;
	}
	return disk->sync_dir(disk, shelf->dir_fd);
}
