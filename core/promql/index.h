/* Numbers for label sets: the same for equal ones, from 0 in order of coming. */
#pragma once
#include <stdint.h>

struct labels;

struct index { /* zero: empty */
	const struct labels **sets;
	uint64_t *hashes;
	uint32_t *slots; /* number + 1 */
	uint32_t n, cap; /* cap: of sets; slots has twice as many */
};

void index_fini(struct index *ix);
/* -1: no memory. The labels must live on. */
int64_t index_of(struct index *ix, const struct labels *labels);
