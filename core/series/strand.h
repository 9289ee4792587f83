/* A chunk as rows again, for what is written anew from many chunks. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

#include "model/row.h"
#include "series/column.h"

struct strand {
	uint64_t rank; /* of two values of one time the one with the higher rank is newer */
	uint32_t stream, rows;
	uint32_t at; /* the next row; rows: the end */
	int64_t *ts, *rx;
	uint16_t *flags;
	uint32_t n_columns;
	struct column *columns;          /* [n_columns] */
	uint32_t first[ROW_COLUMNS_MAX]; /* of each column, the first value not before `at` */
	uint8_t *data;                   /* what texts borrow from */
	struct strand *next;             /* the owner's */
};

/* Copies what it needs. SB_E_CORRUPT, -ENOMEM. */
int strand_new(struct strand **out, uint32_t stream, struct sb_bytes data, uint64_t rank);
struct strand *strand_free(struct strand *s);
/* Texts are borrowed from the strand. i: not before `at`. */
void strand_get(const struct strand *s, uint32_t i, struct row *out);
void strand_skip_to(struct strand *s, uint32_t i);
/* The first row behind `at` that is of another time. */
static inline uint32_t strand_end_of_time(const struct strand *s)
{
	uint32_t i = s->at + 1;
	while (i < s->rows && s->ts[i] == s->ts[s->at])
		i++;
	return i;
}
