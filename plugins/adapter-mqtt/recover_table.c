#include "recover_table.h"

#include <stdbool.h>
#include <stdlib.h>

static uint32_t slot_of(const struct recover_table *t, uint64_t no)
{
	uint32_t i = (uint32_t)((no * 0x9e3779b97f4a7c15u) >> 32) & (t->cap - 1);

	while (t->slots[i] && *(uint64_t *)t->slots[i] != no)
		i = (i + 1) & (t->cap - 1);
	return i;
}

void *recover_table_find(const struct recover_table *t, uint64_t no)
{
	return t->cap ? t->slots[slot_of(t, no)] : NULL;
}

static bool table_grow(struct recover_table *t)
{
	struct recover_table more = { .n = t->n, .cap = t->cap ? t->cap * 2 : 256 };

	more.slots = calloc(more.cap, sizeof(void *));
	if (!more.slots)
		return false;
	for (uint32_t i = 0; i < t->cap; i++)
		if (t->slots[i])
			more.slots[slot_of(&more, *(uint64_t *)t->slots[i])] = t->slots[i];
	free(t->slots);
	*t = more;
	return true;
}

void *recover_table_make(struct recover_table *t, uint64_t no, size_t size)
{
	void *found = recover_table_find(t, no);

	if (found)
		return found;
	if ((t->n + 1) * 2 > t->cap && !table_grow(t))
		return NULL;
	found = calloc(1, size);
	if (!found)
		return NULL;
	*(uint64_t *)found = no;
	t->slots[slot_of(t, no)] = found;
	t->n++;
	return found;
}

/* Those that follow in the run of slots move up. */
void recover_table_remove(struct recover_table *t, uint64_t no)
{
	uint32_t hole = slot_of(t, no);

	if (!t->slots[hole])
		return;
	t->slots[hole] = NULL;
	t->n--;
	for (uint32_t i = (hole + 1) & (t->cap - 1); t->slots[i]; i = (i + 1) & (t->cap - 1)) {
		void *moved = t->slots[i];
		t->slots[i] = NULL;
		t->slots[slot_of(t, *(uint64_t *)moved)] = moved;
	}
}
