/* Reason codes of MQTT 5.0, and what of them a 3.1.1 CONNACK can say. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct conn;
struct writer;

#define REASON_WHY_MAX        200
#define REASON_PROPERTIES_MAX (REASON_WHY_MAX + 264) /* with a server reference */

enum {
	REASON_SUCCESS = 0x00,
	REASON_DISCONNECT_WITH_WILL = 0x04,
	REASON_NO_SUBSCRIBERS = 0x10,
	REASON_NO_SUBSCRIPTION = 0x11,
	REASON_UNSPECIFIED = 0x80,
	REASON_MALFORMED = 0x81,
	REASON_PROTOCOL_ERROR = 0x82,
	REASON_IMPLEMENTATION = 0x83,
	REASON_BAD_VERSION = 0x84,
	REASON_BAD_CLIENT_ID = 0x85,
	REASON_BAD_LOGIN = 0x86,
	REASON_NOT_AUTHORIZED = 0x87,
	REASON_UNAVAILABLE = 0x88,
	REASON_BUSY = 0x89,
	REASON_SHUTTING_DOWN = 0x8b,
	REASON_BAD_AUTH_METHOD = 0x8c,
	REASON_KEEPALIVE = 0x8d,
	REASON_TAKEN_OVER = 0x8e,
	REASON_BAD_FILTER = 0x8f,
	REASON_BAD_TOPIC = 0x90,
	REASON_ID_IN_USE = 0x91,
	REASON_ID_NOT_FOUND = 0x92,
	REASON_RECEIVE_MAXIMUM = 0x93,
	REASON_BAD_ALIAS = 0x94,
	REASON_TOO_LARGE = 0x95,
	REASON_QUOTA = 0x97,
	REASON_ADMINISTRATIVE = 0x98,
	REASON_BAD_PAYLOAD = 0x99,
	REASON_NO_RETAIN = 0x9a,
	REASON_USE_ANOTHER = 0x9c,
	REASON_MOVED = 0x9d,
	REASON_CONNECT_RATE = 0x9f
};

/* The return code of a 3.1.1 CONNACK for a refusal; -1: it has none, and there is no CONNACK. */
static inline int reason_v3(uint8_t reason)
{
	switch (reason) {
	case REASON_BAD_VERSION:
		return 1;
	case REASON_BAD_CLIENT_ID:
		return 2;
	case REASON_BAD_LOGIN:
		return 4;
	case REASON_NOT_AUTHORIZED:
	case REASON_BAD_AUTH_METHOD:
		return 5;
	case REASON_MALFORMED:
	case REASON_PROTOCOL_ERROR:
	case REASON_BAD_TOPIC:
	case REASON_TOO_LARGE:
	case REASON_BAD_PAYLOAD:
	case REASON_NO_RETAIN:
		return -1;
	default:
		return 3;
	}
}

/* The properties of a packet that says no: where else to go, with REASON_USE_ANOTHER and
 * REASON_MOVED, and why, NULL for no words. Each is left out where it would make the packet larger
 * than the client takes; `rest` bytes follow in the body. */
void reason_put(struct writer *w, const struct conn *c, uint8_t reason, const char *why,
                size_t rest);
