/* What of sessions is written into the journal: changes, one behind the other. A change is one byte
 * that says what it is, and its members; numbers are varints, texts have their length in front. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"

struct message;

/* A number, once given, keeps its meaning for ever. */
enum record_change {
	RECORD_SESSION = 1, /* all of a session; replaces what was known of it */
	RECORD_END,         /* session */
	RECORD_ATTACH,      /* session, who, expiry, will: a client came */
	RECORD_DETACH,      /* session, expiry, when, sent, will stays: it went */
	RECORD_WILL_DONE,   /* session: its will is sent or forgotten */
	RECORD_SUBSCRIBE,   /* session, subscription */
	RECORD_UNSUBSCRIBE, /* session, group, filter */
	RECORD_MESSAGE,     /* number, message; what is queued of it follows */
	RECORD_AGAIN,       /* the same, written anew: what is queued of it may lie before */
	RECORD_QUEUE,       /* session, entry */
	RECORD_DONE,        /* session, position: acknowledged, or dropped */
	RECORD_RELEASE,     /* session, position: PUBREC came */
	RECORD_RECEIVED,    /* session, packet identifier of a QoS 2 publish that was taken */
	RECORD_RELEASED,    /* session, packet identifier: PUBREL came */
};

struct record_out {
	uint8_t *p;
	size_t n, cap;
	bool bad; /* no memory */
};

/* So many bytes more, to be filled in at once; NULL without memory. */
uint8_t *record_room(struct record_out *out, size_t n);
void record_bytes(struct record_out *out, const void *p, size_t n);
void record_u8(struct record_out *out, uint8_t v);
void record_number(struct record_out *out, uint64_t v);
void record_text(struct record_out *out, struct sb_str s);
void record_message(struct record_out *out, const struct message *m);

/* ---- reading: the cursor of packets, which remembers its failure */
uint64_t record_take_number(struct cursor *c);
uint32_t record_take_u32(struct cursor *c);
struct sb_str record_take_text(struct cursor *c);
/* A new message with one reference; NULL without memory or when c is bad. */
struct message *record_take_message(struct cursor *c);
