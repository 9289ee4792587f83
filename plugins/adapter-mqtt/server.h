/* One MQTT server: an instance of the plugin. Everything runs on the instance's thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/plugin.h>

#include "acks.h"
#include "address.h"
#include "admission.h"
#include "flap.h"
#include "keepalive.h"
#include "limit.h"
#include "metrics.h"
#include "persist.h"
#include "rate.h"
#include "retained.h"
#include "route.h"
#include "session.h"
#include "trie.h"
#include "verdict.h"

#define SERVER_MAX_LISTEN 16
/* Connections beyond the limit that are kept until they have been told why they cannot stay. */
#define SERVER_GRACE 256u

struct config {
	struct {
		char address[128];
		bool tls, websocket;
	} listen[SERVER_MAX_LISTEN];
	uint32_t n_listen;
	uint32_t tls_clients; /* SB_TLS_* */
	bool anonymous, insecure;
	bool websocket_http;  /* speak on the HTTP port of the platform too */
	bool redirect_always; /* not only while the server stops */
	char redirect[256];   /* where clients are sent: server references of 5.0; empty: nowhere */
	uint32_t max_packet_bytes, max_connect_bytes, max_connections, receive_maximum, max_unacked,
		max_inflight;
	uint32_t max_queued_bytes, max_queued_messages, max_sessions, max_subscriptions;
	uint32_t max_subscription_bytes, max_device_sessions;
	uint32_t max_topic_bytes, topic_alias_maximum, max_out_bytes;
	uint32_t max_retained, max_retained_bytes;
	uint32_t connect_timeout_s, keepalive_max_s, session_expiry_max_s;
	uint32_t max_connections_per_address, max_unauthenticated_bytes;
	uint32_t connect_rate, connect_burst, connect_rate_per_address, connect_burst_per_address;
	uint32_t max_reconnects_per_minute, max_takeovers_per_minute;
	uint32_t max_topic_levels, max_filters, max_total_queued_bytes;
	uint32_t max_messages_per_second, max_bytes_per_second;
};

struct conn;

struct server {
	const struct sb_core *core;
	struct sb_host *host;
	const struct sb_loop *loop;
	const struct sb_stream *stream;
	const struct sb_payload *payload;
	const struct sb_devices *devices;
	const struct sb_docs *docs;       /* NULL: retained messages live in memory only */
	const struct sb_journal *journal; /* NULL: sessions do too */
	struct config config;
	struct metrics m;
	uint32_t tick;   /* quarters of a second since start, from 1 */
	uint64_t rights; /* as of when subscriptions were judged */
	char *acl_text;  /* scratch of acl_recheck() */
	uint32_t acl_cap;
	struct verdicts verdicts;
	bool http_open; /* other machines reach the HTTP port */
	bool draining, stopped, restored;
	bool walk_waits; /* a session waits for the next tick to look for retained messages */
	uint32_t walked; /* steps of looking for retained messages in this tick */
	struct wheel conn_wheel, session_wheel;
	struct sessions sessions;
	struct trie subs;
	struct retained retained;
	struct pending pending;
	struct persist persist;
	struct route_scratch route;
	struct conn *conns;                 /* all of them */
	struct conn *stalled, **stalled_at; /* waiting for the storage, in order */
	uint32_t n_conns;
	sb_timer ticker;
	uint64_t seed;          /* of the tables that strangers fill */
	uint64_t unknown_bytes; /* of CONNECTs that are not complete, beyond what is free */
	uint64_t *limits[LIMIT_COUNT];
	struct addresses addresses;
	struct admission admission;
	struct flaps flaps;
	struct rates rates;
};

/* May it come in without a credential? Whoever comes from other machines only if the configuration
 * says so twice. */
bool server_lets_anonymous(const struct conn *c);
/* One line, formatted only if somebody listens. */
__attribute__((format(printf, 3, 4))) void server_log(struct server *srv, int32_t level,
                                                      const char *fmt, ...);
int64_t server_utc_s(const struct server *srv);
/* A random number nobody can guess. */
uint64_t server_random(void);

int server_start(struct server *srv);
/* No new connections; connected clients are told, with their reason. */
void server_drain(struct server *srv);
/* Ends one connection because the server stops. */
void server_part(struct conn *c);
/* Ends every connection; what is left is freed by server_fini(), when nothing comes any more. */
void server_stop(struct server *srv);
void server_fini(struct server *srv);
/* The storage takes payloads again. */
void server_writable(struct server *srv);
/* Retained messages are back: clients may come in. */
void server_restored(struct server *srv);
/* Reading of this connection stopped at a payload; it goes on by server_writable(). */
void server_stall(struct server *srv, struct conn *c);
