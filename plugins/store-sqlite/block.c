#include "block.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <signalbox/error.h>

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
		if (block->dropped)
			(void)unlink(block->path);
		free(block);
	}
	return NULL;
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

bool block_overlaps(const struct block *block, int64_t from_ns, int64_t to_ns)
{
	return block->facts.t_min_ns < to_ns && block->facts.t_max_ns >= from_ns;
}
