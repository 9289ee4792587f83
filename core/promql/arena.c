#include "promql/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"

#define BLOCK ((size_t)8192)
#define ALIGN ((size_t)16)

struct arena_block {
	struct arena_block *next;
	size_t n, cap;
	_Alignas(16) char p[];
};

void arena_fini(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;
		free(a->blocks);
		a->blocks = next;
	}
	*a = (struct arena){ .max = a->max };
}

void *arena_take(struct arena *a, size_t n)
{
	struct arena_block *block = a->blocks;
	if (a->full || n > a->max) {
		a->full = true;
		return NULL;
	}
	n = (n + ALIGN - 1) / ALIGN * ALIGN;
	if (!block || block->cap - block->n < n) {
		size_t cap = MAX(BLOCK, n);
		if (a->used + cap > a->max || !(block = calloc(1, sizeof(*block) + cap))) {
			a->full = true;
			return NULL;
		}
		block->cap = cap;
		block->next = a->blocks;
		a->blocks = block;
		a->used += cap;
	}
	void *p = block->p + block->n;
	block->n += n;
	return p;
}

struct sb_str arena_copy(struct arena *a, struct sb_str s)
{
	char *p = arena_take(a, s.n + 1);
	if (!p)
		return sb_str_of(NULL, 0);
	if (s.n)
		memcpy(p, s.p, s.n);
	return sb_str_of(p, s.n);
}
