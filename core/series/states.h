/* How long a series had each of its values, in one bucket; values and their texts are copies. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "series/series.h"

#define STATES_MAX 64 /* different values of a bucket; of more, the time is summed up */

struct states { /* zero: empty */
	struct series_state list[STATES_MAX];
	size_t text_at[STATES_MAX];
	uint32_t n, found; /* found: the one last looked for */
	int64_t other_ns;
	struct buffer texts;
};

void states_fini(struct states *s);
void states_reset(struct states *s);
int states_add(struct states *s, const struct series_point *value, int64_t held_ns); /* -ENOMEM */
/* The longest first; as long as s is not changed. */
const struct series_state *states_list(struct states *s);
/* Is it the same state? Numbers of any type compare by value, texts by bytes; NaN is NaN. */
bool states_same(const struct series_point *a, const struct series_point *b);
