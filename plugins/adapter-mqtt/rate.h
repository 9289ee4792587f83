/* How much a device may publish in a second: beyond it the connection is not read for a while, so
 * that the device waits and nothing is lost. All sessions of a device share one account. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct conn;
struct server;
struct session;

#define RATE_BUCKETS 1024

struct rate {
	uint64_t who;
	struct rate *next;
	uint32_t refs, tick;
	float messages, bytes; /* left; below 0 is owed */
	bool told;             /* since it was last within its limits */
};

struct rates {
	struct rate *buckets[RATE_BUCKETS];
	struct conn *held; /* wait for a tick */
};

/* The session is about to be used: finds its account. Without limits, or memory, there is none. */
void rate_join(struct session *s);
void rate_part(struct session *s);
/* Takes a publish of so many bytes, or holds the connection: then 1, and it comes again. */
int rate_take(struct conn *c, uint32_t bytes);
/* Once a tick: reads those again who may. */
void rate_tick(struct server *srv);
/* The connection is gone. */
void rate_forget(struct conn *c);
