#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "block.h"

#define IDLE_MAX 32

struct pool {
	pthread_mutex_t lock;
	struct pooled *idle; /* newest first */
	uint32_t n_idle;
};

int32_t pool_new(struct pool **out)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pthread_mutex_init(&pool->lock, NULL);
	*out = pool;
	return 0;
}

void pool_close(struct pooled *p)
{
	if (!p)
		return;
	sqlite3_finalize(p->chunks);
	sqlite3_close(p->db);
	block_unref(p->block);
	free(p);
}

static uint32_t close_all(struct pooled *list)
{
	uint32_t n = 0;

	while (list) {
		struct pooled *next = list->next;
		pool_close(list);
		list = next;
		n++;
	}
	return n;
}

struct pool *pool_free(struct pool *pool)
{
	if (!pool)
		return NULL;
	(void)close_all(pool->idle);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
	return NULL;
}

static struct pooled *find_idle(struct pool *pool, const struct block *block)
{
	struct pooled *found = NULL;

	pthread_mutex_lock(&pool->lock);
	for (struct pooled **at = &pool->idle; *at; at = &(*at)->next) {
		if ((*at)->block == block) {
			found = *at;
			*at = found->next;
			pool->n_idle--;
			break;
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return found;
}

int32_t pool_take(struct pool *pool, struct block *block, struct pooled **out)
{
	struct pooled *p = find_idle(pool, block);
	int32_t r;

	if (p) {
		*out = p;
		return 0;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->block = block_ref(block);
	r = block_open(block->path, &p->db);
	if (r == 0)
		r = sql_prepare(p->db,
		                "SELECT k, part_ns, span_ns, rows, data FROM chunk"
		                " WHERE k>=?1 AND k<?2 ORDER BY k",
		                &p->chunks);
	if (r < 0) {
		pool_close(p);
		return r;
	}
	*out = p;
	return 0;
}

/* Cuts the list behind the first `keep` entries, or before the first that is idle too long. */
static struct pooled *cut(struct pool *pool, uint32_t keep, int64_t before_ns)
{
	struct pooled **at = &pool->idle;
	struct pooled *rest;
	uint32_t n = 0;

	while (*at && n < keep && (*at)->idle_since_ns >= before_ns) {
		at = &(*at)->next;
		n++;
	}
	rest = *at;
	*at = NULL;
	pool->n_idle = n;
	return rest;
}

void pool_give(struct pool *pool, struct pooled *p, int64_t now_ns)
{
	struct pooled *rest = NULL;

	if (p->block->dropped) { /* its file would stay as long as we hold it */
		pool_close(p);
		return;
	}
	(void)sqlite3_reset(p->chunks);
	p->idle_since_ns = now_ns;
	pthread_mutex_lock(&pool->lock);
	p->next = pool->idle;
	pool->idle = p;
	if (++pool->n_idle > IDLE_MAX)
		rest = cut(pool, IDLE_MAX, INT64_MIN);
	pthread_mutex_unlock(&pool->lock);
	(void)close_all(rest);
}

uint32_t pool_trim(struct pool *pool, int64_t before_ns)
{
	struct pooled *rest;

	pthread_mutex_lock(&pool->lock);
	rest = cut(pool, IDLE_MAX, before_ns);
	pthread_mutex_unlock(&pool->lock);
	return close_all(rest);
}
