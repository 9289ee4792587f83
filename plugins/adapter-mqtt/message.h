/* A message: as a view into a packet, and as a counted copy that queues and the retained store
 * share. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

/* What is being published; everything borrowed. */
struct publish {
	struct sb_str topic;
	struct sb_str content_type;
	struct sb_bytes payload;
	struct sb_bytes forward[3]; /* properties for the receivers, encoded, in pieces */
	int64_t expires_s;          /* UTC; 0: never */
	uint16_t id;
	uint8_t qos;
	bool retain, dup;
	bool bad_text; /* said to be UTF-8, and is not */
};

struct persist_body;

struct message {
	struct persist_body *stored; /* the journal holds it for sessions that are kept */
	uint32_t refs;
	uint32_t payload_n, props_n;
	uint16_t topic_n;
	uint8_t qos;
	bool retain;
	int64_t expires_s;
	uint8_t data[]; /* topic, properties, payload */
};

/* A copy with one reference; NULL without memory. */
struct message *message_new(const struct publish *p);
struct message *message_ref(struct message *m);
struct message *message_unref(struct message *m); /* NULL in, NULL out */
/* Borrows from m. */
void message_view(const struct message *m, struct publish *out);
/* What it costs whoever keeps it. */
uint32_t message_size(const struct message *m);
