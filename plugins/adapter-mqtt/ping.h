/* PINGREQ and PINGRESP. */
#pragma once

struct conn;
struct packet;

int ping_take(struct conn *c, const struct packet *p);
