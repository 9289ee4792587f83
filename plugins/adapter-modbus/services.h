/* The host as this plugin sees it. */
#pragma once
#include <stdint.h>

#include <signalbox/services.h>

struct services {
	struct sb_host *host;
	const struct sb_core *core;
	const struct sb_loop *loop;
	const struct sb_telemetry *telemetry;
	const struct sb_devices *devices;
	uint64_t *polls, *silences, *exceptions, *points, *connects, *overruns, *backpressure;
};

/* Looks the tables up and makes the counters. 0, or a fault told to the host. */
int services_init(struct services *s, struct sb_host *host, const struct sb_core *core);
void services_say(const struct services *s, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
