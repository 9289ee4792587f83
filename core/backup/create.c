#define LOG_MODULE "backup"
#include "backup/create.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <signalbox/kinds.h>

#include "backup/archive.h"
#include "backup/files.h"
#include "backup/sum.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"
#include "host/docs.h"
#include "journal/copy.h"
#include "journal/journal.h"
#include "series/series.h"

#define PARTIAL ".partial"
#define STAGE   "backup.partial" /* of an archive, in the data directory */
#define MIB     1048576.0
#define SPARE   (8u << 20) /* bytes that stay free of what an estimate allows */

struct creating {
	struct create *c;
	const char *dir;         /* what is not finished */
	const char *base;        /* or NULL */
	struct manifest earlier; /* of base */
	bool has_journal;
	uint64_t blocks_bytes; /* of the store, about */
	uint64_t blocks_done;
	const char *what; /* of the step */
};

static int __attribute__((format(printf, 3, 4)))
fail(struct create *c, int r, const char *format, ...)
{
	size_t n;
	va_list ap;

	if (*c->why)
		return r;
	va_start(ap, format);
	(void)vsnprintf(c->why, sizeof(c->why), format, ap);
	va_end(ap);
	n = strlen(c->why);
	(void)snprintf(c->why + n, sizeof(c->why) - n, ": %s",
	               r == -ENOSPC ? "the disk is full" : sb_strerror(r));
	return r;
}

static int step(void *ud, uint64_t done, uint64_t all)
{
	const struct creating *b = ud;

	return b->c->step ? b->c->step(b->c->ud, b->what, done, all) : 0;
}

/* dir/name, made. */
static char *folder(const struct creating *b, const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/data%s", b->dir, name) < 0)
		return NULL;
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		free(path);
		return NULL;
	}
	return path;
}

/* ---- the parts */

static int copy_docs(struct creating *b)
{
	_own_(freep) char *to = folder(b, "");
	struct docs_copy copy = { .dir = to, .step = step, .ud = b };

	b->what = "documents";
	int r = to ? docs_copy(b->c->docs, &copy) : -errno;

	b->c->manifest.documents = copy.documents;
	if (r == -EOPNOTSUPP)
		return fail(b->c, r, "the plugin that stores documents makes no copies");
	return r < 0 ? fail(b->c, r, "cannot copy the documents to %s", b->dir) : 0;
}

static int copy_journal(struct creating *b)
{
	_own_(freep) char *to = folder(b, "/journal");
	struct journal_copy copy = { .dir = to, .step = step, .ud = b };

	b->what = "journal";
	b->has_journal = true;
	int r = to ? journal_copy_run(b->c->journal, &copy) : -errno;

	b->c->manifest.records = copy.records;
	b->c->manifest.seq = copy.seq_last;
	return r < 0 ? fail(b->c, r, "cannot copy the journal to %s", b->dir) : 0;
}

/* The blocks are those of one moment now, so this is when the journal may end: it has what they
 * need, and from here on it may forget again. */
static int32_t on_block(void *ud, const struct sb_copied *block)
{
	struct creating *b = ud;
	struct create *c = b->c;
	int r = b->has_journal ? 0 : copy_journal(b);

	c->manifest.blocks++;
	c->manifest.chunks += block->chunks;
	c->manifest.rows += block->rows;
	if (block->how == SB_COPY_COPIED)
		c->bytes_copied += block->bytes;
	else
		c->bytes_linked += block->bytes;
	b->blocks_done += block->bytes;
	b->what = "blocks";
	return r < 0 ? r : step(b, b->blocks_done, MAX(b->blocks_bytes, b->blocks_done));
}

static int copy_blocks(struct creating *b)
{
	_own_(freep) char *to = folder(b, "/series");
	_own_(freep) char *base = NULL;
	struct sb_copy copy = { .size = sizeof(copy), .fn = on_block, .ud = b };

	if (!to || (b->base && asprintf(&base, "%s/data/series", b->base) < 0))
		return -ENOMEM;
	copy.to = sb_str_of(to, strlen(to));
	if (base)
		copy.base = sb_str_of(base, strlen(base));
	int r = series_db_copy(b->c->series, &copy);

	if (r == -EOPNOTSUPP)
		return fail(b->c, r, "the plugin that stores series makes no copies");
	if (r < 0)
		return fail(b->c, r, "cannot copy the blocks to %s", b->dir);
	return b->has_journal ? 0 : copy_journal(b);
}

static int copy_key(void *ud, const char *path, const char *name)
{
	const char *to_dir = ud;
	_own_(freep) char *to = NULL;
	struct buffer bytes = { 0 };

	if (asprintf(&to, "%s/%s", to_dir, name) < 0)
		return -ENOMEM;
	int r = file_read_all(path, 1 << 20, &bytes);

	if (r == 0)
		r = file_write_atomic(to, bytes.p, bytes.n, 0600);
	explicit_bzero(bytes.p, bytes.n);
	buffer_fini(&bytes);
	return r;
}

