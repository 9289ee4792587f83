/* Retained messages: in memory for new subscribers, and each a document of the instance. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "session.h"
#include "tree.h"
#include "trie.h"

struct conn;
struct message;
struct publish;
struct retained_waiter;
struct server;
struct session;
struct sub;

struct retained_walk { /* which retained messages a new subscription has been sent */
	struct sub *sub;
	uint64_t seen,
		end; /* changes: up to there it has them, those behind are no business of it */
};

struct retained_entry {
	struct tree_node *node;
	struct message *msg; /* NULL: removed; the document may still be there */
	uint64_t seq;        /* grows with every change */
	struct retained_waiter *now, *next_time; /* of the put in flight, and of the one after it */
	struct retained_entry *queued;           /* waits for its put */
	bool in_flight, dirty;
	struct server *srv;
};

struct retained {
	struct tree tree;
	uint64_t seq, bytes;
	uint32_t n, entries; /* entries: with those whose removal is not written yet */
	uint32_t puts;       /* in flight */
	uint32_t swept;      /* bucket of the tree to be looked at next */
	struct retained_entry *queue, **queue_at; /* to be put, in order */
	bool putting;
};

int retained_init(struct retained *r, uint64_t seed);
void retained_fini(struct retained *r);
/* A message read from its document. */
void retained_put_back(struct server *srv, const struct publish *p);
/* Keep or remove (empty payload) the message of this topic. 0: done, nothing to wait for.
 * SB_PENDING: acks_done(c, ref) follows when it is on disk; c may be NULL for nobody to wait.
 * SB_E_QUOTA. */
int retained_set(struct server *srv, const struct publish *p, struct conn *c, uint32_t ref);
/* Is there room? 0, SB_E_QUOTA. */
int retained_room(const struct server *srv, const struct publish *p);
/* Removes what has expired, a part of them at a time: every quarter of a second. */
void retained_sweep(struct server *srv);
/* The retained messages of a new subscription are due; retained_pump() sends them. */
void retained_due(struct sub *sub);
/* Queue the next of them for a session whose queue is empty. true: something was queued. */
bool retained_pump(struct session *s);

/* This subscription ends, or its messages begin anew. */
static inline void retained_stop(const struct sub *sub)
{
	struct session *s = sub->session;

	if (!s->walk || s->walk->sub != sub)
		return;
	free(s->walk);
	s->walk = NULL;
}
