/* SUBSCRIBE and SUBACK. */
#pragma once

struct conn;
struct packet;

int subscribe_take(struct conn *c, const struct packet *p);
