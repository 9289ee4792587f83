/* Which days of which streams wait for their tiers. A stream that has too many stretches of them
 * gets fewer and longer ones: working a day again changes nothing. The owner locks. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define DIRTY_RANGES 8

struct dirty_range { /* days, both included */
	int32_t first, last;
};

struct dirty { /* zero: empty */
	struct dirty_stream *streams;
	uint32_t n;       /* numbers of streams are smaller */
	uint64_t waiting; /* streams that have days */
};

void dirty_fini(struct dirty *d);
int dirty_add(struct dirty *d, uint32_t stream, int32_t first, int32_t last); /* or -ENOMEM */
/* What the stream has, ascending; how many. */
uint32_t dirty_of(const struct dirty *d, uint32_t stream, struct dirty_range out[DIRTY_RANGES]);
/* Takes out the first stretch before a day, of the first stream >= from; 0: there is none. */
uint32_t dirty_take(struct dirty *d, uint32_t from, int32_t before, struct dirty_range *out);
/* The first day of all; INT32_MAX: none. */
int32_t dirty_least(const struct dirty *d);
/* Adds all of another one, which is empty then. Of what finds no memory, false is told. */
bool dirty_move(struct dirty *d, struct dirty *from);