/* With which tokens are signed, so that those given out stay good. */
static int copy_keys(struct creating *b)
{
	_own_(freep) char *from = NULL;
	_own_(freep) char *to = folder(b, "/keys");

	if (!to || asprintf(&from, "%s/keys", b->c->data) < 0)
		return -ENOMEM;
	int r = files_walk(from, copy_key, to);

	if (r == -ENOENT)
		r = 0;
	return r < 0 ? fail(b->c, r, "cannot copy %s", from) : 0;
}

/* ---- what it all is */

/* A file that is a link to the one of the earlier backup needs not be read again. */
static bool is_known(const struct creating *b, const char *path, const char *name,
                     const struct manifest_file **out)
{
	_own_(freep) char *other = NULL;
	struct stat st;
	struct stat was;

	*out = b->base ? manifest_find(&b->earlier, name) : NULL;
	if (!*out || asprintf(&other, "%s/%s", b->base, name) < 0)
		return false;
	return lstat(path, &st) == 0 && lstat(other, &was) == 0 && st.st_ino == was.st_ino &&
	       st.st_dev == was.st_dev && (uint64_t)st.st_size == (*out)->bytes;
}

static int sum_one(void *ud, const char *path, const char *below)
{
	struct creating *b = ud;
	const struct manifest_file *known;
	char name[MANIFEST_NAME_MAX];
	char sum[SUM_TEXT];
	uint64_t bytes = 0;

	if (snprintf(name, sizeof(name), "data/%s", below) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	if (is_known(b, path, name, &known))
		return manifest_add(&b->c->manifest, name, known->bytes, known->sum);
	int r = sum_file(path, &bytes, sum);

	if (r == 0)
		r = manifest_add(&b->c->manifest, name, bytes, sum);
	return r < 0 ? r : step(b, b->c->manifest.n, b->c->manifest.blocks + b->c->manifest.n);
}

static int write_manifest(struct creating *b)
{
	_own_(freep) char *data = NULL;
	_own_(freep) char *path = NULL;
	struct buffer text = { 0 };

	b->what = "checksums";
	if (asprintf(&data, "%s/data", b->dir) < 0 ||
	    asprintf(&path, "%s/" MANIFEST_NAME, b->dir) < 0)
		return -ENOMEM;
	int r = files_walk(data, sum_one, b);

	manifest_sort(&b->c->manifest);
	if (r == 0)
		r = manifest_give(&b->c->manifest, &text);
	if (r == 0)
		r = files_sync_folders(data);
	if (r == 0)
		r = file_write_atomic(path, text.p, text.n, 0600);
	buffer_fini(&text);
	return r < 0 ? fail(b->c, r, "cannot write %s", path) : 0;
}

/* ---- room */

static int check_room(struct creating *b, const char *at)
{
	struct series_check sums = { 0 };
	struct journal_stats journal;
	struct stat ours;
	struct stat theirs;
	uint64_t left = 0;
	uint64_t total = 0;

	(void)series_db_sums(b->c->series, &sums);
	journal_stats(b->c->journal, &journal);
	b->blocks_bytes = sums.bytes;
	file_space(at, &left, &total);
	bool copies = stat(b->c->data, &ours) == 0 && stat(at, &theirs) == 0 &&
	              ours.st_dev != theirs.st_dev && !b->base;
	uint64_t need = (copies || create_is_archive(b->c->to) ? sums.bytes : 0) + SPARE;

	if (total && left < need) {
		(void)snprintf(b->c->why, sizeof(b->c->why),
		               "%s has %.1f MiB free, %.1f are needed: free space, or make it "
		               "elsewhere",
		               at, (double)left / MIB, (double)need / MIB);
		return -ENOSPC;
	}
	return 0;
}

/* ---- the order of things */

static int fill(struct creating *b)
{
	struct create *c = b->c;
	struct journal_hold *hold = NULL;
	/* Nothing is recycled from here on, so that whatever the documents say was flushed, the
	 * journal has what follows. */
	int r = journal_hold_new(c->journal, 0, &hold);

	if (r == 0)
		r = copy_docs(b);
	if (r == 0)
		r = copy_blocks(b);
	journal_hold_free(hold);
	if (r == 0)
		r = copy_keys(b);
	return r < 0 ? r : write_manifest(b);
}

/* An empty one of this name, locked against others; what an unfinished one left goes. */
static int make_partial(struct create *c, const char *dir, int *lock)
{
	_own_(freep) char *data = NULL;
	_own_(freep) char *manifest = NULL;

	if (asprintf(&data, "%s/data", dir) < 0 ||
	    asprintf(&manifest, "%s/" MANIFEST_NAME, dir) < 0)
		return -ENOMEM;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fail(c, -errno, "cannot make %s", dir);
	*lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*lock < 0)
		return fail(c, -errno, "cannot open %s", dir);
	if (flock(*lock, LOCK_EX | LOCK_NB) < 0)
		return fail(c, -EBUSY, "another backup writes to %s", dir);
	int r = files_remove(data);

	if (r == 0 && unlink(manifest) < 0 && errno != ENOENT)
		r = -errno;
	return r < 0 ? fail(c, r, "cannot empty %s", dir) : 0;
}

