/* The journal thread's side of producers' rings. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct journal;
struct journal_commit;

/* All called by the journal thread. */
void rings_snapshot(struct journal *j); /* first step of a group: how far each ring will be read */
/* Moves records into the commit until it is full, round robin from ring to ring. */
int rings_gather(struct journal *j, struct journal_commit *commit);
/* The records gathered are durable (r 0), or will never be. */
void rings_decide(struct journal *j, int r);
void rings_fail(struct journal *j, int r); /* fails what the snapshot covers */
/* True: nothing was published since, producers will wake us. */
bool rings_sleep(struct journal *j);
void rings_wake(struct journal *j);
void rings_drop(struct journal *j); /* at the end */
