/* Clients that come and go too often, and two that use one client identifier and put each other
 * out: they are held off for a while, longer each time. Everybody else is served as ever. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct conn;
struct server;
struct session;

struct flap { /* one client identifier of one principal */
	uint64_t key;
	float connects, takeovers; /* tokens left */
	uint32_t tick;             /* of the last refill */
	uint32_t held_until;       /* tick; 0: not */
	uint8_t strikes;
};

struct flaps {
	struct flap *table; /* NULL until the first */
};

/* c may use its client identifier, s is the session if there is one. 0, or 1: it may not now, and
 * `why` says so. */
int flap_check(struct conn *c, const struct session *s, char *why, size_t cap);
/* It has left as one should, or was sent away for our own fault: that was no flapping. */
void flap_forgive(struct session *s);
void flap_fini(struct flaps *all);
