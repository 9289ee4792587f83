/* One way through the values of one column of a stream, ascending: blocks and head merged, one
 * chunk of each block in memory at a time. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct blocks;
struct bucket_summary;
struct fetched;
struct generation;
struct grid;
struct series_point;
struct source_want;
struct tombs_view;
struct tierpass;

struct pass_from {
	const struct blocks *blocks;
	struct generation *const *generations; /* taken before this pass */
	uint32_t n;
	_Atomic uint64_t *corrupt;     /* chunks that could not be read */
	const struct fetched *fetched; /* chunks that need not be read again; may be NULL */
	bool (*stop)(void *ud); /* asked at each chunk: true ends it with -ECANCELED; may be NULL */
	void *stop_ud;
	const struct tombs_view *tombs; /* what is deleted; NULL: as of now */
	const struct tierpass *tiers;   /* for tierpass_run(); NULL: raw values only */
};

struct pass_to { /* non-zero stops */
	int (*point)(void *ud, const struct series_point *p, uint64_t rank);
	/* A whole chunk that lies in one bucket and overlaps nothing, if it tells all that is
	 * wanted; NULL: points only. */
	int (*summary)(void *ud, const struct bucket_summary *s);
	const struct grid *grid; /* of the buckets */
	uint32_t want;           /* SERIES_* */
	void *ud;
};

/* 0, what stopped it, or a fault. Damaged chunks are counted and left out. */
int pass_run(const struct pass_from *from, const struct source_want *want,
             const struct pass_to *to);
