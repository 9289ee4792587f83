#include "doccopy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <signalbox/kinds.h>

#define PAGES_AT_ONCE 32
#define STEP_NS       4000000

struct doccopy {
	sqlite3 *from, *to;
	sqlite3_backup *backup;
	char *dir, *path;
	bool is_done;
};

static int64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The copy is nobody's until it is whole, and is synced then: no journal of its own. */
static int32_t open_to(struct doccopy *copy)
{
	int fd = open(copy->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	close(fd);
	rc = sqlite3_open_v2(copy->path, &copy->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
	                     NULL);
	if (rc != SQLITE_OK)
		return sql_fault(copy->to, rc);
	int32_t r = sql_exec(copy->to, "PRAGMA journal_mode=OFF;"
	                               "PRAGMA synchronous=OFF;"
	                               "PRAGMA cache_size=-256;");
	if (r < 0)
		return r;
	copy->backup = sqlite3_backup_init(copy->to, "main", copy->from, "main");
	return copy->backup ? 0 : sql_fault(copy->to, sqlite3_errcode(copy->to));
}

int32_t doccopy_new(struct doccopy **out, sqlite3 *from, const char *dir)
{
	struct doccopy *copy = calloc(1, sizeof(*copy));
	int32_t r = -ENOMEM;

	if (!copy)
		return r;
	copy->from = from;
	copy->dir = strdup(dir);
	if (copy->dir && asprintf(&copy->path, "%s/registry.db", dir) >= 0)
		r = open_to(copy);
	else
		copy->path = NULL;
	if (r == -EEXIST) { /* not ours to remove */
		free(copy->path);
		copy->path = NULL;
	}
	if (r < 0) {
		doccopy_free(copy);
		return r;
	}
	*out = copy;
	return 0;
}

struct doccopy *doccopy_free(struct doccopy *copy)
{
	if (!copy)
		return NULL;
	if (copy->backup)
		(void)sqlite3_backup_finish(copy->backup);
	sqlite3_close(copy->to);
	if (!copy->is_done && copy->path)
		(void)unlink(copy->path);
	free(copy->path);
	free(copy->dir);
	free(copy);
	return NULL;
}

static int32_t sync_path(const char *path, uint64_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int32_t r = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0 || fstat(fd, &st) < 0)
		r = -errno;
	else
		*bytes = (uint64_t)st.st_size;
	close(fd);
	return r;
}

static int32_t finish(struct doccopy *copy, struct sb_doc_copy *out)
{
	int64_t documents = 0;
	uint64_t ignored = 0;
	int rc = sqlite3_backup_finish(copy->backup);
	int32_t r = sql_fault(copy->to, rc);

	copy->backup = NULL;
	if (r == 0)
		r = sql_i64(copy->from, "SELECT count(*) FROM doc", &documents);
	if (r == 0)
		r = sql_fault(copy->to, sqlite3_close(copy->to));
	if (r < 0)
		return r;
	copy->to = NULL;
	r = sync_path(copy->path, &out->bytes);
	if (r == 0)
		r = sync_path(copy->dir, &ignored);
	copy->is_done = r == 0;
	out->documents = (uint64_t)documents;
	return r;
}

/* A connection that writes what it reads keeps its copy up to date, so puts in between need no new
 * beginning. */
int32_t doccopy_step(struct doccopy *copy, struct sb_doc_copy *out)
{
	int64_t end = now_ns() + STEP_NS;
	int rc;

	do
		rc = sqlite3_backup_step(copy->backup, PAGES_AT_ONCE);
	while (rc == SQLITE_OK && now_ns() < end);
	if (rc == SQLITE_DONE)
		return finish(copy, out);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
		return sql_fault(copy->to, rc);
	out->pages_all = (uint64_t)sqlite3_backup_pagecount(copy->backup);
	out->pages_done = out->pages_all - (uint64_t)sqlite3_backup_remaining(copy->backup);
	return 1;
}
