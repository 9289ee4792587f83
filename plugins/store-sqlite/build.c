#include "build.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "block.h"

#define EMPTY           1
#define PATH_ROOM       4096
#define WRITE_OUT_BYTES (1U << 20)
#define NAMES_MAX       1000 /* blocks of one class, month and range of sequence numbers */
#define NS_PER_MS       1000000
#define NS_PER_S        1000000000

struct build {
	const struct sb_block *spec;
	struct facts facts;
	sqlite3 *db;
	sqlite3_stmt *insert;
	int64_t last_key; /* INT64_MIN: none yet */
	int64_t last_t_ns;
	uint32_t last_stream;
	int fd;            /* of a compacted block, to write it out meanwhile; or -1 */
	uint64_t unsynced; /* bytes */
	char month_dir[PATH_ROOM], tmp[PATH_ROOM + 64];
};

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* ---- folders */

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

/* Makes a folder below an existing one, durably. */
static int32_t make_dir(const char *parent, const char *path)
{
	if (mkdir(path, 0700) == 0)
		return sync_dir(parent);
	return errno == EEXIST ? 0 : -errno;
}

static int32_t make_dirs(struct build *b, const char *dir)
{
	time_t seconds = (time_t)floor_div(b->spec->t_min_ns, NS_PER_S);
	char class_dir[PATH_ROOM - 16];
	struct tm tm;
	int32_t r;

	if (!gmtime_r(&seconds, &tm))
		return SB_E_RANGE;
	if (snprintf(class_dir, sizeof(class_dir), "%s/%s", dir, b->facts.class_) >=
	            (int)sizeof(class_dir) ||
	    snprintf(b->month_dir, sizeof(b->month_dir), "%s/%04d-%02d", class_dir,
	             tm.tm_year + 1900, tm.tm_mon + 1) >= (int)sizeof(b->month_dir))
		return -ENAMETOOLONG;
	r = make_dir(dir, class_dir);
	return r < 0 ? r : make_dir(class_dir, b->month_dir);
}

/* ---- rows */

static int32_t open_tmp(struct build *b)
{
	int32_t r;
	int rc;

	(void)snprintf(b->tmp, sizeof(b->tmp), "%s/r%" PRIu32 "-%" PRIu64 "-%" PRIu64 ".tmp",
	               b->month_dir, b->facts.level, b->facts.seq_min, b->facts.seq_max);
	if (unlink(b->tmp) < 0 && errno != ENOENT)
		return -errno;
	rc = sqlite3_open_v2(b->tmp, &b->db,
	                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	                     NULL);
	if (rc != SQLITE_OK)
		return sql_fault(b->db, rc);
	/* Nobody sees the file before it is whole: no journal, no syncs but the one at the end. */
	r = sql_exec(b->db, "PRAGMA page_size=16384;"
	                    "PRAGMA journal_mode=OFF;"
	                    "PRAGMA synchronous=OFF;"
	                    "PRAGMA locking_mode=EXCLUSIVE;"
	                    "PRAGMA cache_size=64;"
	                    "PRAGMA application_id=0x53425842;"
	                    "PRAGMA user_version=1;"
	                    "CREATE TABLE chunk(k INTEGER PRIMARY KEY, part_ns INTEGER NOT NULL,"
	                    " span_ns INTEGER NOT NULL, rows INTEGER NOT NULL, data BLOB NOT NULL);"
	                    "BEGIN");
	if (r == 0)
		r = sql_prepare(b->db, "INSERT INTO chunk VALUES(?1, ?2, ?3, ?4, ?5)", &b->insert);
	return r;
}

static int32_t check_chunk(const struct build *b, const struct sb_chunk *c)
{
	if (!c->stream || c->stream > INT32_MAX || !c->data.n || c->t_min_ns > c->t_max_ns)
		return SB_E_RANGE;
	if (c->t_min_ns < b->spec->t_min_ns || c->t_max_ns > b->spec->t_max_ns)
		return SB_E_RANGE;
	if (b->facts.chunks && (c->stream < b->last_stream ||
	                        (c->stream == b->last_stream && c->t_min_ns < b->last_t_ns)))
		return SB_E_RANGE;
	return 0;
}

/* The key of a chunk: stream, then milliseconds since the block's epoch; one more for each chunk of
 * a stream that begins in the same millisecond. part_ns is what the key does not say of the time.
 */
static int32_t insert(struct build *b, const struct sb_chunk *c)
{
	int64_t base = (int64_t)c->stream << 32;
	int64_t key = base + floor_div(c->t_min_ns, NS_PER_MS) - b->facts.epoch_ms;
	int32_t r;

	if (key <= b->last_key)
		key = b->last_key + 1;
	if (key - base > UINT32_MAX)
		return SB_E_RANGE;
	(void)sqlite3_bind_int64(b->insert, 1, key);
	(void)sqlite3_bind_int64(b->insert, 2,
	                         c->t_min_ns - (key - base + b->facts.epoch_ms) * NS_PER_MS);
	(void)sqlite3_bind_int64(b->insert, 3, c->t_max_ns - c->t_min_ns);
	(void)sqlite3_bind_int64(b->insert, 4, c->rows);
	(void)sqlite3_bind_blob64(b->insert, 5, c->data.p, c->data.n, SQLITE_STATIC);
	r = sql_fault(b->db, sqlite3_step(b->insert));
	(void)sqlite3_reset(b->insert);
	b->last_key = key;
	return r;
}

