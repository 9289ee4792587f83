/* The latest values after a start: from the newest chunks. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct blocks;
struct catalog;
struct latest;

/* Looks at chunks that end at or after from_ns, for series that have no latest value from sure_ns
 * on; whole: only for streams none of whose series has one. Blocks hold nothing newer than what is
 * from then on: what is older came from the journal and may be late or imported. */
int restore_latest(const struct blocks *blocks, struct catalog *catalog, struct latest *latest,
                   int64_t from_ns, int64_t sure_ns, bool whole);
