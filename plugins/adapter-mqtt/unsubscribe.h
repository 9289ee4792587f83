/* UNSUBSCRIBE and UNSUBACK. */
#pragma once

struct conn;
struct packet;

int unsubscribe_take(struct conn *c, const struct packet *p);
