/* The inside of struct api: shared by the files of this folder, owned by server.c. Everything is
 * the api thread's, unless said. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/access.h"
#include "api/api.h"
#include "api/limiter.h"
#include "base/loop.h"
#include "base/zone.h"

struct assets;
struct jobs;
struct known;
struct live;
struct rpc;
struct session;
struct streams;

#define API_COUNTERS(X)                                                  \
	X(connections, "HTTP and WebSocket connections accepted")        \
	X(connections_refused, "connections over the limit")             \
	X(upgrades_refused, "WebSocket upgrades refused")                \
	X(clients_cut_off, "WebSocket clients that broke the protocol")  \
	X(logins, "people who logged in")                                \
	X(logins_refused, "tries to log in that were refused")           \
	X(requests, "HTTP requests answered")                            \
	X(prometheus_queries, "requests of the Prometheus API answered") \
	X(prometheus_refused, "of these and others, refused or failed")  \
	X(prometheus_samples, "samples read for them")                   \
	X(calls, "API calls answered")                                   \
	X(refused_calls, "API calls answered with an error")             \
	X(events, "events sent to clients")                              \
	X(events_left_out, "changes and points left out because a client was slow")

struct api_counts {
#define API_COUNTER_MEMBER(name, help) uint64_t name;
	API_COUNTERS(API_COUNTER_MEMBER)
#undef API_COUNTER_MEMBER
};

struct api {
	struct api_config config;
	int64_t started_ns;
	struct access access;
	struct assets *assets;
	struct jobs *jobs;
	struct jobs *queries; /* of the Prometheus API: others do not wait for them */
	struct known *known;  /* passwords that were right there */
	struct rpc *rpc;
	struct live *live;
	struct loop *loop; /* any thread posts */
	struct streams *streams;
	pthread_t thread;
	bool threaded;
	_Atomic bool stopping, ready;
	struct timer tick;
	char cookie[32], url_path[300], zone[ZONE_NAME_MAX + 1];
	uint32_t connections, sessions;
	int64_t checked_ns; /* when tokens of sessions were looked at */
	struct session *first_session;
	struct limiter by_address, by_user;
	pthread_mutex_t passwords_lock;
	struct limiter passwords; /* present ones that were wrong, by user; any thread */
	struct api_counts counts;
};

/* Any thread: runs fn on the api thread. Never refused but after api_stop(). */
void server_post(struct api *api, void (*fn)(void *ud), void *ud);
/* Runs the tick of live data from here on. */
void server_tick_soon(struct api *api);
