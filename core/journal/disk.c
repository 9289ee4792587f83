#include "journal/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int real_open(const struct disk *disk, int dir_fd, const char *name, int flags)
{
	(void)disk;
	int fd = openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

static void real_close(const struct disk *disk, int fd)
{
	(void)disk;
	close(fd);
}

static ssize_t real_pread(const struct disk *disk, int fd, void *p, size_t n, uint64_t at)
{
	(void)disk;
	ssize_t r = pread(fd, p, n, (off_t)at);
	return r < 0 ? -errno : r;
}

static ssize_t real_pwrite(const struct disk *disk, int fd, const void *p, size_t n, uint64_t at)
{
	(void)disk;
	ssize_t r = pwrite(fd, p, n, (off_t)at);
	return r < 0 ? -errno : r;
}

static int real_sync(const struct disk *disk, int fd)
{
	(void)disk;
	return fdatasync(fd) < 0 ? -errno : 0;
}

static int real_sync_dir(const struct disk *disk, int dir_fd)
{
	(void)disk;
	return fsync(dir_fd) < 0 ? -errno : 0;
}

static int real_allocate(const struct disk *disk, int fd, uint64_t n)
{
	(void)disk;
	return fallocate(fd, 0, 0, (off_t)n) < 0 ? -errno : 0;
}

static int real_rename(const struct disk *disk, int dir_fd, const char *from, const char *to)
{
	(void)disk;
	return renameat(dir_fd, from, dir_fd, to) < 0 ? -errno : 0;
}

static int real_unlink(const struct disk *disk, int dir_fd, const char *name)
{
	(void)disk;
	return unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;
}

const struct disk disk_real = {
	.open = real_open,
	.close = real_close,
	.pread = real_pread,
	.pwrite = real_pwrite,
	.sync = real_sync,
	.sync_dir = real_sync_dir,
	.allocate = real_allocate,
	.rename = real_rename,
	.unlink = real_unlink,
};

int disk_write_all(const struct disk *disk, int fd, const void *p, size_t n, uint64_t at)
{
	const char *from = p;

	while (n) {
		ssize_t done = disk->pwrite(disk, fd, from, n, at);
		if (done == -EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? (int)done : -EIO;
		from += done;
		n -= (size_t)done;
		at += (uint64_t)done;
	}
	return 0;
}

ssize_t disk_read_all(const struct disk *disk, int fd, void *p, size_t n, uint64_t at)
{
	size_t have = 0;

	while (have < n) {
		ssize_t done = disk->pread(disk, fd, (char *)p + have, n - have, at + have);
		if (done == -EINTR)
			continue;
		if (done < 0)
			return done;
		if (done == 0)
			break;
		have += (size_t)done;
	}
	return (ssize_t)have;
}
