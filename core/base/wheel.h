/* A hierarchical timer wheel: arming and ending are O(1), advancing costs what is due. Ticks of 10
 * ms; a timer never fires early. One thread. Part of the loop. */
#pragma once
#include <stdint.h>

struct timer; /* base/loop.h */

#define WHEEL_TICK_NS 10000000LL
#define WHEEL_LEVELS  5

struct wheel {
	int64_t tick; /* the last one that was run */
	struct timer *slots[WHEEL_LEVELS][64];
	uint64_t used[WHEEL_LEVELS]; /* slots that may hold timers; cleared when found empty */
	struct timer *firing;
};

void wheel_init(struct wheel *w, int64_t now_ns);
/* t->due_ns says when. A timer that is armed already is moved. */
void wheel_arm(struct wheel *w, struct timer *t);
/* Fires everything due until now_ns. */
void wheel_advance(struct wheel *w, int64_t now_ns);
/* When wheel_advance() should be called next; INT64_MAX: there is no timer. */
int64_t wheel_next_ns(struct wheel *w);
