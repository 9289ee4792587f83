/* From a publish to the sessions that want it: once each, at the highest QoS of the filters that
 * match, with all their identifiers. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct message;
struct publish;
struct server;
struct session;
struct share;

struct route_hit {
	struct session *session;
	uint32_t ids; /* chain in route_scratch.ids, 1-based; 0: none */
	uint32_t n_ids;
	uint8_t qos;
	bool retain;
};

struct route_id {
	uint32_t id, next;
};

struct route_frame {
	uint8_t *buf;
	uint32_t cap, id_at; /* id_at: of the packet identifier in `packet` */
	struct sb_bytes packet;
	bool built;
};

struct route_scratch { /* kept from publish to publish, so that none allocates */
	struct route_hit *hits;
	struct route_id *ids;
	struct share **shares;
	uint32_t n_hits, cap_hits, n_ids, cap_ids, n_shares, cap_shares, mark;
	struct route_frame
		frames[5]; /* version x with identifier; the last for single deliveries */
	uint32_t *list;    /* identifiers of one delivery */
	uint32_t cap_list;
};

struct route_form { /* how a packet for one receiver looks */
	bool v5, with_id;
	bool known;     /* the client knows the alias: the topic is left out */
	uint16_t alias; /* 0: none */
	uint32_t n_ids;
	const uint32_t *ids; /* subscription identifiers */
};

struct route { /* one publish on its way */
	struct server *srv;
	const struct publish *p;
	struct session *from;
	struct message *msg; /* made when somebody has to keep it */
	uint64_t judged;     /* the principal `allowed` is about; 0: nobody yet */
	bool allowed;        /* to be sent this */
	bool lost;           /* no memory for a hit */
	bool matched;        /* somebody has subscribed to it */
};

/* Has anybody subscribed to it? */
bool route_publish(struct server *srv, const struct publish *p, struct session *from);
/* Packets are built anew: before delivering what another route has not built. */
void route_fresh(struct route_scratch *rs);
/* The packet in wire form for this protocol version, shared by all who get it alike. The caller
 * sets its flags and, at *id_at, its identifier. n is 0 without memory. */
struct sb_bytes route_packet(struct route *rt, bool v5, bool with_id, uint32_t *id_at);
/* The same for one receiver. */
struct sb_bytes route_single(struct server *srv, const struct publish *p,
                             const struct route_form *form, uint32_t *id_at);
/* The message to keep, one reference for all; NULL without memory. */
struct message *route_message(struct route *rt);
void route_scratch_fini(struct route_scratch *rs);
