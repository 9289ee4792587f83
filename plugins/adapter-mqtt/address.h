/* What comes from one address: how many connections are open and how fast new ones come. An IPv6
 * address stands for its /64. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct server;

#define ADDRESS_BUCKETS 1024

struct address {
	uint64_t key;
	struct address *next;
	uint32_t n_conns;
	uint32_t tick; /* of the last refill */
	float tokens;
};

struct addresses {
	struct address *buckets[ADDRESS_BUCKETS];
	uint32_t n, at; /* at: where the sweep goes on */
};

/* "192.0.2.1:4711", "[2001:db8::1]:4711"; 0 for what is neither. */
uint64_t address_key(const char *peer);
/* The address without its port, for people. */
struct sb_str address_text(const char *peer);
/* Counts a connection in. *which is LIMIT_* if one is passed, else -1. NULL: no memory, the address
 * is not watched. */
struct address *address_enter(struct server *srv, const char *peer, int *which);
/* More of it are open than may wait to be told why they cannot stay. */
bool address_is_crowded(const struct server *srv, const struct address *a);
void address_leave(struct address *a);
/* Once a tick: forgets those that are gone. */
void address_sweep(struct server *srv);
void address_fini(struct addresses *all);
