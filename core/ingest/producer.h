/* The way into the journal of one instance: records that gather the rows of a loop turn, messages
 * that wait for the disk, completions in order. All on the instance's thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

struct ingest;
struct instance;
struct producer;
struct row;

#define PRODUCER_ROW_HEAD  64u /* bytes a row needs at most, and each of its values; blobs apart */
#define PRODUCER_ROW_VALUE 12u

/* Remember the slot in which instances keep their producer; once, before the first starts. */
void producer_slot(uint32_t slot);
struct producer *producer_of(struct instance *in); /* NULL: ingest does not serve it */
int producer_new(struct ingest *ingest, struct instance *in, struct producer **out);
void producer_attach(struct producer *p); /* from here on producer_of() finds it */
void producer_stop(struct producer *p);   /* its last records are on their way; memory stays */
struct producer *producer_free(struct producer *p);

/* Could the ring hold so many bytes of rows if it were empty? */
bool producer_fits(const struct producer *p, size_t bytes);
/* Before a message: may so many bytes of rows be written, and its completion be kept? False is
 * back-pressure, the instance will be told when there is room. */
bool producer_ready(struct producer *p, size_t bytes);
/* -ENOBUFS: the ring is full after all. SB_E_RANGE: no record can hold the row. */
int producer_give(struct producer *p, const struct row *row);
/* A record of its own, in order with those of rows: memory for n bytes, to be ended with
 * producer_close(). NULL: full. */
void *producer_open(struct producer *p, size_t n);
void producer_close(struct producer *p, size_t n);
/* After a message's rows: its completion comes when they are on disk. False: nobody wants it. */
bool producer_expect(struct producer *p, sb_token token, uint32_t rejected, bool leans);
/* Nothing was taken: writable() follows, by now + wait_ns if that is positive. */
void producer_block(struct producer *p, int64_t wait_ns);
