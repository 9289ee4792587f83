/* "sb.journal/1": records of an instance that only it understands, on the same way to the disk as
 * its rows. */
#pragma once
#include <stdint.h>

#include <signalbox/services.h>

struct producer;

extern const struct sb_journal records_service;

/* Instance's thread: the ring's records up to p->done are decided, those since `before` with fate
 * r. */
void records_decided(struct producer *p, uint64_t before, int r);
void records_look(struct producer *p); /* any thread: ask for a snapshot if it is time */
