/* At start: which days wait for their tiers, found in the blocks. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

struct blocks;
struct catalog;
struct tierstate;

/* Days that were not over when the last pass ended, and those of blocks that came since;
 * state->ready is set. A store of 1.0 is read as a whole for the latter. -ECANCELED: stop; -EAGAIN:
 * blocks were replaced meanwhile, once more please. */
int learn_days(struct tierstate *state, const struct blocks *blocks, const struct catalog *catalog,
               const _Atomic bool *stop);
