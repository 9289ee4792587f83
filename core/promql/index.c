#include "promql/index.h"

#include <stdlib.h>

#include "promql/labels.h"

void index_fini(struct index *ix)
{
	free(ix->sets);
	free(ix->hashes);
	free(ix->slots);
	*ix = (struct index){ 0 };
}

static void put(struct index *ix, uint32_t number)
{
	uint32_t mask = 2 * ix->cap - 1;
	uint32_t at = (uint32_t)ix->hashes[number] & mask;
	while (ix->slots[at])
		at = (at + 1) & mask;
	ix->slots[at] = number + 1;
}

static int grow(struct index *ix)
{
	uint32_t cap = ix->cap ? 2 * ix->cap : 16;
	const struct labels **sets = realloc(ix->sets, cap * sizeof(*sets));
	if (!sets)
		return -1;
	ix->sets = sets;
	uint64_t *hashes = realloc(ix->hashes, cap * sizeof(*hashes));
	if (!hashes)
		return -1;
	ix->hashes = hashes;
	uint32_t *slots = calloc((size_t)2 * cap, sizeof(*slots));
	if (!slots)
		return -1;
	free(ix->slots);
	ix->slots = slots;
	ix->cap = cap;
	for (uint32_t i = 0; i < ix->n; i++)
		put(ix, i);
	return 0;
}

int64_t index_of(struct index *ix, const struct labels *labels)
{
	uint64_t hash = labels_hash(labels);
	if (ix->n == ix->cap && grow(ix) < 0)
		return -1;
	uint32_t mask = 2 * ix->cap - 1;
	for (uint32_t at = (uint32_t)hash & mask; ix->slots[at]; at = (at + 1) & mask) {
		uint32_t number = ix->slots[at] - 1;
		if (ix->hashes[number] == hash && labels_compare(ix->sets[number], labels) == 0)
			return number;
	}
	ix->sets[ix->n] = labels;
	ix->hashes[ix->n] = hash;
	put(ix, ix->n);
	return ix->n++;
}
