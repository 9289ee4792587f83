#include "block.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <signalbox/error.h>

#define PATH_ROOM 4096
#define NAMES_MAX 1000
#define NS_PER_S  1000000000

int32_t block_new(struct block **out, const char *path)
{
	size_t n = strlen(path) + 1;
	struct block *block = calloc(1, sizeof(*block) + n);

	if (!block)
		return -ENOMEM;
	memcpy(block->path, path, n);
	block->refs = 1;
	*out = block;
	return 0;
}

struct block *block_ref(struct block *block)
{
	atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
	return block;
}

struct block *block_unref(struct block *block)
{
	if (block && atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) == 1) {
		if (block->dropped && !block->aside)
			(void)unlink(block->path);
		free(block);
	}
	return NULL;
}

static int32_t sync_folder(const char *path)
{
	char folder[PATH_ROOM];
	const char *slash = strrchr(path, '/');
	int32_t r = 0;
	int fd;

	if (!slash || slash - path >= (ptrdiff_t)sizeof(folder))
		return -EINVAL;
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

int32_t block_set_aside(const char *path)
{
	char bad[PATH_ROOM + 16];

	for (unsigned i = 0; i < NAMES_MAX; i++) {
		char nr[8] = "";
		if (i)
			(void)snprintf(nr, sizeof(nr), "%u", i);
		if (snprintf(bad, sizeof(bad), "%s.bad%s", path, nr) >= (int)sizeof(bad))
			return -ENAMETOOLONG;
		if (renameat2(AT_FDCWD, path, AT_FDCWD, bad, RENAME_NOREPLACE) == 0)
			return sync_folder(path);
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* The path as a URI: what has a meaning there is escaped. */
static int32_t uri_of(const char *path, char *uri, size_t cap)
{
	size_t n = (size_t)snprintf(uri, cap, "file:");

	for (; *path; path++) {
		bool plain = (*path >= 'a' && *path <= 'z') || (*path >= 'A' && *path <= 'Z') ||
		             (*path >= '0' && *path <= '9') || strchr("/-_.", *path);
		if (n + 4 >= cap)
			return -ENAMETOOLONG;
		if (plain)
			uri[n++] = *path;
		else
			n += (size_t)snprintf(uri + n, cap - n, "%%%02X", (unsigned)(uint8_t)*path);
	}
	if (n + 32 >= cap)
		return -ENAMETOOLONG;
	(void)snprintf(uri + n, cap - n, "?mode=ro&immutable=1");
	return 0;
}

int32_t block_open(const char *path, sqlite3 **out)
{
	sqlite3 *db = NULL;
	char uri[8192];
	int32_t r = uri_of(path, uri, sizeof(uri));
	int rc;

	if (r < 0)
		return r;
	rc = sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
	                     NULL);
	r = sql_fault(db, rc);
	/* Four pages: inner nodes and the leaf that is being read. */
	if (r == 0)
		r = sql_exec(db, "PRAGMA cache_size=4");
	if (r < 0) {
		sqlite3_close(db);
		return r;
	}
	*out = db;
	return 0;
}

static bool is_plausible(const struct facts *f)
{
	return f->t_min_ns <= f->t_max_ns && f->seq_min <= f->seq_max && f->chunks > 0 &&
	       f->stream_min <= f->stream_max;
}

int32_t block_load(struct block **out, const char *path)
{
	struct block *block = NULL;
	sqlite3 *db = NULL;
	int32_t r = block_new(&block, path);

	if (r < 0)
		return r;
	r = facts_check_file(path, &block->bytes);
	if (r == 0)
		r = block_open(path, &db);
	if (r == 0)
		r = facts_read(db, &block->facts);
	if (r == 0 && !is_plausible(&block->facts))
		r = SB_E_CORRUPT;
	sqlite3_close(db);
	if (r < 0) {
		block_unref(block);
		return r;
	}
	*out = block;
	return 0;
}

/* The part of the path in front of the file's name. */
static size_t folder_of(const struct block *block)
{
	const char *slash = strrchr(block->path, '/');
	return slash ? (size_t)(slash - block->path) : 0;
}

bool block_is_named(const struct block *block)
{
	const struct facts *f = &block->facts;
	time_t seconds = (time_t)(f->t_min_ns / NS_PER_S - (f->t_min_ns % NS_PER_S < 0));
	char want[FACTS_CLASS_MAX + 128];
	struct tm tm;
	size_t n = strlen(block->path);
	size_t folder = folder_of(block);
	int len;

	if (!gmtime_r(&seconds, &tm))
		return false;
	len = snprintf(want, sizeof(want), "/%s/%04d-%02d/r%" PRIu32 "-%" PRIu64 "-%" PRIu64,
	               f->class_, tm.tm_year + 1900, tm.tm_mon + 1, f->level, f->seq_min,
	               f->seq_max);
	for (size_t at = folder; at-- > 0;) {
		const char *rest = block->path + at;
		if (*rest != '/' || n - at <= (size_t)len || strncmp(rest, want, (size_t)len) != 0)
			continue;
		return rest[len] == '.' || rest[len] == '-'; /* .blk, -1.blk */
	}
	return false;
}

bool block_replaces(const struct block *block, const struct block *older)
{
	const struct facts *a = &block->facts;
	const struct facts *b = &older->facts;
	size_t n = folder_of(block);

	return a->level > b->level && a->seq_min <= b->seq_min && a->seq_max >= b->seq_max &&
	       n == folder_of(older) && memcmp(block->path, older->path, n) == 0;
}

bool block_overlaps(const struct block *block, int64_t from_ns, int64_t to_ns)
{
	return block->facts.t_min_ns < to_ns && block->facts.t_max_ns >= from_ns;
}

void block_tell(const struct block *block, struct sb_block_info *out)
{
	const struct facts *f = &block->facts;

	*out = (struct sb_block_info){
		.size = sizeof(*out),
		.level = f->level,
		.class_ = sb_str_of(f->class_, strlen(f->class_)),
		.name = sb_str_of(block->path, strlen(block->path)),
		.t_min_ns = f->t_min_ns,
		.t_max_ns = f->t_max_ns,
		.seq_min = f->seq_min,
		.seq_max = f->seq_max,
		.bytes = block->bytes,
		.rows = f->rows,
		.chunks = f->chunks,
		.stream_min = f->stream_min,
		.stream_max = f->stream_max,
		.last = f->last,
		.damaged = atomic_load(&block->damaged),
	};
}
