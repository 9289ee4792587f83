#include "backup/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "backup/manifest.h"
#include "backup/tar.h"
#include "base/clock.h"
#include "base/own.h"

#define READ_BYTES (256u << 10)

struct archiving {
	struct tar_writer tar;
	const struct manifest *m;
	int (*step)(void *ud, uint64_t done, uint64_t all);
	void *ud;
	uint8_t *buffer; /* [READ_BYTES] */
	uint64_t done;
};

static int put_bytes(struct archiving *a, int from)
{
	int r = 0;

	while (r == 0 && a->tar.left) {
		ssize_t n = read(from, a->buffer, MIN(a->tar.left, (uint64_t)READ_BYTES));
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		r = tar_put(&a->tar, a->buffer, (size_t)n);
		a->done += (uint64_t)n;
		if (r == 0 && a->step)
			r = a->step(a->ud, a->done, a->m->bytes);
	}
	return r;
}

static int put_file(struct archiving *a, const char *dir, const char *name)
{
	_own_(freep) char *path = NULL;
	_own_(closep) int from = -1;
	struct stat st;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0 || fstat(from, &st) < 0)
		return -errno;
	int r = tar_begin(&a->tar, name, (uint64_t)st.st_size, a->m->made_ns / NS_PER_S);

	return r < 0 ? r : put_bytes(a, from);
}

int archive_write(const char *file, const char *dir, const struct manifest *m,
                  int (*step)(void *ud, uint64_t done, uint64_t all), void *ud)
{
	_own_(freep) uint8_t *buffer = malloc(READ_BYTES);
	_own_(closep) int to = -1;
	struct archiving a = { .m = m, .step = step, .ud = ud, .buffer = buffer };

	if (!buffer)
		return -ENOMEM;
	to = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return -errno;
	a.tar.fd = to;
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n; i++)
		r = put_file(&a, dir, m->files[i].name);
	if (r == 0)
		r = put_file(&a, dir, MANIFEST_NAME);
	if (r == 0)
		r = tar_end(&a.tar);
	return r == 0 && fsync(to) < 0 ? -errno : r;
}