static int sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	_own_(freep) char *parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));

	return parent ? file_sync_dir(parent) : -ENOMEM;
}

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		(void)closedir(dir);
	return n == 2;
}

/* What is there now: 0 nothing or an empty folder, 1 a backup, which earlier gets; -EEXIST. */
static int look_at_target(struct creating *b)
{
	struct create *c = b->c;
	char why[256] = "";
	struct stat st;

	if (lstat(c->to, &st) < 0)
		return errno == ENOENT ? 0 : fail(c, -errno, "%s", c->to);
	if (S_ISDIR(st.st_mode) && !create_is_archive(c->to)) {
		if (is_empty(c->to))
			return 0;
		if (manifest_load(&b->earlier, c->to, why, sizeof(why)) == 0)
			return 1;
	}
	(void)snprintf(c->why, sizeof(c->why),
	               "%s exists and is no backup folder: nothing is overwritten", c->to);
	return -EEXIST;
}

static int put_in_place(struct create *c, const char *dir, bool replaces)
{
	int r = 0;

	if (!replaces)
		r = rename(dir, c->to) < 0 ? -errno : 0;
	else if (renameat2(AT_FDCWD, dir, AT_FDCWD, c->to, RENAME_EXCHANGE) < 0)
		r = -errno;
	if (r == 0)
		r = sync_parent(c->to);
	if (r < 0)
		return fail(c, r, "cannot rename %s to %s", dir, c->to);
	if (replaces && files_remove(dir) < 0)
		(void)log_warn(0, "cannot remove %s, the backup that was replaced", dir);
	return 0;
}

static int run_folder(struct create *c)
{
	_own_(freep) char *dir = NULL;
	_own_(closep) int lock = -1;
	struct creating b = { .c = c };
	char why[256];

	if (asprintf(&dir, "%s" PARTIAL, c->to) < 0)
		return -ENOMEM;
	b.dir = dir;
	int target = look_at_target(&b);

	b.base = target == 1 ? c->to : NULL;
	if (target == 0 && c->base && manifest_load(&b.earlier, c->base, why, sizeof(why)) == 0)
		b.base = c->base;
	int r = target < 0 ? target : make_partial(c, dir, &lock);

	if (r == 0)
		r = check_room(&b, dir);
	if (r == 0)
		r = fill(&b);
	if (r == 0)
		r = put_in_place(c, dir, target == 1);
	if (r < 0 && lock >= 0 && r != -EBUSY)
		(void)files_remove(dir);
	manifest_fini(&b.earlier);
	return r;
}

/* Blocks are linked into a folder of the data directory first, so that what is written to the
 * archive stands still. */
static int run_archive(struct create *c)
{
	_own_(freep) char *dir = NULL;
	_own_(freep) char *file = NULL;
	_own_(closep) int lock = -1;
	struct creating b = { .c = c };

	if (asprintf(&dir, "%s/" STAGE, c->data) < 0 || asprintf(&file, "%s" PARTIAL, c->to) < 0)
		return -ENOMEM;
	b.dir = dir;
	int r = look_at_target(&b);

	if (r == 0)
		r = make_partial(c, dir, &lock);
	if (r == 0)
		r = fill(&b);
	b.what = "archive";
	if (r == 0)
		r = archive_write(file, dir, &c->manifest, step, &b);
	if (r < 0 && r != -EEXIST)
		(void)fail(c, r, "cannot write %s", file);
	if (r == 0 && renameat2(AT_FDCWD, file, AT_FDCWD, c->to, RENAME_NOREPLACE) < 0)
		r = fail(c, -errno, "cannot rename %s", file);
	if (r == 0)
		r = sync_parent(c->to);
	if (r < 0)
		(void)unlink(file);
	if (lock >= 0 && r != -EBUSY)
		(void)files_remove(dir);
	manifest_fini(&b.earlier);
	return r;
}

bool create_is_archive(const char *to)
{
	size_t n = strlen(to);

	return n > 4 && strcmp(to + n - 4, ".tar") == 0;
}

int create_clean(const char *data)
{
	_own_(freep) char *dir = NULL;

	return asprintf(&dir, "%s/" STAGE, data) < 0 ? -ENOMEM : files_remove(dir);
}

int create_run(struct create *c)
{
	manifest_fini(&c->manifest);
	c->why[0] = '\0';
	c->bytes_copied = c->bytes_linked = 0;
	c->manifest.made_ns = clock_utc();
	(void)snprintf(c->manifest.version, sizeof(c->manifest.version), "%s", c->version);
	int r = create_is_archive(c->to) ? run_archive(c) : run_folder(c);

	return r < 0 ? fail(c, r, "cannot make the backup %s", c->to) : 0;
}

void create_fini(struct create *c)
{
	manifest_fini(&c->manifest);
}
