/* A message on its way to one client: in the client's version, with what this delivery adds, and
 * never larger than the client takes. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct conn;
struct publish;
struct route;

struct outgoing {
	uint8_t qos;
	bool retain, dup;
	uint16_t id;    /* 0 with QoS 0 */
	uint32_t n_ids; /* subscription identifiers */
	const uint32_t *ids;
};

/* 0; SB_AGAIN: the client does not read fast enough; -EMSGSIZE: too large for it; -ENOMEM. */
int outgoing_send(struct conn *c, const struct publish *p, const struct outgoing *o);
/* The same for what a route publishes to many. */
int outgoing_share(struct conn *c, struct route *rt, const struct outgoing *o);
