#include "copyout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <signalbox/kinds.h>

#include "block.h"
#include "manifest.h"
#include "plug.h"

#define PATH_ROOM  4096
#define COPY_BYTES (1 << 20)

struct copyout {
	const struct plug *plug;
	const struct sb_copy *copy;
	char folder[PATH_ROOM]; /* the one that is being filled, or "" */
	uint8_t *buffer;        /* [COPY_BYTES], once it is needed */
};

static int32_t sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int32_t r = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* ---- folders: to/class/month */

/* Each part of the path below `to`; new ones are durable in the one above. */
static int32_t make_folder(const struct copyout *c, char *path)
{
	for (char *p = path + c->copy->to.n; *p; p++) {
		char *end = strchr(p + 1, '/');
		char was = end ? *end : '\0';
		int32_t r = 0;

		if (end)
			*end = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			r = -errno;
		*p = '\0';
		if (r == 0)
			r = sync_dir(path);
		*p = '/';
		if (end)
			*end = was;
		if (r < 0)
			return r;
		if (!end)
			break;
		p = end - 1;
	}
	return 0;
}

static int32_t end_folder(struct copyout *c)
{
	int32_t r = *c->folder ? sync_dir(c->folder) : 0;

	*c->folder = '\0';
	return r;
}

static int32_t enter_folder(struct copyout *c, const char *path)
{
	size_t n = (size_t)(strrchr(path, '/') - path);
	int32_t r;

	if (strlen(c->folder) == n && memcmp(c->folder, path, n) == 0)
		return 0;
	r = end_folder(c);
	if (r < 0)
		return r;
	memcpy(c->folder, path, n);
	c->folder[n] = '\0';
	return make_folder(c, c->folder);
}

/* ---- one block */

static bool is_same(const char *path, const struct stat *st)
{
	struct stat other;

	return lstat(path, &other) == 0 && S_ISREG(other.st_mode) && other.st_size == st->st_size &&
	       other.st_mtim.tv_sec == st->st_mtim.tv_sec &&
	       other.st_mtim.tv_nsec == st->st_mtim.tv_nsec;
}

static int32_t copy_bytes(struct copyout *c, int from, int to)
{
	ssize_t n;

	if (!c->buffer)
		c->buffer = malloc(COPY_BYTES);
	if (!c->buffer)
		return -ENOMEM;
	while ((n = read(from, c->buffer, COPY_BYTES)) != 0) {
		for (ssize_t done = 0, w = 0; done < n; done += w) {
			w = write(to, c->buffer + done, (size_t)(n - done));
			if (w < 0)
				return -errno;
		}
		if (n < 0)
			return -errno;
	}
	return 0;
}

/* The time of the original stays, so that the next copy knows it again. */
static int32_t copy_file(struct copyout *c, const char *path, const char *to, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int out = from < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int32_t r = out < 0 ? -errno : 0;

	if (r == 0)
		r = copy_bytes(c, from, out);
	if (r == 0 && (futimens(out, times) < 0 || fsync(out) < 0))
		r = -errno;
	if (from >= 0) {
		(void)posix_fadvise(from, 0, 0, POSIX_FADV_DONTNEED);
		close(from);
	}
	if (out >= 0) {
		(void)posix_fadvise(out, 0, 0, POSIX_FADV_DONTNEED);
		close(out);
	}
	if (r < 0 && out >= 0)
		(void)unlink(to);
	return r;
}

/* SB_COPY_*: how it came there. */
static int32_t bring(struct copyout *c, const char *path, const char *name, const char *to)
{
	char base[PATH_ROOM];
	struct stat st;
	int32_t r;

	if (link(path, to) == 0)
		return SB_COPY_LINKED;
	if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP)
		return -errno;
	if (stat(path, &st) < 0)
		return -errno;
	if (c->copy->base.n &&
	    snprintf(base, sizeof(base), "%.*s/%s", (int)c->copy->base.n, c->copy->base.p, name) <
	            (int)sizeof(base) &&
	    is_same(base, &st) && link(base, to) == 0)
		return SB_COPY_KEPT;
	r = copy_file(c, path, to, &st);
	return r < 0 ? r : SB_COPY_COPIED;
}

static int32_t copy_block(struct copyout *c, const struct block *block)
{
	const char *name = block->path + strlen(c->plug->dir) + 1;
	struct sb_copied copied = { .size = sizeof(copied),
		                    .name = sb_str_of(name, strlen(name)),
		                    .bytes = block->bytes,
		                    .chunks = block->facts.chunks,
		                    .rows = block->facts.rows };
	char to[PATH_ROOM];
	int32_t r;

	if (snprintf(to, sizeof(to), "%.*s/%s", (int)c->copy->to.n, c->copy->to.p, name) >=
	    (int)sizeof(to))
		return -ENAMETOOLONG;
	r = enter_folder(c, to);
	if (r == 0)
		r = bring(c, block->path, name, to);
	if (r < 0)
		return plug_fail(c->plug, r, "cannot copy block %s to %s: %s", name, to,
		                 sb_strerror(r));
	copied.how = (uint32_t)r;
	return c->copy->fn ? c->copy->fn(c->copy->ud, &copied) : 0;
}

/* ---- all */

static int by_path(const void *a, const void *b)
{
	const struct block *const *x = a;
	const struct block *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

int32_t copyout_run(const struct plug *plug, const struct snapshot *s, const struct sb_copy *copy)
{
	struct copyout c = { .plug = plug, .copy = copy };
	const struct block **blocks = calloc(s->n + 1, sizeof(const struct block *));
	int32_t r = blocks ? 0 : -ENOMEM;

	for (size_t i = 0; blocks && i < s->n; i++)
		blocks[i] = s->blocks[i];
	if (blocks && s->n > 1)
		qsort(blocks, s->n, sizeof(const struct block *), by_path);
	for (size_t i = 0; r >= 0 && i < s->n; i++)
		r = copy_block(&c, blocks[i]);
	if (r >= 0)
		r = end_folder(&c);
	free(c.buffer);
	free(blocks);
	return r < 0 ? r : (int32_t)s->n;
}
