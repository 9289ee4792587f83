/* PUBLISH from clients: telemetry to the storage, everything to subscribers and the retained store.
 */
#pragma once

struct conn;
struct packet;
struct publish;
struct session;

int publish_take(struct conn *c, const struct packet *p);
/* A publish of the server in the name of a session: a will. Nobody waits for an acknowledgement. */
void publish_internal(struct session *s, const struct publish *p);
