/* Properties of MQTT 5.0, read by a table: id, type, where it may stand, whether it may repeat. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct cursor;
struct writer;

enum {
	PROPERTY_PAYLOAD_FORMAT = 1,
	PROPERTY_MESSAGE_EXPIRY = 2,
	PROPERTY_CONTENT_TYPE = 3,
	PROPERTY_RESPONSE_TOPIC = 8,
	PROPERTY_CORRELATION_DATA = 9,
	PROPERTY_SUBSCRIPTION_ID = 11,
	PROPERTY_SESSION_EXPIRY = 17,
	PROPERTY_ASSIGNED_CLIENT_ID = 18,
	PROPERTY_SERVER_KEEPALIVE = 19,
	PROPERTY_AUTH_METHOD = 21,
	PROPERTY_AUTH_DATA = 22,
	PROPERTY_REQUEST_PROBLEM = 23,
	PROPERTY_WILL_DELAY = 24,
	PROPERTY_REQUEST_RESPONSE = 25,
	PROPERTY_RESPONSE_INFORMATION = 26,
	PROPERTY_SERVER_REFERENCE = 28,
	PROPERTY_REASON_STRING = 31,
	PROPERTY_RECEIVE_MAXIMUM = 33,
	PROPERTY_TOPIC_ALIAS_MAXIMUM = 34,
	PROPERTY_TOPIC_ALIAS = 35,
	PROPERTY_RETAIN_AVAILABLE = 37,
	PROPERTY_USER = 38,
	PROPERTY_MAXIMUM_PACKET = 39
};

/* Where properties stand besides their packet type: the will of a CONNECT. */
#define PROPERTIES_WILL 0

struct properties {
	uint64_t have;      /* 1 << id */
	uint32_t value[48]; /* numbers, by id */
	struct sb_str content_type, response_topic, auth_method;
	/* Those of a message that go on to its receivers, encoded as they came, in their order.
	 * In pieces: around an expiry or alias that stands between them. */
	struct sb_bytes forward[3];
};

/* The property block of a packet (PACKET_* or PROPERTIES_WILL): its length, then that many bytes.
 * 0, or the reason to close the connection with: malformed, or a protocol error. */
uint8_t properties_take(struct cursor *c, uint8_t where, struct properties *out);

static inline int properties_have(const struct properties *p, unsigned id)
{
	return (int)(p->have >> id & 1);
}
