/* What the journal holds of sessions does not grow with time: what lies far behind and still counts
 * is written anew, a little in every tick, and the rest is given back. */
#pragma once
#include <stdint.h>

struct server;

/* The host's question; ud is the server. */
void snapshot_ask(void *ud, uint64_t position);
/* Everything is to be written anew: something that was handed over did not get to the disk. */
void snapshot_all(struct server *srv);
void snapshot_turn(struct server *srv); /* every tick */