static void count(struct build *b, const struct sb_chunk *c)
{
	struct facts *f = &b->facts;

	if (!f->chunks) {
		f->stream_min = c->stream;
		f->t_min_ns = c->t_min_ns;
		f->t_max_ns = c->t_max_ns;
	}
	f->stream_max = c->stream;
	if (c->t_min_ns < f->t_min_ns)
		f->t_min_ns = c->t_min_ns;
	if (c->t_max_ns > f->t_max_ns)
		f->t_max_ns = c->t_max_ns;
	f->chunks++;
	f->rows += c->rows;
	b->last_stream = c->stream;
	b->last_t_ns = c->t_min_ns;
}

/* A large file goes to the disk a little at a time: all of it at the end would keep those waiting
 * who sync a message. */
static void write_out(struct build *b, size_t bytes)
{
	b->unsynced += bytes;
	if (b->fd < 0 || b->unsynced < WRITE_OUT_BYTES)
		return;
	(void)sync_file_range(b->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE);
	b->unsynced = 0;
}

static int32_t fill(struct build *b)
{
	struct sb_chunk chunk = { 0 };
	int32_t r;

	while ((r = b->spec->next(b->spec->ud, &chunk)) > 0) {
		r = check_chunk(b, &chunk);
		if (r == 0)
			r = insert(b, &chunk);
		if (r < 0)
			return r;
		count(b, &chunk);
		write_out(b, chunk.data.n);
	}
	if (r == 0 && !b->facts.chunks)
		r = b->facts.level ? EMPTY : SB_E_RANGE;
	return r;
}

/* Its name, for whoever looks for what it replaces. */
static int32_t stand_in(const struct build *b, struct block **out)
{
	int32_t r = block_new(out, b->tmp);

	if (r < 0)
		return r;
	(*out)->facts = b->facts;
	return EMPTY;
}

/* ---- the end: durable, then visible */

static int32_t close_tmp(struct build *b)
{
	int32_t r = facts_write(b->db, &b->facts);

	if (r == 0)
		r = sql_exec(b->db, "COMMIT");
	sqlite3_finalize(b->insert);
	b->insert = NULL;
	if (r == 0)
		r = sql_fault(b->db, sqlite3_close(b->db));
	if (r == 0)
		b->db = NULL;
	return r;
}

static int32_t sync_file(const char *path, uint64_t *bytes)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	int32_t r = 0;

	if (fd < 0)
		return -errno;
	/* Whatever the umask is, it is ours alone: a backup may link it. */
	if (fchmod(fd, 0600) < 0 || fsync(fd) < 0 || fstat(fd, &st) < 0)
		r = -errno;
	else
		*bytes = (uint64_t)st.st_size;
	close(fd);
	return r;
}

/* Never takes the place of another block. */
static int32_t rename_tmp(const struct build *b, char *path, size_t cap)
{
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		char nr[8] = "";
		if (i)
			(void)snprintf(nr, sizeof(nr), "-%u", i);
		(void)snprintf(path, cap, "%s/r%" PRIu32 "-%" PRIu64 "-%" PRIu64 "%s.blk",
		               b->month_dir, b->facts.level, b->facts.seq_min, b->facts.seq_max,
		               nr);
		if (renameat2(AT_FDCWD, b->tmp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int32_t publish(struct build *b, struct block **out)
{
	char path[PATH_ROOM + 96];
	struct block *block = NULL;
	uint64_t bytes = 0;
	int32_t r = sync_file(b->tmp, &bytes);

	if (r == 0)
		r = rename_tmp(b, path, sizeof(path));
	if (r < 0)
		return r;
	r = sync_dir(b->month_dir);
	if (r == 0)
		r = block_new(&block, path);
	if (r < 0 || !block) {
		(void)unlink(path);
		return r;
	}
	block->facts = b->facts;
	block->bytes = bytes;
	*out = block;
	return 0;
}

static int32_t check_spec(const struct sb_block *spec, struct facts *out)
{
	int64_t epoch_ms = floor_div(spec->t_min_ns, NS_PER_MS);

	if (!spec->class_.n || spec->class_.n > FACTS_CLASS_MAX)
		return SB_E_NAME;
	for (size_t i = 0; i < spec->class_.n; i++) {
		char c = spec->class_.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return SB_E_NAME;
	}
	if (spec->t_min_ns > spec->t_max_ns || spec->seq_min > spec->seq_max ||
	    floor_div(spec->t_max_ns, NS_PER_MS) - epoch_ms > UINT32_MAX)
		return SB_E_RANGE;
	*out = (struct facts){
		.level = spec->level,
		.last = SB_HAS(spec, last) ? 1 : 0,
		.seq_min = spec->seq_min,
		.seq_max = spec->seq_max,
		.epoch_ms = epoch_ms,
	};
	memcpy(out->class_, spec->class_.p, spec->class_.n);
	return 0;
}

int32_t build_block(const char *dir, const struct sb_block *spec, struct block **out)
{
	struct build *b = calloc(1, sizeof(*b));
	int32_t r;

	if (!b)
		return -ENOMEM;
	b->spec = spec;
	b->last_key = INT64_MIN;
	b->fd = -1;
	r = check_spec(spec, &b->facts);
	if (r == 0)
		r = make_dirs(b, dir);
	if (r == 0)
		r = open_tmp(b);
	if (r == 0 && spec->level)
		b->fd = open(b->tmp, O_RDWR | O_CLOEXEC);
	if (r == 0)
		r = fill(b);
	if (r == 0)
		r = close_tmp(b);
	if (r == 0)
		r = publish(b, out);
	sqlite3_finalize(b->insert);
	sqlite3_close(b->db);
	if (b->fd >= 0)
		close(b->fd);
	if (r == EMPTY)
		r = stand_in(b, out);
	if (r != 0 && *b->tmp)
		(void)unlink(b->tmp);
	free(b);
	return r;
}
