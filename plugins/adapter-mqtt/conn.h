/* One network connection. It costs little before its CONNECT has been accepted, and stays until
 * everything it submitted has been answered. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/services.h>

#include "keepalive.h"

struct acks;
struct alias_out;
struct address;
struct connect;
struct known;
struct packet;
struct server;
struct session;

enum conn_state {
	CONN_NEW,        /* waits for CONNECT */
	CONN_CONNECTING, /* waits for the answer of authenticate(), or for a takeover */
	CONN_UP,
	CONN_CLOSING, /* told the host to close; nothing is read or delivered any more */
	CONN_CLOSED   /* the host has closed it */
};

enum { /* why reading is stopped */
       CONN_HOLD_START = 1,
       CONN_HOLD_CONNECT = 2,
       CONN_HOLD_STORAGE = 4,
       CONN_HOLD_ACKS = 8,
       CONN_HOLD_OUTPUT = 16,
       CONN_HOLD_RATE = 32
};

/* What a packet handler answers when the packet must come again later; a hold has been set. */
#define CONN_AGAIN 1

struct conn_alias {
	char *topic;
	uint32_t n;
};

struct conn_buffer { /* control packets the output had no room for */
	uint32_t n, cap;
	uint8_t data[];
};

struct conn {
	struct server *srv;
	sb_conn handle;
	struct session *session;
	struct connect *connect; /* until the CONNACK */
	struct acks *acks;       /* see acks.h; usually NULL */
	struct known *known;     /* telemetry topics; NULL until the first */
	struct conn_alias *aliases;
	struct alias_out *aliases_out;
	struct conn_buffer *overflow;
	struct wheel_link link;
	struct conn *next, *prev; /* of the server */
	struct conn *stalled_next;
	int64_t until_ns;         /* UTC at which its certificate or token ends; 0: never */
	struct conn *rate_next;   /* waits for its rate, if rate_held */
	struct address *address;  /* may be NULL */
	uint64_t pumped;          /* its messages go on after this step of persist.h */
	uint32_t waiting_bytes;   /* of an unfinished CONNECT, as charged */
	uint32_t last_rx, opened; /* ticks */
	uint32_t max_out;         /* longest packet the client takes */
	uint32_t n_direct,
		n_pinned; /* submits to be acknowledged directly; other unanswered calls */
	uint16_t n_open;  /* QoS 1/2 publishes of the client that are not finished */
	uint16_t keepalive_s, window; /* window: of the client, for what we send */
	uint16_t alias_max;           /* of the client, and of what we use */
	uint8_t state, version, hold;
	uint8_t refused_by; /* LIMIT_* + 1: its CONNECT will be refused */
	bool rate_held;
	bool on_http;         /* it came to the HTTP port */
	bool stalled, detail; /* detail: the client wants reason strings */
	char peer[];          /* "192.0.2.1:4711" */
};

/* The callbacks of struct sb_listen; ud is the server. */
int32_t conn_open(void *ud, sb_conn handle, struct sb_str peer, void **conn_ud);
int32_t conn_open_http(void *ud, sb_conn handle, struct sb_str peer, void **conn_ud);
int64_t conn_data(void *conn_ud, sb_conn handle, struct sb_bytes bytes);
void conn_writable(void *conn_ud, sb_conn handle);
void conn_closed(void *conn_ud, sb_conn handle, int32_t why);

/* Send a control packet; it is never lost while the connection lasts, unless it is larger than the
 * client takes. */
void conn_send(struct conn *c, struct sb_bytes bytes);
/* Send a publish: 0, or SB_AGAIN if the client does not read fast enough, or is gone. */
int conn_try_send(struct conn *c, struct sb_bytes bytes);
void conn_hold(struct conn *c, uint8_t why);
void conn_release(struct conn *c, uint8_t why);
/* Ends it, with a DISCONNECT for whoever understands one. The session stays attached until
 * conn_leave() or conn_closed(), so this may be called from inside a delivery. Returns -EPROTO. */
int conn_fail(struct conn *c, uint8_t reason, const char *why);
/* The same where the fault is ours: that it will come again is no flapping. */
int conn_fail_storage(struct conn *c, uint8_t reason, const char *why);
/* As conn_fail, without a word. */
void conn_shut(struct conn *c);
/* Takes the connection off its session. */
void conn_leave(struct conn *c, bool with_will, int32_t why, const char *detail);
/* One call less to be answered; frees a closed connection with the last. */
void conn_settle(struct conn *c);
/* At the very end: whatever still waits for it. */
void conn_free(struct conn *c);
uint32_t conn_due(struct wheel_link *link, uint32_t now);

static inline bool conn_is_v5(const struct conn *c)
{
	return c->version == 5;
}
