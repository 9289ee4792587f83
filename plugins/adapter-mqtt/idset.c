#include <errno.h>
#include <stdlib.h>

#include "session.h"

#define FEW 64

static bool few_find(const struct id_set *set, uint16_t id, uint32_t *at)
{
	for (uint32_t i = 0; i < set->n; i++) {
		if (set->few[i] == id) {
			*at = i;
			return true;
		}
	}
	return false;
}

bool id_set_has(const struct id_set *set, uint16_t id)
{
	uint32_t at;

	if (set->is_many)
		return set->many[id / 64] >> (id % 64) & 1;
	return few_find(set, id, &at);
}

static int to_many(struct id_set *set)
{
	uint64_t *many = calloc(65536 / 64, sizeof(*many));
	if (!many)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->n; i++)
		many[set->few[i] / 64] |= 1ull << (set->few[i] % 64);
	free(set->few);
	set->many = many;
	set->is_many = true;
	return 0;
}

int id_set_add(struct id_set *set, uint16_t id)
{
	if (id_set_has(set, id))
		return 0;
	if (!set->is_many && set->n == FEW) {
		int r = to_many(set);
		if (r < 0)
			return r;
	}
	if (set->is_many) {
		set->many[id / 64] |= 1ull << (id % 64);
		set->n++;
		return 0;
	}
	/* Room grows at 0, 4, 8, 16 and 32. */
	if ((set->n & (set->n - 1)) == 0 && set->n != 1 && set->n != 2) {
		uint32_t cap = set->n ? set->n * 2 : 4;
		uint16_t *few = realloc(set->few, cap * sizeof(uint16_t));
		if (!few)
			return -ENOMEM;
		set->few = few;
	}
	set->few[set->n++] = id;
	return 0;
}

bool id_set_remove(struct id_set *set, uint16_t id)
{
	uint32_t at = 0;

	if (set->is_many) {
		if (!id_set_has(set, id))
			return false;
		set->many[id / 64] &= ~(1ull << (id % 64));
	} else {
		if (!few_find(set, id, &at))
			return false;
		set->few[at] = set->few[set->n - 1];
	}
	if (--set->n == 0)
		id_set_clear(set);
	return true;
}

void id_set_clear(struct id_set *set)
{
	free(set->few);
	*set = (struct id_set){ 0 };
}
