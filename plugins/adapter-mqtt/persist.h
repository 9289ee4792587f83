/* Sessions that outlive the server: changes are gathered, written into the host's journal as one
 * record per turn of work, and what was promised to a client waits until its record is on disk.
 * Sessions that end with their connection, and have no will, cost nothing here. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/services.h>

#include "record.h"

struct conn;
struct message;
struct server;
struct session;

/* Something the journal holds: in the list of all of them, by the record from which on it is. */
struct persist_item {
	struct persist_item *prev, *next;
	uint64_t position;
	bool is_session;
};

struct persist_body { /* of a message that waits for sessions that are kept */
	struct persist_item item;
	struct message *msg;
	uint64_t no;
	uint32_t refs; /* entries of such sessions */
};

struct persist_session { /* one that is kept */
	struct persist_item item;
	struct session *session;
	uint64_t no;
	int64_t gone_s; /* UTC at which its connection ended */
};

enum persist_promise {
	PERSIST_ACK,     /* ref: place in the window of acknowledgements */
	PERSIST_PUBREL,  /* ref: packet identifier */
	PERSIST_PUBCOMP, /* ref: packet identifier */
	PERSIST_CONNACK, /* ref: session present */
	PERSIST_PACKET,  /* a packet that says what is done */
	PERSIST_PUMP,    /* messages that must not be sent before they are kept */
};

struct persist_waiter {
	uint64_t serial;
	struct conn *conn;
	uint8_t *packet; /* PERSIST_PACKET, ours */
	uint32_t ref;    /* or its length */
	uint8_t promise;
};

struct persist_backlog; /* a record the ring had no room for */

struct persist {
	const struct sb_journal *journal; /* NULL: nothing is kept */
	struct record_out out;            /* changes; [at, n) is the step that is under way */
	size_t at;
	uint32_t depth;        /* steps inside steps */
	uint64_t serial, done; /* steps ended, and those of them that are on disk, or lost */
	uint64_t lost;         /* the last step there was no memory for */
	uint64_t bytes;        /* handed over so far */
	uint64_t last_no;      /* given to a session or message */
	uint64_t position;     /* of the last record */
	uint64_t rewrite, checkpoint;
	struct persist_backlog *first, **last;
	struct persist_waiter *waiters; /* a ring, in order of their steps */
	uint64_t head, tail;
	uint32_t cap;
	struct persist_item items; /* the list's ends */
	uint32_t n_sessions;
	bool broken; /* a record was lost for want of memory */
	bool closed; /* the server goes: nothing that happens now is meant to last */
};

void persist_init(struct persist *p, const struct sb_journal *journal);
void persist_fini(struct persist *p);

/* A step is kept as a whole or not at all. Steps may lie inside steps. */
void persist_begin(struct server *srv);
/* True: the outermost step has ended, and changed something. */
bool persist_commit(struct server *srv);
/* Hands everything over; at the end of whatever may have ended steps. */
void persist_flush(struct server *srv);
/* Is there room for more? False: storage is behind, and server_writable() follows. */
bool persist_ready(const struct server *srv);
/* The storage takes records again: true if all that waited is handed over. */
bool persist_resume(struct server *srv);

/* Keeps a promise to this client once all steps so far are on disk; if they never will be, its
 * connection ends. ref: see enum persist_promise. Returns the step it waits for. */
uint64_t persist_promise(struct conn *c, uint8_t promise, uint32_t ref);
/* This place in the window of acknowledgements waits for all steps so far, too. */
void persist_acknowledge(struct conn *c, uint32_t ref);
/* The packet is sent once all steps so far are on disk, now if they are. */
void persist_send(struct conn *c, struct sb_bytes packet);
/* A record is on disk, or will never be; serial and part: as noted in its pending entry. */
void persist_completed(struct server *srv, uint32_t serial, int32_t status, bool part);
bool persist_is_done(const struct server *srv, uint64_t serial);
