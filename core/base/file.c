#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/own.h"

/* The folder a path lies in; malloc'd. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

int file_sync_dir(const char *path)
{
	_own_(closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int sync_parent(const char *path)
{
	_own_(freep) char *parent = parent_of(path);

	return parent ? file_sync_dir(parent) : -ENOMEM;
}

static int make_one(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return sync_parent(path);
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int file_make_dir(const char *path, mode_t mode)
{
	_own_(freep) char *part = strdup(path);

	if (!part)
		return -ENOMEM;
	for (char *p = part; *p; p++) {
		int r = 0;

		if (*p != '/' || p == part)
			continue;
		*p = 0;
		r = make_one(part, mode);
		if (r < 0)
			return r;
		*p = '/';
	}
	return make_one(path, mode);
}

int file_read_all(const char *path, size_t max, struct buffer *out)
{
	_own_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t begin = out->n;

	if (fd < 0)
		return -errno;
	for (;;) {
		size_t left = max - (out->n - begin);
		uint8_t *room = buffer_room(out, MIN(left + 1, (size_t)65536));
		ssize_t n = 0;

		if (!room)
			return -ENOMEM;
		n = read(fd, room, MIN(left + 1, (size_t)65536));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		if ((size_t)n > left)
			return -EFBIG;
		out->n += (size_t)n;
	}
}

static int write_all(int fd, const void *p, size_t n)
{
	const char *from = p;

	while (n) {
		ssize_t done = write(fd, from, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		from += done;
		n -= (size_t)done;
	}
	return 0;
}

static int write_new(const char *path, const void *p, size_t n, mode_t mode)
{
	_own_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int r = 0;

	if (fd < 0)
		return -errno;
	r = write_all(fd, p, n);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

int file_write_atomic(const char *path, const void *p, size_t n, mode_t mode)
{
	_own_(freep) char *aside = NULL;
	int r = 0;

	if (asprintf(&aside, "%s.%d.tmp", path, (int)getpid()) < 0)
		return -ENOMEM;
	unlink(aside);
	r = write_new(aside, p, n, mode);
	if (r == 0 && rename(aside, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(aside);
		return r;
	}
	return sync_parent(path);
}

static pid_t holder_of(int fd)
{
	char text[24] = { 0 };
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

int file_lock(const char *path, int *fd, pid_t *pid)
{
	_own_(closep) int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int r = 0;

	if (lock < 0)
		return -errno;
	if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		r = -errno;
		*pid = r == -EWOULDBLOCK ? holder_of(lock) : 0;
		return r;
	}
	*pid = getpid();
	/* Written over, then cut: on a full disk the file keeps the room it has. */
	int n = dprintf(lock, "%d\n", (int)*pid);
	if (n < 0 || ftruncate(lock, n) < 0)
		return -errno;
	*fd = lock;
	lock = -1; /* NOLINT(clang-analyzer-deadcode.DeadStores): its cleanup reads it */
	return 0;
}

void file_space(const char *path, uint64_t *left, uint64_t *total)
{
	struct statvfs st;
	bool known = statvfs(path, &st) == 0;

	*left = known ? (uint64_t)st.f_bavail * st.f_frsize : 0;
	*total = known ? (uint64_t)st.f_blocks * st.f_frsize : 0;
}
