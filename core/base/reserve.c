#include "base/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"

struct reserve {
	pthread_mutex_t lock; /* while the file changes */
	_Atomic uint64_t held;
	uint64_t bytes;
	int fd; /* -1: not opened yet. Kept, because opening needs room too */
	char path[];
};

int reserve_new(struct reserve **out, const char *path, uint64_t bytes)
{
	size_t n = strlen(path) + 1;
	struct reserve *reserve = calloc(1, sizeof(*reserve) + n);

	if (!reserve)
		return -ENOMEM;
	pthread_mutex_init(&reserve->lock, NULL);
	memcpy(reserve->path, path, n);
	reserve->bytes = bytes;
	reserve->fd = -1;
	if (!bytes)
		(void)unlink(path);
	*out = reserve;
	return 0;
}

struct reserve *reserve_free(struct reserve *reserve)
{
	if (!reserve)
		return NULL;
	closep(&reserve->fd);
	pthread_mutex_destroy(&reserve->lock);
	free(reserve);
	return NULL;
}

static int allocate(struct reserve *reserve)
{
	if (reserve->fd < 0)
		reserve->fd = open(reserve->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (reserve->fd < 0)
		return -errno;
	int r = -posix_fallocate(reserve->fd, 0, (off_t)reserve->bytes);
	if (r == 0 && ftruncate(reserve->fd, (off_t)reserve->bytes) < 0)
		r = -errno;
	if (r == 0 && fsync(reserve->fd) < 0)
		r = -errno;
	if (r < 0 && ftruncate(reserve->fd, (off_t)reserve->held) < 0)
		(void)unlink(reserve->path);
	return r;
}

int reserve_make(struct reserve *reserve)
{
	int r = 0;

	pthread_mutex_lock(&reserve->lock);
	if (reserve->held < reserve->bytes)
		r = allocate(reserve);
	if (r == 0)
		reserve->held = reserve->bytes;
	pthread_mutex_unlock(&reserve->lock);
	return r;
}

bool reserve_shrink(struct reserve *reserve, uint64_t bytes)
{
	pthread_mutex_lock(&reserve->lock);
	bool had = reserve->held > bytes && ftruncate(reserve->fd, (off_t)bytes) == 0;
	if (had)
		reserve->held = bytes;
	pthread_mutex_unlock(&reserve->lock);
	return had;
}

uint64_t reserve_held(const struct reserve *reserve)
{
	return reserve->held;
}

uint64_t reserve_bytes(const struct reserve *reserve)
{
	return reserve->bytes;
}
