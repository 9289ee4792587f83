/* The labels of a series: names and values in order of name, none of them empty. Sets do not change
 * once they are made; they and their texts live in the arena of the query. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct arena;

#define LABELS_MAX 64 /* of one set */

struct label {
	struct sb_str name, value;
};

struct labels {
	uint32_t n;
	struct label l[];
};

/* Being put together; a name that is set again gets the new value, an empty value removes it. */
struct labels_draft {
	uint32_t n;
	bool full; /* more than LABELS_MAX */
	struct label l[LABELS_MAX];
};

struct sb_str labels_get(const struct labels *set, struct sb_str name); /* "": not there */
int labels_compare(const struct labels *a, const struct labels *b);     /* as strcmp() */
uint64_t labels_hash(const struct labels *set);

void labels_begin(struct labels_draft *d, const struct labels *from); /* from may be NULL */
void labels_set(struct labels_draft *d, struct sb_str name, struct sb_str value);
/* The texts of the draft must live as long as the arena. NULL: it is full. */
const struct labels *labels_make(const struct labels_draft *d, struct arena *a);
