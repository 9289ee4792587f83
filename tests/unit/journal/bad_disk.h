/* A disk that does what disks do: fails, fills up, is slow, writes halves. Sits below everything
 * the journal does; what it does not spoil reaches the real file system. */
#pragma once
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include "base/own.h"
#include "journal/disk.h"

#define BAD_FDS 1024

struct bad_disk {
	struct disk ops;
	_Atomic int write_fails, sync_fails, open_fails; /* so many of the next calls; -1: all */
	_Atomic int error;                               /* with this, EIO by default */
	_Atomic bool is_full;                            /* no room for new segments */
	_Atomic bool is_short;                           /* every write does about a half */
	_Atomic int64_t sync_ns;                         /* every sync takes so long */
	_Atomic bool spoiled[BAD_FDS]; /* a sync failed: not to be touched again */
	_Atomic int touched_spoiled;
	_Atomic int writes, syncs, failures;
};

static inline struct bad_disk *bad_disk_of(const struct disk *ops)
{
	return (struct bad_disk *)(uintptr_t)ops;
}

static inline bool bad_disk_strikes(_Atomic int *left)
{
	int n = atomic_load(left);
	while (n != 0 && !atomic_compare_exchange_weak(left, &n, n < 0 ? n : n - 1)) {
	}
	return n != 0;
}

static inline int bad_disk_error(struct bad_disk *disk)
{
	int error = atomic_load(&disk->error);
	atomic_fetch_add(&disk->failures, 1);
	return error ? -error : -EIO;
}

static inline void bad_disk_watch(struct bad_disk *disk, int fd)
{
	if (fd >= 0 && fd < BAD_FDS && atomic_load(&disk->spoiled[fd]))
		atomic_fetch_add(&disk->touched_spoiled, 1);
}

static inline int bad_disk_open(const struct disk *ops, int dir_fd, const char *name, int flags)
{
	struct bad_disk *disk = bad_disk_of(ops);
	if (bad_disk_strikes(&disk->open_fails))
		return bad_disk_error(disk);
	int fd = disk_real.open(&disk_real, dir_fd, name, flags);
	if (fd >= 0 && fd < BAD_FDS)
		atomic_store(&disk->spoiled[fd], false);
	return fd;
}

static inline ssize_t bad_disk_pwrite(const struct disk *ops, int fd, const void *p, size_t n,
                                      uint64_t at)
{
	struct bad_disk *disk = bad_disk_of(ops);
	bad_disk_watch(disk, fd);
	atomic_fetch_add(&disk->writes, 1);
	if (bad_disk_strikes(&disk->write_fails)) {
		/* Torn: a part may have got there. */
		(void)disk_real.pwrite(&disk_real, fd, p, n / 2, at);
		return bad_disk_error(disk);
	}
	if (atomic_load(&disk->is_short) && n > 1)
		n = (n + 1) / 2;
	return disk_real.pwrite(&disk_real, fd, p, n, at);
}

static inline int bad_disk_sync(const struct disk *ops, int fd)
{
	struct bad_disk *disk = bad_disk_of(ops);
	int64_t slow = atomic_load(&disk->sync_ns);
	bad_disk_watch(disk, fd);
	atomic_fetch_add(&disk->syncs, 1);
	if (slow)
		nanosleep(&(struct timespec){ .tv_nsec = slow }, NULL);
	if (!bad_disk_strikes(&disk->sync_fails))
		return disk_real.sync(&disk_real, fd);
	if (fd < BAD_FDS)
		atomic_store(&disk->spoiled[fd], true);
	return bad_disk_error(disk);
}

static inline int bad_disk_allocate(const struct disk *ops, int fd, uint64_t n)
{
	struct bad_disk *disk = bad_disk_of(ops);
	if (atomic_load(&disk->is_full))
		return -ENOSPC;
	return disk_real.allocate(&disk_real, fd, n);
}

static inline void bad_disk_init(struct bad_disk *disk)
{
	*disk = (struct bad_disk){ .ops = disk_real };
	disk->ops.open = bad_disk_open;
	disk->ops.pwrite = bad_disk_pwrite;
	disk->ops.sync = bad_disk_sync;
	disk->ops.allocate = bad_disk_allocate;
}
