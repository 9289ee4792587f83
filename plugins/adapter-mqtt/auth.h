/* AUTH: enhanced authentication is not offered, so no AUTH is ever right. */
#pragma once

struct conn;
struct packet;

int auth_take(struct conn *c, const struct packet *p);
