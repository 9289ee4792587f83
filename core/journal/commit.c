#include "journal/commit.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/own.h"

enum {
	KEPT_MAX = 4,             /* unused commits kept for the next groups */
	KEPT_BYTES = 1024 * 1024, /* a larger one goes back to the system */
	CAP_LEAST = 8192,
};

int commit_pool_new(struct commit_pool **out)
{
	struct commit_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	atomic_init(&pool->refs, 1);
	pthread_mutex_init(&pool->lock, NULL);
	*out = pool;
	return 0;
}

static void commit_destroy(struct journal_commit *commit)
{
	free(commit->p);
	free(commit);
}

void commit_pool_trim(struct commit_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	struct journal_commit *list = steal(pool->kept);
	pool->n_kept = 0;
	pthread_mutex_unlock(&pool->lock);
	while (list) {
		struct journal_commit *commit = list;
		list = commit->next;
		commit_destroy(commit);
	}
}

static void pool_unref(struct commit_pool *pool)
{
	if (atomic_fetch_sub(&pool->refs, 1) != 1)
		return;
	commit_pool_trim(pool);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

struct commit_pool *commit_pool_free(struct commit_pool *pool)
{
	if (pool)
		pool_unref(pool);
	return NULL;
}

int commit_pool_take(struct commit_pool *pool, uint64_t seq_first, struct journal_commit **out)
{
	pthread_mutex_lock(&pool->lock);
	struct journal_commit *commit = pool->kept;
	if (commit) {
		pool->kept = commit->next;
		pool->n_kept--;
	}
	pthread_mutex_unlock(&pool->lock);
	if (!commit)
		commit = calloc(1, sizeof(*commit));
	if (!commit)
		return -ENOMEM;
	atomic_fetch_add(&pool->refs, 1);
	atomic_store(&commit->refs, 1);
	commit->pool = pool;
	commit->next = NULL;
	commit->seq_first = seq_first;
	commit->records = 0;
	commit->bytes_payload = 0;
	commit->n = 0;
	*out = commit;
	return 0;
}

struct journal_commit *journal_commit_ref(struct journal_commit *commit)
{
	atomic_fetch_add_explicit(&commit->refs, 1, memory_order_relaxed);
	return commit;
}

struct journal_commit *journal_commit_unref(struct journal_commit *commit)
{
	if (!commit || atomic_fetch_sub(&commit->refs, 1) != 1)
		return NULL;
	struct commit_pool *pool = commit->pool;
	bool keep = false;
	pthread_mutex_lock(&pool->lock);
	if (pool->n_kept < KEPT_MAX && commit->cap <= KEPT_BYTES) {
		commit->next = pool->kept;
		pool->kept = commit;
		pool->n_kept++;
		keep = true;
	}
	pthread_mutex_unlock(&pool->lock);
	if (!keep)
		commit_destroy(commit);
	pool_unref(pool);
	return NULL;
}

static size_t block_left(size_t at)
{
	return COMMIT_BLOCK - at % COMMIT_BLOCK;
}

/* Where the next record's head stands: never across the edge of a block, so that a reader can tell
 * padding from a record. */
static size_t head_at(size_t at)
{
	return block_left(at) < COMMIT_HEAD ? at + block_left(at) : at;
}

static int grow(struct journal_commit *commit, size_t need)
{
	if (need <= commit->cap)
		return 0;
	size_t cap = MAX(commit->cap * 2, (size_t)CAP_LEAST);
	cap = MAX(cap, (need + COMMIT_BLOCK - 1) / COMMIT_BLOCK * COMMIT_BLOCK);
	uint8_t *p = realloc(commit->p, cap);
	if (!p)
		return -ENOMEM;
	commit->p = p;
	commit->cap = cap;
	return 0;
}

int commit_add(struct journal_commit *commit, const void *payload, size_t n)
{
	size_t at = head_at(commit->n);
	int r = grow(commit, at + COMMIT_HEAD + n + COMMIT_BLOCK);
	if (r < 0)
		return r;
	assert(n > 0 && n <= UINT32_MAX);
	uint32_t len = htole32((uint32_t)n);
	uint64_t seq = htole64(commit->seq_first + commit->records);
	memset(commit->p + commit->n, 0, at - commit->n);
	memcpy(commit->p + at, &len, 4);
	memcpy(commit->p + at + 8, &seq, 8);
	memcpy(commit->p + at + COMMIT_HEAD, payload, n);
	commit->n = at + COMMIT_HEAD + n;
	commit->records++;
	commit->bytes_payload += n;
	return 0;
}

static uint32_t len_at(const struct journal_commit *commit, size_t at)
{
	uint32_t len;
	memcpy(&len, commit->p + at, 4);
	return le32toh(len);
}

int commit_seal(struct journal_commit *commit, uint32_t generation)
{
	size_t at = 0;
	for (uint32_t i = 0; i < commit->records; i++) {
		at = head_at(at);
		size_t n = len_at(commit, at);
		uint32_t crc = htole32(crc32c(generation, commit->p + at + 8, 8 + n));
		memcpy(commit->p + at + 4, &crc, 4);
		at += COMMIT_HEAD + n;
	}
	if (at % COMMIT_BLOCK) {
		size_t pad = block_left(at);
		int r = grow(commit, at + pad);
		if (r < 0)
			return r;
		memset(commit->p + at, 0, pad);
		at += pad;
	}
	commit->n = at;
	return 0;
}

uint64_t journal_commit_seq_first(const struct journal_commit *commit)
{
	return commit->seq_first;
}

uint64_t journal_commit_seq_last(const struct journal_commit *commit)
{
	return commit->seq_first + commit->records - 1;
}

bool journal_commit_next(const struct journal_commit *commit, size_t *at, uint64_t *seq,
                         struct sb_bytes *payload)
{
	size_t head = head_at(*at);
	if (head + COMMIT_HEAD > commit->n || len_at(commit, head) == 0)
		return false;
	uint64_t number;
	memcpy(&number, commit->p + head + 8, 8);
	*seq = le64toh(number);
	payload->p = commit->p + head + COMMIT_HEAD;
	payload->n = len_at(commit, head);
	*at = head + COMMIT_HEAD + payload->n;
	return true;
}
