/* A real Modbus TCP server by libmodbus, in a thread, on a free loopback port. Serves one client at
 * a time; units above 100 do not exist behind it, as with a gateway. */
#pragma once
#include <modbus/modbus.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct server {
	modbus_t *bus;
	modbus_mapping_t *map; /* registers and bits [start, start + n) of every kind */
	int listener;
	_Atomic int client;
	uint16_t port;
	atomic_bool stopping;
	atomic_bool is_deaf; /* receives, but does not answer */
	atomic_uint requests;
	unsigned long thread;
};

void server_init(struct server *s, int start, int n);
void server_start(struct server *s); /* again on the same port after server_stop() */
void server_stop(struct server *s);
void server_fini(struct server *s);
