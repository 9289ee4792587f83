/* CONNECT: from the first packet to a session. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/services.h>

struct conn;
struct message;
struct packet;

#define CONNECT_ID_MAX 256

struct connect { /* what has to be kept until the answer is known */
	struct message *will;
	uint32_t will_delay_s, expiry_s, asked_expiry_s;
	bool by_tls; /* a certificate or key was offered */
	bool clean, assigned, waiting, wants_responses, counted;
	uint16_t keepalive_s, id_n;
	int64_t will_expiry_s; /* from its publication; -1: it does not expire */
	struct sb_principal who;
	char id[];
};

int connect_take(struct conn *c, const struct packet *p);
/* Nobody who was there before is left: take over the session, or make one, and answer. */
void connect_proceed(struct conn *c);
/* The session is c's, and kept if it has to be. */
void connect_finish(struct conn *c, bool present);
/* The connection ends before it was answered. */
void connect_drop(struct conn *c);
