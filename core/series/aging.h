/* The classes there are blocks of, in the order in which low water drops them: raw values first,
 * those that are kept shortest first of all, then tiers, the finest first; and what of them is
 * older than its class is kept. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct blocks;
struct retention;

#define AGING_CLASSES 24

struct aging_class {
	char name[33];
	bool is_tier;
	int64_t keep_ns;   /* 0: for ever */
	int64_t before_ns; /* blocks that end before are too old; INT64_MIN: none */
	int64_t due_ns;    /* all those end before this */
	uint64_t due;      /* how many */
};

struct aging {
	struct aging_class at[AGING_CLASSES];
	uint32_t n;
};

/* Raw values stay from safe_ns on unless no tier is kept longer. -EOPNOTSUPP: a store of 1.0 does
 * not tell; then all classes that retention names, and `class_` (may be
 * NULL), as if something were due. */
int aging_look(struct aging *a, const struct blocks *blocks, const struct retention *retention,
               const char *class_, int64_t now_ns, int64_t safe_ns);
