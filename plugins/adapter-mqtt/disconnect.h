/* DISCONNECT, both ways. */
#pragma once
#include <stdint.h>

struct conn;
struct packet;

int disconnect_take(struct conn *c, const struct packet *p);
/* Only 5.0 clients understand one; does not close. */
void disconnect_give(struct conn *c, uint8_t reason, const char *why);
