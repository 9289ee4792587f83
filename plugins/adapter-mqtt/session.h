/* Sessions: what is kept of a client by its identifier, across connections. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/services.h>

#include "inflight.h"
#include "keepalive.h"

struct conn;
struct message;
struct persist_session;
struct retained_walk;
struct server;
struct sub;

/* Identifiers of QoS 2 publishes received and not yet released. */
struct id_set {
	union {
		uint16_t *few;
		uint64_t *many; /* a bitmap, once there were more than 64 */
	};
	uint32_t n;
	bool is_many;
};

struct session {
	struct server *srv;
	struct session *chain;        /* same bucket of the index */
	struct session *same;         /* same bucket of the principals */
	struct conn *conn;            /* NULL: not connected */
	struct conn *leaving;         /* closed, but submits of it are not completed */
	struct conn *waiting;         /* its CONNACK waits for `leaving` */
	struct wheel_link link;       /* will and expiry while not connected */
	struct persist_session *kept; /* NULL: it ends with the server */
	struct message *will;
	struct sub *subs;
	struct inflight out;
	struct id_set received;
	struct sb_principal who;
	struct rate *rate;          /* NULL: without limits */
	sb_device speaks_for;       /* the device whose session this is; 0: none */
	struct retained_walk *walk; /* of retained_pump(); NULL: none is under way */
	uint32_t n_subs, sub_bytes, n_retained_due;
	uint32_t expiry_s;            /* 0: ends with the connection */
	uint32_t expires_at, will_at; /* ticks; 0: not */
	uint32_t will_delay_s;
	uint32_t hash;
	int64_t will_expiry_s; /* from its publication; -1: it does not expire */
	uint32_t mark, hit;    /* of route: already found by this publish */
	bool ended;            /* to be freed as soon as nobody is leaving */
	uint16_t id_n;
	char id[];
};

#define SESSION_WHO 4096

struct sessions {
	struct session **buckets;
	struct session *by_who[SESSION_WHO]; /* by their principal */
	uint32_t n, cap;                     /* cap: a power of two */
	uint64_t seed;
};

int sessions_init(struct sessions *all, uint64_t seed);
void sessions_fini(struct sessions *all); /* frees every session; connections are gone */

struct session *session_find(const struct server *srv, struct sb_str id);
/* How many sessions this principal has. */
uint32_t sessions_of(const struct server *srv, const struct sb_principal *who);
/* NULL without memory. */
struct session *session_new(struct server *srv, struct sb_str id, const struct sb_principal *who);
/* Forgets subscriptions, queues and identifiers; keeps who it belongs to. */
void session_reset(struct session *s);
/* The end: the will is sent if there is one, then nothing is left. */
void session_end(struct session *s);
/* The network connection is gone. `with_will`: not by a clean DISCONNECT. Its device's session goes
 * down for this reason (SB_DOWN_*). */
void session_detach(struct session *s, bool with_will, int32_t why, struct sb_str detail);
/* Without a connection for passed_s so far, less than its expiry: its will and its end come in
 * time.
 */
void session_wait(struct session *s, uint32_t passed_s);
/* This session is the session of this device. */
void session_bind(struct session *s, sb_device device);
/* The one who was leaving has left. */
void session_left(struct session *s);
uint32_t session_due(struct wheel_link *link, uint32_t now);
struct sb_str session_id(const struct session *s);

bool id_set_has(const struct id_set *set, uint16_t id);
int id_set_add(struct id_set *set, uint16_t id);     /* 0, -ENOMEM */
bool id_set_remove(struct id_set *set, uint16_t id); /* was it in? */
void id_set_clear(struct id_set *set);
