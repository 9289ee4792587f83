/* Fate counters and times of the last signs of life, in documents of 128 devices each.
 *
 * Points that were accepted, and those of them that came late, are stored as of a journal record:
 * a document says of which, and rows behind it count again at the next start. So they are exact
 * after a crash too. Of the other fates nothing is in the journal; they are written every ten
 * seconds if there were any. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counts;
struct registry;
struct row;
struct series_count;

int counts_new(struct counts **out, struct registry *reg);
struct counts *counts_free(struct counts *counts);
/* What changed since the last time; fates_only: only where a fate changed that the journal does not
 * tell. Writer thread, blocks. */
int counts_save(struct counts *counts, bool fates_only);
int counts_load(struct counts *counts); /* main, at start, after the devices */
void counts_replayed(struct counts *counts, uint32_t no, const struct row *row, uint64_t seq);
void counts_flushed(struct counts *counts, const struct series_count *list, size_t n, uint64_t seq);
