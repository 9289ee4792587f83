/* A client that behaves, on a thread of its own: it publishes with QoS 1, subscribes to what it
 * publishes, and notes how long every answer took. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct good {
	const char *host;
	uint16_t port;
	pthread_t thread;
	atomic_bool stop;
	_Atomic uint64_t rounds, worst_us;
	atomic_bool failed;
	char why[160];
};

int good_start(struct good *g);
void good_stop(struct good *g); /* waits for it */
