/* Who may come in now, when many want to at once: clients whose session is kept come first, then
 * whoever is known by name, then strangers. Who has to wait is told how long, and no two the same
 * time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct conn;
struct server;
struct session;

struct admission {
	float tokens; /* of connect-rate */
	double slot;  /* seconds since start: until then every place is promised to somebody */
};

void admission_init(struct server *srv);
void admission_tick(struct server *srv);
/* c sent a CONNECT with this client identifier and user name. 0, or -EPROTO: refused, answered. */
int admission_check(struct conn *c, struct sb_str id, struct sb_str username);
/* Seconds after which one more client should try again. */
uint32_t admission_retry(struct server *srv);
/* Before CONNECT: `waiting` bytes of it are kept. 0, or -EPROTO: too many of all, c has ended. */
int admission_charge(struct conn *c, uint32_t waiting);
/* Refuses c: too many passwords are being checked; too many sessions are kept. */
void admission_busy(struct conn *c);
void admission_no_room(struct conn *c);
/* Refuses c if its client identifier, with s as its session, comes and goes too often. */
bool admission_flaps(struct conn *c, const struct session *s);
