/* A ring of byte records between exactly one producer and one consumer thread. Never spins: a full
 * ring is the producer's back-pressure. Published records are seen whole and in order.
 *
 * Sleep protocol: a consumer that found nothing calls ring_sleep() and only sleeps on its eventfd
 * if that returned true; ring_publish() tells the producer to wake it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

int ring_new(struct ring **out, size_t bytes); /* power of two, 4 KiB at least; touched lazily */
struct ring *ring_free(struct ring *ring);

/* Producer. Room for one record of n bytes (contiguous, 8-aligned), or NULL: publish, wake, wait.
 */
void *ring_reserve(struct ring *ring, size_t n);
/* Producer. Makes the reserved record (n may be smaller than reserved) part of what the next
 * ring_publish() shows. */
void ring_commit(struct ring *ring, size_t n);
/* Producer. Shows all committed records; true: the consumer sleeps and must be woken. */
bool ring_publish(struct ring *ring);
/* Producer. Bytes free for records now. */
size_t ring_space(struct ring *ring);
/* Producer. Records committed so far. */
uint64_t ring_committed(const struct ring *ring);

/* Consumer. The position up to which records may be read now. */
uint64_t ring_limit(struct ring *ring);
/* Consumer. The next record before `limit`, or NULL; stays valid until ring_release(). */
const void *ring_next(struct ring *ring, uint64_t limit, size_t *n);
/* Consumer. Gives the room of everything read so far back to the producer. */
void ring_release(struct ring *ring);
/* Consumer. Declares itself asleep; false: something arrived meanwhile, do not sleep. */
bool ring_sleep(struct ring *ring);
void ring_wake(struct ring *ring); /* the consumer is awake again */
