/* The loads: one function each, one JSON line on stdout at its end. */
#pragma once
#include <stdint.h>

struct histogram;

struct load {
	uint32_t port, clients, subscribers, batch, depth, rate, burst, qos, messages, tls;
	double seconds, warm_up;
};

void load_saturate(const struct load *load);
void load_fanin(const struct load *load);
void load_fanout(const struct load *load);
void load_paced(const struct load *load);
void load_burst(const struct load *load);
void load_idle(const struct load *load);
void load_sessions(const struct load *load);

/* The telemetry of message `seq`: four metrics, 50 to 60 bytes; returns the length. */
uint32_t load_payload(char *to, uint64_t seq);
/* The number behind `key` in such a payload. */
int64_t load_number(const char *payload, uint32_t n, const char *key);
