/* Deadlines that are looked at lazily: a packet only notes its time in the connection; when the
 * slot of a link comes, its owner says when to look again. Slots are quarters of a second. */
#pragma once
#include <stdint.h>

#define KEEPALIVE_TICKS 4 /* a second */
#define KEEPALIVE_SLOTS 256

struct wheel_link {
	struct wheel_link *next, *prev; /* NULL: in no wheel */
};

struct wheel {
	struct wheel_link slots[KEEPALIVE_SLOTS];
	uint32_t now;
	/* The tick at which to look at this link again, or 0: it is done with, and may be gone. */
	uint32_t (*due)(struct wheel_link *link, uint32_t now);
};

void wheel_init(struct wheel *w, uint32_t now,
                uint32_t (*due)(struct wheel_link *link, uint32_t now));
/* Look at it at `tick`, or earlier. Moves a link that is in already. */
void wheel_put(struct wheel *w, struct wheel_link *link, uint32_t tick);
void wheel_take(struct wheel_link *link);
/* Call once a tick; catches up if ticks were missed. */
void wheel_run(struct wheel *w, uint32_t now);
