/* A set of device numbers that any thread may add to without a lock, and one thread empties. Adding
 * a number twice is one mark: that is how changes are coalesced. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MARKS_PAGES 4096
#define MARKS_WORDS 64 /* of a page: 4,096 numbers */

struct marks_page {
	_Atomic uint64_t words[MARKS_WORDS];
};

struct marks {
	struct marks_page *_Atomic pages[MARKS_PAGES];
};

void marks_set(struct marks *m,
               uint32_t no); /* numbers beyond 16 million and without memory: lost */
bool marks_has(const struct marks *m, uint32_t no);
void marks_unset(struct marks *m, uint32_t no);
/* Calls fn for each number and empties the set. */
typedef void (*marks_fn)(void *ud, uint32_t no);
void marks_take(struct marks *m, marks_fn fn, void *ud);
/* Adds what the other set has. */
void marks_add(struct marks *m, const struct marks *other);
void marks_fini(struct marks *m); /* nobody adds any more */
