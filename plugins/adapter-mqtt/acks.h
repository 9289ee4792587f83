/* Acknowledgements of what clients publish. Submits to the storage complete in their order, so
 * theirs need nothing but a queue; a connection whose acknowledgements wait for different things
 * gets a window that keeps them in the order of the publishes. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/kinds.h>

struct conn;
struct server;

struct pending_entry {
	struct conn *conn; /* NULL: a record of sessions */
	uint32_t ref;      /* packet identifier, or place in the window; the record's last step */
	uint8_t qos;       /* 0: nothing to acknowledge; conn NULL: part of a step, see persist.h */
	bool windowed;
	bool muted; /* acknowledged when what follows it is done */
};

struct pending { /* submits in flight, oldest first */
	struct pending_entry *ring;
	uint64_t head, tail; /* the token of a submit is its position */
	uint32_t cap;
};

struct ack {
	uint16_t id;
	uint8_t qos, reason, waits;
};

struct acks {
	uint32_t head, tail, cap;
	struct ack *ring;
};

/* Room for one more submit: 0, SB_AGAIN at the limit, -ENOMEM. */
int pending_room(struct pending *p);
sb_token pending_push(struct pending *p, struct conn *c, uint32_t ref, uint8_t qos, bool windowed);
void pending_undo(struct pending *p);
void pending_mute(struct pending *p); /* the last one is acknowledged elsewhere */
void pending_completed(struct server *srv, const struct sb_completion *done, uint32_t n);
void pending_fini(struct pending *p);

/* Acknowledge now, behind what still waits. why: a reason string, or NULL. */
void acks_give(struct conn *c, uint16_t id, uint8_t qos, uint8_t reason, const char *why);
/* A place in the order, done after `waits` calls of acks_done(). */
int acks_reserve(struct conn *c, uint16_t id, uint8_t qos, uint8_t waits, uint32_t *ref);
void acks_undo(struct conn *c); /* the last reserve */
void acks_done(struct conn *c, uint32_t ref, uint8_t reason);
void acks_more(struct conn *c, uint32_t ref); /* it waits for one more */
/* What a place waited for will not happen: the publish is not taken. */
void acks_fail(struct conn *c, uint32_t ref);
void acks_flush(struct conn *c);
struct acks *acks_free(struct acks *acks);
/* How many publishes wait for their acknowledgement. */
uint32_t acks_waiting(const struct conn *c);
