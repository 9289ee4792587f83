/* The counters of the server, each with its sentence. */
#pragma once
#include <stdint.h>

#define METRICS_COUNTERS(X)                                                             \
	X(connects, "connections accepted by the protocol")                             \
	X(connects_refused, "connections refused at CONNECT")                           \
	X(takeovers, "connections replaced by a newer one of the same client")          \
	X(protocol_errors, "connections ended because of what the peer sent")           \
	X(keepalive_timeouts, "connections ended because the peer was silent too long") \
	X(publish_received, "publishes received")                                       \
	X(publish_refused, "publishes refused: topic, right, content or limit")         \
	X(publish_duplicate, "QoS 2 publishes received again and not taken twice")      \
	X(publish_sent, "publishes sent to subscribers")                                \
	X(publish_dropped, "publishes not delivered: full queue, too large or expired") \
	X(answers_dropped, "control packets larger than their client takes, not sent")  \
	X(publish_failed, "publishes the storage could not take; not acknowledged")     \
	X(stalls, "times reading stopped because the storage was behind")               \
	X(bytes_received, "bytes received")                                             \
	X(journal_records, "records of sessions written into the journal")              \
	X(journal_bytes, "bytes of these records")                                      \
	X(sessions_restored, "sessions brought back at start")                          \
	X(retained_refused, "retained messages beyond the limit, not kept")             \
	X(retained_failed, "retained messages that could not be written")               \
	X(rights_lost, "connections ended because their rights were withdrawn")         \
	X(slow_subscribers, "subscribers disconnected because their queue was full")

#define METRICS_GAUGES(X)                                \
	X(connections, "open connections")               \
	X(sessions, "sessions, connected or kept")       \
	X(subscriptions, "subscriptions")                \
	X(retained, "retained messages")                 \
	X(retained_bytes, "bytes of retained messages")  \
	X(queued_bytes, "bytes waiting for subscribers") \
	X(pending_acks, "acknowledgements waiting for the disk")

struct metrics {
#define METRICS_CELL(name, help) uint64_t *name;
	METRICS_COUNTERS(METRICS_CELL)
#undef METRICS_CELL
#define METRICS_CELL(name, help) int64_t *name;
	METRICS_GAUGES(METRICS_CELL)
#undef METRICS_CELL
};

/* One writer, readers on other threads. */
static inline void metrics_count(uint64_t *cell, uint64_t n)
{
	__atomic_store_n(cell, *cell + n, __ATOMIC_RELAXED);
}

static inline void metrics_move(int64_t *cell, int64_t n)
{
	__atomic_store_n(cell, *cell + n, __ATOMIC_RELAXED);
}
