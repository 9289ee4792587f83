/* PUBACK, PUBREC, PUBREL and PUBCOMP, both ways. */
#pragma once
#include <stdint.h>

struct conn;
struct packet;

int puback_take(struct conn *c, const struct packet *p); /* any of the four */
/* type: PACKET_PUBACK … PACKET_PUBCOMP. why may be NULL. */
void puback_give(struct conn *c, uint8_t type, uint16_t id, uint8_t reason, const char *why);
/* The answer to a publish of this QoS (1 or 2), and its place in the client's window. */
void puback_finish(struct conn *c, uint16_t id, uint8_t qos, uint8_t reason, const char *why);
