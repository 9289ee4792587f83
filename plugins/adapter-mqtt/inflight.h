/* What a session still owes its client: one ring, in order, first the messages that were sent and
 * wait for their acknowledgement, then those that wait to be sent. A position is its packet
 * identifier, so that an acknowledgement finds its entry in one step. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct conn;
struct message;
struct route;
struct session;

/* Subscription identifiers of one delivery. */
struct inflight_ids {
	uint32_t n;
	uint32_t id[];
};

struct inflight_entry {
	struct message *msg; /* NULL once nobody will ask for it again */
	struct inflight_ids *ids;
	uint64_t serial; /* kept: the step it was kept with */
	uint32_t charge;
	uint32_t share; /* key of the group it came by, see trie.h; 0: none */
	uint8_t state, qos;
	bool retain, open; /* open: takes a place in the client's receive window */
	bool kept;         /* the journal knows of it */
};

struct inflight {
	struct inflight_entry *ring;
	uint64_t head, sent, tail; /* positions: [head, sent) sent, [sent, tail) waiting */
	uint64_t suspect;          /* [sent, suspect) was queued under other rights */
	uint64_t resend;           /* [resend, sent) must be sent again on this connection */
	uint32_t cap, bytes;
	uint16_t open;
};

static inline struct inflight_entry *inflight_at(const struct inflight *f, uint64_t position)
{
	return &f->ring[position & (f->cap - 1)];
}

/* How one delivery is to look. */
struct inflight_delivery {
	uint8_t qos;
	bool retain;
	uint32_t n_ids;
	const uint32_t *ids;
	uint32_t share; /* key of the group it comes by; 0: none */
};

/* Deliver what `rt` publishes: now if the client can take it, else later. QoS 0 is dropped when the
 * client cannot take it; beyond the session's quota a connected client is disconnected. */
void inflight_deliver(struct session *s, struct route *rt, const struct inflight_delivery *d);
/* The same, if the client can take it now: 0; else nothing has happened. */
int inflight_offer(struct session *s, struct route *rt, const struct inflight_delivery *d);
/* Queue a message to be sent by inflight_pump(). 0, SB_E_QUOTA, -ENOMEM. */
int inflight_queue(struct session *s, struct message *msg, const struct inflight_delivery *d);
/* The connection is new: what was sent and not acknowledged is sent again. */
void inflight_resume(struct session *s);
/* Send what may be sent. */
void inflight_pump(struct session *s);
/* 0; 1: no such identifier waits for this. */
int inflight_puback(struct session *s, uint16_t id);
int inflight_pubrec(struct session *s, uint16_t id, uint8_t reason);
int inflight_pubcomp(struct session *s, uint16_t id);
/* Calls fn, in order, with what came by a group and may still go to another member: all that was
 * not sent, and QoS 1 that was not acknowledged. */
void inflight_shared(struct session *s,
                     void (*fn)(struct session *s, const struct inflight_entry *e));
/* Drops messages that wait to be sent, oldest first, until so many bytes are free; what was sent
 * already stays. How many were dropped. */
uint32_t inflight_shed(struct session *s, uint32_t bytes);
void inflight_clear(struct session *s);

/* ---- across restarts */
/* The journal is not to know of its entries any more. */
void inflight_forget(struct session *s);
/* An entry read back, in the order of positions; takes its reference and ids. `released`: PUBREC
 * had come. SB_E_QUOTA, -ENOMEM. */
int inflight_restore(struct session *s, uint64_t position, const struct inflight_entry *e,
                     bool released);
/* All entries are back; those before `sent` may have been sent. */
void inflight_restored(struct session *s, uint64_t sent);
