/* Values of one series in order of time, from a chunk or from a generation of the head. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

#include "model/row.h"
#include "series/column.h"
#include "series/generation.h"

struct series_point;
struct source;
struct tombs_view;

struct source_want {
	uint32_t stream;
	uint8_t column;
	int64_t from_ns, last_ns; /* both included */
};

/* rank: of two values of one time the one with the higher rank is newer. *out is NULL when nothing
 * is there that is wanted and not deleted (tombs may be NULL). 0, SB_E_CORRUPT, -ENOMEM. */
int source_of_chunk(struct source **out, const struct source_want *want, struct sb_bytes data,
                    uint64_t rank, const struct tombs_view *tombs);
/* The generation must live longer. */
int source_of_generation(struct source **out, const struct source_want *want,
                         const struct generation *g, uint64_t rank, const struct tombs_view *tombs);
struct source *source_free(struct source *s);

int64_t source_ts(const struct source *s); /* of the present value */
uint64_t source_rank(const struct source *s);
void source_get(struct source *s,
                struct series_point *out); /* blobs until the source ends or moves */
bool source_step(struct source *s);        /* to the next value; false: there is none */
