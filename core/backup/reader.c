#include "backup/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <signalbox/error.h>

#include "backup/tar.h"
#include "base/buffer.h"
#include "base/own.h"

struct reader {
	char *dir; /* NULL: an archive */
	int fd;    /* the archive, or the file of the folder that is being read */
	struct manifest manifest;
	bool has_manifest;
	size_t at; /* in the manifest */
	uint64_t bytes;
	struct tar_reader tar;
};

/* ---- a folder */

static int open_folder(struct reader *s, const char *path, char *why, size_t cap)
{
	s->dir = strdup(path);
	if (!s->dir)
		return -ENOMEM;
	int r = manifest_load(&s->manifest, path, why, cap);

	if (r == -ENOENT)
		(void)snprintf(why, cap,
		               "%s is no backup, or one that was not finished: it has no "
		               "%s",
		               path, MANIFEST_NAME);
	s->has_manifest = r == 0;
	s->bytes = s->manifest.bytes;
	return r;
}

static int next_of_folder(struct reader *s, struct reader_file *out, char *why, size_t cap)
{
	const struct manifest_file *file;
	struct stat st;

	closep(&s->fd);
	s->fd = -1;
	if (s->at == s->manifest.n)
		return 0;
	file = &s->manifest.files[s->at++];
	(void)snprintf(out->name, sizeof(out->name), "%s", file->name);
	if (snprintf(out->path, sizeof(out->path), "%s/%s", s->dir, file->name) >=
	    (int)sizeof(out->path))
		return -ENAMETOOLONG;
	s->fd = open(out->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (s->fd < 0 || fstat(s->fd, &st) < 0) {
		int r = errno == ENOENT || errno == ELOOP ? SB_E_NOT_FOUND : -errno;
		(void)snprintf(why, cap, "%s: %s", file->name,
		               r == SB_E_NOT_FOUND ? "is missing" : sb_strerror(r));
		return r;
	}
	out->bytes = (uint64_t)st.st_size;
	return 1;
}

/* ---- an archive */

static int open_archive(struct reader *s, const char *path, char *why, size_t cap)
{
	struct stat st;

	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) < 0) {
		int r = -errno;
		(void)snprintf(why, cap, "%s: %s", path, sb_strerror(r));
		return r;
	}
	s->bytes = (uint64_t)st.st_size;
	s->tar = (struct tar_reader){ .fd = s->fd };
	return 0;
}

static int take_manifest(struct reader *s, char *why, size_t cap)
{
	struct buffer text = { .max = MANIFEST_BYTES_MAX };
	ssize_t n = 1;

	while (n > 0) {
		uint8_t *room = buffer_room(&text, 65536);
		n = room ? tar_get(&s->tar, room, 65536) : -ENOMEM;
		if (n > 0)
			text.n += (size_t)n;
	}
	int r = n < 0 ? (int)n : manifest_take(&s->manifest, text.p, text.n, why, cap);

	buffer_fini(&text);
	s->has_manifest = r == 0;
	return r;
}

static int next_of_archive(struct reader *s, struct reader_file *out, char *why, size_t cap)
{
	int r = tar_next(&s->tar);

	if (r == 1 && strcmp(s->tar.name, MANIFEST_NAME) == 0) {
		if (s->has_manifest)
			r = SB_E_CORRUPT;
		else
			r = take_manifest(s, why, cap);
		if (r < 0)
			return r;
		r = tar_next(&s->tar);
	}
	if (r == 1 && !manifest_is_name(s->tar.name)) {
		(void)snprintf(why, cap, "the archive has a file %.100s that is not of a backup",
		               s->tar.name);
		return SB_E_NAME;
	}
	if (r == 1) {
		(void)snprintf(out->name, sizeof(out->name), "%s", s->tar.name);
		out->path[0] = '\0';
		out->bytes = s->tar.bytes;
	}
	if (r == 0 && !s->has_manifest)
		r = SB_E_CORRUPT;
	if (r < 0)
		(void)snprintf(why, cap, "it is no archive of a backup, or cut short: %s",
		               sb_strerror(r));
	return r;
}

/* ---- either */

int reader_open(struct reader **out, const char *path, char *why, size_t cap)
{
	struct stat st;
	struct reader *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->fd = -1;
	if (stat(path, &st) < 0) {
		r = -errno;
		(void)snprintf(why, cap, "%s: %s", path, sb_strerror(r));
	} else if (S_ISDIR(st.st_mode)) {
		r = open_folder(s, path, why, cap);
	} else {
		r = open_archive(s, path, why, cap);
	}
	if (r < 0) {
		reader_free(s);
		return r;
	}
	*out = s;
	return 0;
}

struct reader *reader_free(struct reader *s)
{
	if (!s)
		return NULL;
	closep(&s->fd);
	manifest_fini(&s->manifest);
	free(s->dir);
	free(s);
	return NULL;
}

const struct manifest *reader_manifest(const struct reader *s)
{
	return s->has_manifest ? &s->manifest : NULL;
}

uint64_t reader_bytes(const struct reader *s)
{
	return s->bytes;
}

int reader_next(struct reader *s, struct reader_file *out, char *why, size_t cap)
{
	return s->dir ? next_of_folder(s, out, why, cap) : next_of_archive(s, out, why, cap);
}

ssize_t reader_read(struct reader *s, void *p, size_t n)
{
	ssize_t got;

	if (!s->dir)
		return tar_get(&s->tar, p, n);
	do
		got = read(s->fd, p, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}
