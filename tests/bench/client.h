/* One MQTT 3.1.1 client of a load: packets out of what arrives, packets collected and written at
 * once. Everything non-blocking; what goes wrong ends the program, for a load that is not sure of
 * itself measures nothing. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;

struct client_packet {
	uint8_t type, flags;
	uint32_t n;
	const uint8_t *body;
};

struct client_bytes {
	uint8_t *p;
	uint32_t n, cap;
};

/* Times of what waits for its acknowledgement, oldest first. */
struct client_times {
	int64_t *ring;
	uint32_t head, tail, cap;
};

struct client {
	int fd;
	uint32_t number;
	uint16_t packet; /* the last identifier given */
	bool connecting, blocked;
	bool up, present; /* CONNACK came; it said "session present" */
	uint8_t refused;  /* its code, if it did not accept */
	struct client_bytes in, out;
	struct client_times times;
	uint64_t sent, acked, got; /* messages */
	const char *kind;          /* begin of its client identifier */
	/* Called for every packet but CONNACK. */
	void (*on_packet)(struct client *c, const struct client_packet *p);
	void (*on_up)(struct client *c);     /* NULL: not told */
	void (*on_closed)(struct client *c); /* NULL: that is an error */
	void *owner;
};

enum {
	CLIENT_CONNECT = 1,
	CLIENT_CONNACK,
	CLIENT_PUBLISH,
	CLIENT_PUBACK,
	CLIENT_SUBSCRIBE = 8,
	CLIENT_SUBACK
};

/* Begins to connect and sends CONNECT as soon as that is possible. */
void client_open(struct client *c, struct loop *loop, bool clean);
/* Takes the connection away, without a word. */
void client_cut(struct client *c);
/* What epoll says of it. */
void client_event(struct client *c, uint32_t events);

/* Room for n more bytes; the caller counts them. */
uint8_t *client_room(struct client_bytes *b, uint32_t n);

/* Collected in c->out; client_flush() writes it. */
void client_connect(struct client *c, bool clean);
void client_publish(struct client *c, const char *topic, const char *payload, uint32_t n, int qos,
                    int64_t time);
void client_subscribe(struct client *c, const char *filter, int qos);
void client_puback(struct client *c, uint16_t id);
/* One write of everything collected. */
void client_flush(struct client *c);

void client_times_push(struct client_times *t, int64_t time);
int64_t client_times_pop(struct client_times *t);

/* Topic and identifier of a PUBLISH; what follows is its payload. */
struct client_message {
	const char *topic;
	const char *payload;
	uint32_t topic_n, payload_n;
	uint16_t id; /* 0: QoS 0 */
};
struct client_message client_message_of(const struct client_packet *p);

__attribute__((noreturn, format(printf, 1, 2))) void client_fail(const char *fmt, ...);
