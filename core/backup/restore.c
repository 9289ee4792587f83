#include "backup/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <signalbox/error.h>

#include "backup/files.h"
#include "backup/reader.h"
#include "backup/sum.h"
#include "base/file.h"
#include "base/own.h"

#define READ_BYTES (256u << 10)
#define ASIDE      ".restoring"
#define MIB        1048576.0

struct restoring {
	struct restore *r;
	struct reader *reader;
	const char *dir;
	struct manifest found; /* what came out, in the order it came */
	uint8_t *buffer;       /* [READ_BYTES] */
	uint64_t done;
	uint64_t faults;
};

static void __attribute__((format(printf, 2, 3)))
say(const struct restore *r, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	r->fault(r->ud, text);
}

/* ---- one file */

static int take_bytes(struct restoring *re, int to, struct sum *sum, uint64_t *bytes)
{
	ssize_t n;

	while ((n = reader_read(re->reader, re->buffer, READ_BYTES)) > 0) {
		sum_add(sum, re->buffer, (size_t)n);
		int r = to >= 0 ? files_write(to, re->buffer, (uint64_t)n) : 0;
		if (r < 0)
			return r;
		*bytes += (uint64_t)n;
		re->done += (uint64_t)n;
		if (re->r->step)
			re->r->step(re->r->ud, re->done, reader_bytes(re->reader));
	}
	return (int)n;
}

static bool is_block(const char *name)
{
	return strncmp(name, "data/series/", 12) == 0;
}

static int take_file(struct restoring *re, const struct reader_file *file)
{
	_own_(freep) char *path = NULL;
	_own_(closep) int to = -1;
	_own_(sum_fini) struct sum sum = { 0 };
	char text[SUM_TEXT];
	const char *name = strchr(file->name, '/') + 1; /* below data/ */
	bool linked = re->r->link && file->path[0] && is_block(file->name);
	uint64_t bytes = 0;

	if (asprintf(&path, "%s/%s", re->dir, name) < 0)
		return -ENOMEM;
	int r = files_make_folders(re->dir, name);

	if (r == 0 && linked && link(file->path, path) < 0)
		linked = false;
	if (r == 0 && !linked)
		to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (r == 0 && !linked && to < 0)
		r = -errno;
	if (r == 0)
		r = sum_begin(&sum);
	if (r == 0)
		r = take_bytes(re, to, &sum, &bytes);
	if (r == 0 && to >= 0 && !re->r->link && fsync(to) < 0)
		r = -errno;
	if (r < 0)
		return r;
	sum_end(&sum, text);
	return manifest_add(&re->found, file->name, bytes, text);
}

static int take_all(struct restoring *re)
{
	_own_(freep) struct reader_file *file = calloc(1, sizeof(*file));
	char why[512] = "";
	int r = file ? 0 : -ENOMEM;

	while (r >= 0) {
		r = reader_next(re->reader, file, why, sizeof(why));
		if (r == 0)
			return 0;
		if (r == SB_E_NOT_FOUND) { /* told when the lists are compared */
			r = 0;
			continue;
		}
		if (r < 0) {
			say(re->r, "%s", why);
			return r;
		}
		r = take_file(re, file);
		if (r < 0)
			say(re->r, "%s: %s", file->name,
			    r == SB_E_CORRUPT ? "the archive is cut short here" : sb_strerror(r));
	}
	return r;
}

/* ---- is it what was backed up? */

static void compare_one(struct restoring *re, const struct manifest_file *want,
                        const struct manifest_file *have)
{
	re->faults++;
	if (!have)
		say(re->r, "%s: is missing", want->name);
	else if (have->bytes != want->bytes)
		say(re->r, "%s: has %" PRIu64 " bytes instead of %" PRIu64, want->name, have->bytes,
		    want->bytes);
	else if (strcmp(have->sum, want->sum) != 0)
		say(re->r, "%s: its bytes were changed, sha256 is %.16s... instead of %.16s...",
		    want->name, have->sum, want->sum);
	else
		re->faults--;
}

static int compare(struct restoring *re, const struct manifest *m)
{
	manifest_sort(&re->found);
	for (size_t i = 0; i < m->n; i++)
		compare_one(re, &m->files[i], manifest_find(&re->found, m->files[i].name));
	for (size_t i = 0; i < re->found.n; i++)
		if (!manifest_find(m, re->found.files[i].name)) {
			re->faults++;
			say(re->r, "%s: is not of this backup", re->found.files[i].name);
		}
	return re->faults ? SB_E_CORRUPT : 0;
}

/* For the caller, who outlives the source. */
static int keep_manifest(struct restore *r, const struct manifest *m)
{
	struct manifest_file *none = NULL;

	manifest_fini(&r->manifest);
	r->manifest = *m;
	r->manifest.files = none;
	r->manifest.n = r->manifest.cap = 0;
	r->manifest.bytes = 0;
	for (size_t i = 0; i < m->n; i++) {
		int e = manifest_add(&r->manifest, m->files[i].name, m->files[i].bytes,
		                     m->files[i].sum);
		if (e < 0)
			return e;
	}
	return 0;
}

