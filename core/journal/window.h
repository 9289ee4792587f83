/* The newest commits, kept in memory while there are cursors, so that a consumer that keeps up
 * reads no disk. Under the journal's lock. */
#pragma once
#include <stdint.h>

struct journal;
struct journal_commit;
struct journal_cursor;

void window_push(struct journal *j, struct journal_commit *commit); /* journal thread */
/* The commit with this record, referenced, or NULL. */
struct journal_commit *window_find(struct journal *j, uint64_t seq);
void window_drop(struct journal *j);
/* Records up to this one were read by every cursor; UINT64_MAX without cursors. */
uint64_t window_floor(struct journal *j);
