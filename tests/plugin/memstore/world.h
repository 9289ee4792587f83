/* What a store in memory holds, as of any moment. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <signalbox/kinds.h>

struct block {
	_Atomic uint32_t refs;
	struct sb_block_info info;
	char class_[40], name[96];
	struct sb_chunk *chunks;
	size_t n, cap;
};

struct world { /* of one folder; lives as long as the process */
	struct world *next;
	char *dir;
	pthread_mutex_t lock; /* what follows */
	struct block **blocks;
	size_t n, cap;
	uint64_t written; /* makes names */
};

struct set { /* of one moment, with references */
	struct block **blocks;
	size_t n;
};

void block_unref(struct block *b);
struct set world_take(struct world *w);
void set_give(struct set *s);
/* Not in the world yet. */
int32_t world_build(struct world *w, const struct sb_block *spec, struct block **out);
/* Takes b, which may be NULL, and lets those go that go[] says, in one moment. */
int32_t world_exchange(struct world *w, struct block *b, const struct set *s, const bool *go,
                       sb_dropped_fn fn, void *ud);
const struct block *set_durable(const struct set *s); /* it says up to where everything is */
/* Sorts the set; what of it an order lets go. -ENOMEM. */
int32_t set_choose(struct set *s, const struct sb_drop *order, bool *go);
