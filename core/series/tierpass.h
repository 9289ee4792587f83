/* Buckets of a column of numbers out of the tiers, where that is right, and out of raw values where
 * it is not: of days that are not over or wait for their tiers, and where a bucket ends between two
 * rows. Where raw values are gone, the rows there are must do: a row then counts wholly for the
 * bucket in which its first value lies. */
#pragma once
#include <stdint.h>

struct pass_from;
struct pass_to;
struct source_want;
struct tierstate;

struct tierpass {
	struct tierstate *tiers;
	int64_t gone_ns[1 + 3]; /* what is before may be gone: raw values, minutes, hours, days */
};

/* As pass_run(), to->summary and from->tiers given; the same but for the order in which sums are
 * added. */
int tierpass_run(const struct pass_from *from, const struct source_want *want,
                 const struct pass_to *to);
