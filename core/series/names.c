#include "series/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/own.h"
#include "base/text.h"
#include "series/catalog.h"

#define NAMES_FIRST 8

struct names_table {
	uint32_t mask, used;
	struct names_table *older;
	struct series *_Atomic slots[];
};

void names_fini(struct names *t)
{
	struct names_table *table = t->table;
	while (table) {
		struct names_table *older = table->older;
		free(table);
		table = older;
	}
	t->table = NULL;
	t->found = t->first = NULL;
}

/* The series behind the one found last, in order of making; the first behind the last. */
static struct series *guess(struct names *t)
{
	struct series *s = atomic_load_explicit(&t->found, memory_order_acquire);
	if (s)
		s = atomic_load_explicit(&s->next_of_device, memory_order_acquire);
	return s ? s : atomic_load_explicit(&t->first, memory_order_acquire);
}

static struct series *search(const struct names *t, struct sb_str name)
{
	struct names_table *table = atomic_load_explicit(&t->table, memory_order_acquire);
	if (!table)
		return NULL;
	for (uint32_t i = (uint32_t)map_hash(name) & table->mask;; i = (i + 1) & table->mask) {
		struct series *s = atomic_load_explicit(&table->slots[i], memory_order_acquire);
		if (!s || text_equal(s->name, name))
			return s;
	}
}

struct series *names_find(struct names *t, struct sb_str name)
{
	struct series *s = guess(t);
	if (!s || s->name.n != name.n || memcmp(s->name.p, name.p, name.n) != 0)
		s = search(t, name);
	if (!s)
		return NULL;
	atomic_store_explicit(&t->found, s, memory_order_release);
	prefetch(atomic_load_explicit(&s->next_of_device, memory_order_relaxed), 3 * 64);
	return s;
}

static void table_put(struct names_table *table, struct series *s)
{
	uint32_t i = (uint32_t)map_hash(s->name) & table->mask;
	while (table->slots[i])
		i = (i + 1) & table->mask;
	atomic_store_explicit(&table->slots[i], s, memory_order_release);
	table->used++;
}

int names_room(struct names *t)
{
	struct names_table *old = t->table;
	if (old && old->used < (old->mask + 1) / 4 * 3)
		return 0;
	uint32_t n = old ? 2 * (old->mask + 1) : NAMES_FIRST;
	struct names_table *table = calloc(1, sizeof(*table) + n * sizeof(table->slots[0]));
	if (!table)
		return -ENOMEM;
	table->mask = n - 1;
	table->older = old;
	for (uint32_t i = 0; old && i <= old->mask; i++)
		if (old->slots[i])
			table_put(table, old->slots[i]);
	atomic_store_explicit(&t->table, table, memory_order_release);
	return 0;
}

void names_put(struct names *t, struct series *s)
{
	table_put(t->table, s);
	if (!t->first)
		atomic_store_explicit(&t->first, s, memory_order_release);
}
