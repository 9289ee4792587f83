/* The changes of sessions that are kept, as records. Every function is a step of its own, or part
 * of the one under way, and does nothing for a session that is not kept. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct inflight_entry;
struct message;
struct persist_body;
struct persist_item;
struct server;
struct session;
struct sub;

/* The session as its client wants it from now on: begins to be kept, goes on, or is not any more.
 */
void keep_attached(struct session *s);
void keep_detached(struct session *s);
void keep_ended(struct session *s);
void keep_will_done(struct session *s);
void keep_subscribed(struct session *s, struct sub *sub);
void keep_unsubscribed(struct session *s, struct sub *sub);
/* An entry was queued at this position; notes in it that it is kept. */
void keep_queued(struct session *s, uint64_t position, struct inflight_entry *e);
void keep_done(struct session *s, uint64_t position, const struct inflight_entry *e);
void keep_released(struct session *s, uint64_t position, const struct inflight_entry *e);
void keep_received(struct session *s, uint16_t id);
void keep_answered(struct session *s, uint16_t id); /* PUBREL came */
/* The entry lets go of its message, which costs nothing but memory. */
void keep_let_go(struct session *s, struct inflight_entry *e);
/* Writes it anew: from then on the journal holds it further on. */
void keep_again(struct server *srv, struct persist_item *item);
/* The session is kept from now on under this number. False: no memory. For recover.c. */
bool keep_new(struct session *s, uint64_t no);
void keep_free(struct session *s);
/* A body the journal holds, for recover.c. NULL without memory. */
struct persist_body *keep_body(struct server *srv, struct message *msg, uint64_t no);

/* What the client left to be found again: is it kept across restarts, messages and all? */
bool keep_lasts(const struct session *s);