static int restore_from(struct restore *r, struct reader *reader, const char *dir)
{
	_own_(freep) uint8_t *buffer = malloc(READ_BYTES);
	struct restoring re = { .r = r, .reader = reader, .dir = dir, .buffer = buffer };
	int e = buffer ? take_all(&re) : -ENOMEM;
	const struct manifest *m = reader_manifest(reader);

	if (e == 0)
		e = compare(&re, m);
	if (e == 0)
		e = keep_manifest(r, m);
	if (e == 0 && !r->link)
		e = files_sync_folders(dir);
	manifest_fini(&re.found);
	return e;
}

static int open_reader(struct restore *r, struct reader **out)
{
	char why[512] = "";
	int e = reader_open(out, r->from, why, sizeof(why));

	if (e < 0)
		say(r, "%s", *why ? why : sb_strerror(e));
	return e;
}

int restore_into(struct restore *r, const char *dir)
{
	struct reader *reader = NULL;
	int e = open_reader(r, &reader);

	if (e == 0)
		e = restore_from(r, reader, dir);
	reader_free(reader);
	return e;
}

void restore_fini(struct restore *r)
{
	manifest_fini(&r->manifest);
}

/* ---- into place */

/* 0: there is nothing; 1: an empty folder, whose owner st says; -EEXIST. */
static int look_at(const char *data, struct stat *st)
{
	struct dirent *e;

	if (lstat(data, st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st->st_mode))
		return -EEXIST;
	DIR *dir = opendir(data);
	int r = dir ? 1 : -errno;

	while (dir && r == 1 && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = -EEXIST;
	if (dir)
		(void)closedir(dir);
	return r;
}

static int check_room(const struct restore *r, const struct reader *reader, const char *parent)
{
	uint64_t left = 0;
	uint64_t total = 0;
	uint64_t need = reader_bytes(reader);

	file_space(parent, &left, &total);
	need += need / 50 + (1u << 20); /* ends of blocks, folders */
	if (total && left < need) {
		say(r, "%s has %.1f MiB free, %.1f are needed: free space, or restore elsewhere",
		    parent, (double)left / MIB, (double)need / MIB);
		return -ENOSPC;
	}
	return 0;
}

/* What an unfinished one left goes; one that still runs is left alone. */
static int make_aside(const struct restore *r, const char *aside, int *lock)
{
	if (mkdir(aside, 0700) < 0 && errno != EEXIST) {
		int e = -errno;
		say(r, "cannot make %s: %s", aside, sb_strerror(e));
		return e;
	}
	*lock = open(aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*lock < 0)
		return -errno;
	if (flock(*lock, LOCK_EX | LOCK_NB) < 0) {
		say(r, "another restore to %s is under way", aside);
		return -EBUSY;
	}
	return 0;
}

static int put_in_place(const struct restore *r, const char *aside, const char *data,
                        const struct stat *st, bool existed)
{
	int e = 0;

	if (existed && geteuid() == 0)
		e = files_chown(aside, st->st_uid, st->st_gid);
	if (existed && chmod(aside, st->st_mode & 07777) < 0)
		e = -errno;
	if (e == 0 && rename(aside, data) < 0) {
		e = -errno;
		say(r, "cannot rename %s to %s: %s", aside, data, sb_strerror(e));
	}
	return e;
}

static int restore_aside(struct restore *r, struct reader *reader, const char *aside)
{
	_own_(freep) char *inside = NULL;

	if (asprintf(&inside, "%s/data", aside) < 0)
		return -ENOMEM;
	int e = files_remove(inside);

	if (e == 0 && mkdir(inside, 0700) < 0)
		e = -errno;
	if (e < 0) {
		say(r, "cannot make %s: %s", inside, sb_strerror(e));
		return e;
	}
	return restore_from(r, reader, inside);
}

static int run_in(struct restore *r, struct reader *reader, const char *data, const char *parent)
{
	_own_(freep) char *aside = NULL;
	_own_(freep) char *inside = NULL;
	_own_(closep) int lock = -1;
	struct stat st = { 0 };
	int existed = look_at(data, &st);

	if (existed == -EEXIST)
		say(r,
		    "%s exists and is not empty: nothing is overwritten; move it away, or "
		    "restore elsewhere",
		    data);
	if (existed < 0)
		return existed;
	if (asprintf(&aside, "%s" ASIDE, data) < 0 || asprintf(&inside, "%s/data", aside) < 0)
		return -ENOMEM;
	int e = make_aside(r, aside, &lock);

	if (e == 0)
		e = check_room(r, reader, parent);
	if (e == 0)
		e = restore_aside(r, reader, aside);
	if (e == 0)
		e = put_in_place(r, inside, data, &st, existed == 1);
	if (e == 0)
		e = file_sync_dir(parent);
	if (lock >= 0 && e != -EBUSY)
		(void)files_remove(aside);
	return e;
}

int restore_run(struct restore *r, const char *data)
{
	_own_(freep) char *path = strdup(data);
	_own_(freep) char *parent = NULL;
	struct reader *reader = NULL;
	size_t n = path ? strlen(path) : 0;

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	if (n == 0)
		return path ? -EINVAL : -ENOMEM;
	const char *slash = strrchr(path, '/');

	parent = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!parent)
		return -ENOMEM;
	int e = open_reader(r, &reader);

	if (e == 0)
		e = run_in(r, reader, path, parent);
	reader_free(reader);
	return e;
}
