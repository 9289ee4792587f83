/* The poller: one bus, its devices, one request after the other. Between two requests the loop
 * runs, so that stop and configuration get through. All calls on the instance's thread, but
 * bus_init/fini. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services.h"

struct link;
struct unit;

struct bus {
	struct services services;
	struct link *link;
	struct unit *units;
	uint32_t n_units;
	sb_timer timer;
	int64_t retry_ns, backoff_ns; /* while the bus is lost */
	uint32_t silences;            /* of all units in a row */
	uint32_t n_up;                /* as last reported */
	bool is_stopped, is_posted, is_full, has_health;
};

void bus_start(struct bus *b);
void bus_stop(struct bus *b);
void bus_writable(struct bus *b); /* the host has room again */
void bus_fini(struct bus *b);
