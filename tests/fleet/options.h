/* The command line of signalbox-fleet. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct options {
	uint32_t devices;
	const char *profile, *host, *oracle, *url, *token, *prefix;
	uint16_t port;
	uint64_t seed;
	double rate; /* messages per second of the whole fleet */
	double burst_factor, burst_start_s, burst_s;
	double duration_s; /* 0: until SIGINT or SIGTERM */
	uint32_t window;   /* unacknowledged messages per device */
	uint32_t settle_s; /* at the end: how long to wait for acknowledgements */
	bool quiet;
	/* of a data set */
	const char *output, *start;
	double months, interval_s;
};

int options_run(struct options *o, int argc, char **argv);
int options_dataset(struct options *o, int argc, char **argv);
int options_verify(struct options *o, int argc, char **argv);
void options_help(void);
