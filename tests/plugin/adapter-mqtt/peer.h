/* A client that speaks MQTT to the fake host, packet by packet. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "fake.h"
#include "packet.h"

struct peer {
	struct fake *fake;
	struct fake_conn *conn;
	bool v5;
	uint8_t buf[1536]; /* the packet peer_next() answered with */
};

struct peer_login {
	const char *id, *user; /* user NULL: anonymous */
	uint8_t version;       /* 4 or 5 */
	bool keep;             /* not clean */
	uint16_t keepalive_s;
	uint32_t expiry_s; /* 5.0 */
	uint16_t receive_maximum;
	uint32_t max_packet;
	const char *will_topic, *will_payload;
	uint8_t will_qos;
	bool will_retain;
	uint32_t will_delay_s;
	const void *props, *will_props; /* more of them, encoded */
	size_t props_n, will_props_n;
};

struct peer peer_dial(struct fake *f, uint8_t version);
void peer_connect(struct peer *p, const struct peer_login *login);
/* Dials, connects, and takes a CONNACK that must accept. present: session present, if not NULL. */
struct peer peer_up(struct fake *f, const struct peer_login *login, bool *present);
struct peer peer_plain(struct fake *f, const char *id, uint8_t version);
/* A server that takes anybody, for cmocka. */
int peer_setup(void **state);
int peer_teardown(void **state);
/* props: encoded 5.0 properties without their length, or NULL. */
void peer_publish(struct peer *p, const char *topic, const char *payload, uint8_t flags,
                  uint16_t id, const void *props, size_t props_n);
void peer_subscribe(struct peer *p, const char *filter, uint8_t options, uint32_t identifier);
void peer_unsubscribe(struct peer *p, const char *filter);
void peer_ack(struct peer *p, uint8_t type, uint16_t id);
void peer_disconnect(struct peer *p, uint8_t reason);
void peer_raw(struct peer *p, const void *bytes, size_t n);
/* The next packet of the server, false if there is none. */
bool peer_next(struct peer *p, struct packet *out);
struct packet peer_expect(struct peer *p, uint8_t type);
void peer_expect_nothing(struct peer *p);
/* A PUBACK and its like: returns the reason, checks the identifier. */
uint8_t peer_expect_ack(struct peer *p, uint8_t type, uint16_t id);

/* Subscribes to one filter: the code of its SUBACK. */
uint8_t peer_subscribed(struct peer *p, const char *filter, uint8_t options);

struct peer_message {
	char topic[256], payload[256];
	uint8_t qos;
	bool retain, dup;
	uint16_t id;
	uint32_t ids[8], n_ids, expiry_s;
	bool has_expiry;
	uint16_t alias; /* 0: none */
	size_t props_n;
	uint8_t props[256]; /* all of them */
};
struct peer_message peer_expect_publish(struct peer *p, const char *topic, const char *payload);
/* DISCONNECT with this reason (5.0), and closed. */
void peer_expect_closed(struct peer *p, uint8_t reason);
