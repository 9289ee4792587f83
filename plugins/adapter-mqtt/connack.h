/* CONNACK. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct conn;

/* Accepted. Reads c->connect. */
/* false, and nothing is sent: the client takes no packets as large as this. */
bool connack_give(struct conn *c, bool session_present);
/* Refused, and closed. Returns -EPROTO. */
int connack_refuse(struct conn *c, uint8_t reason, const char *why);
