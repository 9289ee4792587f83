#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <signalbox/error.h>

#define TEXT_MAX 512

/* One line of text: it can be read with any SQLite tool, and summed without thinking of layouts. */
static int give(const struct facts *f, char text[static TEXT_MAX])
{
	return snprintf(text, TEXT_MAX,
	                "class=%s level=%" PRIu32 " last=%" PRIu32 " seq=%" PRIu64 "-%" PRIu64
	                " t=%" PRId64 "..%" PRId64 " epoch=%" PRId64 " chunks=%" PRIu64
	                " rows=%" PRIu64 " streams=%" PRIu32 "-%" PRIu32,
	                f->class_, f->level, f->last, f->seq_min, f->seq_max, f->t_min_ns,
	                f->t_max_ns, f->epoch_ms, f->chunks, f->rows, f->stream_min, f->stream_max);
}

/* " name=" and what follows up to a space. */
static const char *value_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	return at ? at + strlen(name) : "";
}

static uint64_t take_u64(const char *text, const char *name)
{
	return strtoull(value_of(text, name), NULL, 10);
}

static int64_t take_i64(const char *text, const char *name)
{
	return strtoll(value_of(text, name), NULL, 10);
}

/* What is not there or no number shows when the text is formed again. */
static void take(const char *text, struct facts *f)
{
	size_t n = strcspn(value_of(text, "class="), " ");

	*f = (struct facts){
		.level = (uint32_t)take_u64(text, " level="),
		.last = (uint32_t)take_u64(text, " last="),
		.seq_min = take_u64(text, " seq="),
		.seq_max = take_u64(value_of(text, " seq="), "-"),
		.t_min_ns = take_i64(text, " t="),
		.t_max_ns = take_i64(value_of(text, " t="), ".."),
		.epoch_ms = take_i64(text, " epoch="),
		.chunks = take_u64(text, " chunks="),
		.rows = take_u64(text, " rows="),
		.stream_min = (uint32_t)take_u64(text, " streams="),
		.stream_max = (uint32_t)take_u64(value_of(text, " streams="), "-"),
	};
	if (n < sizeof(f->class_))
		memcpy(f->class_, value_of(text, "class="), n);
}

/* FNV-1a, 64 bits: against accidents, not against people. */
static uint64_t sum(const char *text)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3;
	return h;
}

int32_t facts_write(sqlite3 *db, const struct facts *facts)
{
	_own_(sql_finalizep) sqlite3_stmt *stmt = NULL;
	char text[TEXT_MAX];
	int32_t r = sql_exec(db, "CREATE TABLE facts(text TEXT NOT NULL, sum INTEGER NOT NULL)");

	if (r == 0)
		r = sql_prepare(db, "INSERT INTO facts VALUES(?1, ?2)", &stmt);
	if (r < 0)
		return r;
	(void)give(facts, text);
	(void)sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)sum(text));
	return sql_fault(db, sqlite3_step(stmt));
}

int32_t facts_read(sqlite3 *db, struct facts *out)
{
	_own_(sql_finalizep) sqlite3_stmt *stmt = NULL;
	char again[TEXT_MAX];
	const char *text;
	int rc;
	int32_t r = sql_prepare(db, "SELECT text, sum FROM facts", &stmt);

	if (r < 0)
		return r == SB_E_FAIL ? SB_E_CORRUPT : r; /* no such table */
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? SB_E_CORRUPT : sql_fault(db, rc);
	text = (const char *)sqlite3_column_text(stmt, 0);
	if (!text || sum(text) != (uint64_t)sqlite3_column_int64(stmt, 1))
		return SB_E_CORRUPT;
	take(text, out);
	(void)give(out, again);
	return strcmp(text, again) == 0 ? 0 : SB_E_CORRUPT;
}

/* ---- the file header of SQLite: big-endian numbers at fixed places */

static uint32_t big32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int32_t check_header(const uint8_t head[static 100], uint64_t bytes)
{
	uint32_t page = (uint32_t)head[16] << 8 | head[17];

	if (memcmp(head, "SQLite format 3", 16) != 0 || big32(head + 68) != FACTS_APPLICATION_ID)
		return SB_E_CORRUPT;
	if (big32(head + 60) > FACTS_FORMAT)
		return SB_E_ABI;
	if (page != FACTS_PAGE_BYTES || (uint64_t)big32(head + 28) * page != bytes)
		return SB_E_CORRUPT;
	return 0;
}

int32_t facts_check_file(const char *path, uint64_t *bytes)
{
	uint8_t head[100] = { 0 };
	struct stat st;
	int32_t r = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return errno == ELOOP ? SB_E_CORRUPT : -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = SB_E_CORRUPT;
	n = r == 0 ? pread(fd, head, sizeof(head), 0) : 0;
	if (n < 0)
		r = -errno;
	else if (r == 0 && n < (ssize_t)sizeof(head))
		r = SB_E_CORRUPT;
	close(fd);
	if (r < 0)
		return r;
	*bytes = (uint64_t)st.st_size;
	return check_header(head, *bytes);
}
