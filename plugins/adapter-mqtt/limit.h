/* The limits of the server. Whoever meets one is told why by the caller; here it is counted, and
 * noted on the device it is about or, of somebody unknown, in the log. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct conn;
struct server;
struct session;

/* name, what is done on a device (SB_FATE_*), help of the counter limit_{name} */
#define LIMITS(X)                                                                              \
	X(connections, REFUSED, "connections refused: max-connections")                        \
	X(address_connections, REFUSED, "connections refused: max-connections-per-address")    \
	X(address_rate, THROTTLED, "connections refused: connect-rate-per-address")            \
	X(connect_rate, THROTTLED, "connections refused: connect-rate")                        \
	X(unknown_bytes, REFUSED, "connections ended: max-unauthenticated-bytes")              \
	X(flapping, THROTTLED, "connections refused: max-reconnects-per-minute")               \
	X(takeovers, THROTTLED, "connections refused: max-takeovers-per-minute")               \
	X(sessions, REFUSED, "connections refused: max-sessions, max-device-sessions")         \
	X(packet_bytes, REFUSED, "connections ended: max-packet-bytes")                        \
	X(topic, REFUSED, "topics refused: max-topic-bytes, max-topic-levels")                 \
	X(filters, REFUSED, "connections ended: max-filters in one packet")                    \
	X(subscriptions, REFUSED, "subscriptions refused: max-subscriptions and their memory") \
	X(receive_maximum, REFUSED, "connections ended: receive-maximum")                      \
	X(queue, DROPPED, "messages not delivered: max-queued-bytes, max-queued-messages")     \
	X(total_queue, DROPPED, "messages not delivered: max-total-queued-bytes")              \
	X(retained, REFUSED, "messages not kept: max-retained, max-retained-bytes")            \
	X(message_rate, THROTTLED, "times reading stopped: max-messages-per-second")           \
	X(byte_rate, THROTTLED, "times reading stopped: max-bytes-per-second")

#define LIMIT_ENTRY(name, fate, help) LIMIT_##name,
enum limit { LIMITS(LIMIT_ENTRY) LIMIT_COUNT };
#undef LIMIT_ENTRY

/* The counters: 0, -ENOMEM. */
int limit_init(struct server *srv);
/* It is counted only: the caller tells the device. */
void limit_count(struct server *srv, enum limit which);
/* About this device; 0: about `who`, an address or a client identifier. */
void limit_hit(struct server *srv, enum limit which, sb_device device, struct sb_str who,
               const char *why);
/* About the device of this session, or else about its client identifier. */
void limit_session(struct session *s, enum limit which, const char *why);
