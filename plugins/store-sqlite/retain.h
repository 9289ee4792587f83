/* Which blocks retention may forget. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block;
struct sb_drop;
struct snapshot;

/* Sets go[i] for every block of the snapshot that goes: those that end first, as far as the order
 * asks for. `keep` stays in any case; NULL: none. Their number, or -ENOMEM. go: [snapshot->n],
 * all false. */
int32_t retain_choose(const struct snapshot *s, const struct block *keep,
                      const struct sb_drop *drop, bool *go);
