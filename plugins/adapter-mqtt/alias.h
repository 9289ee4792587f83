/* Topic aliases of one connection, both ways: the client's own, and those we choose towards it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct conn;
struct publish;

/* The publish carries this alias: remembers its topic, or fills it in. 0, or -EPROTO and the
 * connection has failed. */
int alias_take(struct conn *c, uint32_t alias, struct publish *p);

struct alias_out { /* a topic the client has been told a number for */
	char *topic;
	uint32_t hash;
	uint16_t n;
	uint8_t use; /* falls to 0 when others want its place */
};

/* The alias a message of this topic goes out with, 0 for none. *known: the client knows it already,
 * so that the topic can be left out. */
uint16_t alias_pick(struct conn *c, struct sb_str topic, bool *known);
/* The packet has been sent. */
void alias_sent(struct conn *c, uint16_t alias, struct sb_str topic);
void alias_free(struct conn *c);
