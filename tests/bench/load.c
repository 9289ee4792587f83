/* Loads for MQTT servers on this machine.
 *
 *   mqtt-load LOAD port=N [KEY=VALUE...]
 *
 *   saturate  clients, each `depth` writes of `batch` messages ahead of the acknowledgements
 *   fanin     clients publish, one subscriber gets everything; rate=0: saturated
 *   fanout    one client publishes, `subscribers` get it; `depth` messages ahead of the slowest
 *   paced     `rate` messages a second from all clients together, as planned, not as answered
 *   burst     the same for `seconds`, then `burst` times as many, then as before
 *   idle      clients that only stay, until stdin ends
 *   sessions  persistent sessions, cut and back at once, each with one message owed to it */
#include "load.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

static const struct {
	const char *name;
	void (*run)(const struct load *load);
} loads[] = {
	{ "saturate", load_saturate }, { "fanin", load_fanin }, { "fanout", load_fanout },
	{ "paced", load_paced },       { "burst", load_burst }, { "idle", load_idle },
	{ "sessions", load_sessions },
};

static const struct {
	const char *name;
	size_t at;
} keys[] = {
	{ "port", offsetof(struct load, port) },
	{ "clients", offsetof(struct load, clients) },
	{ "batch", offsetof(struct load, batch) },
	{ "depth", offsetof(struct load, depth) },
	{ "rate", offsetof(struct load, rate) },
	{ "burst", offsetof(struct load, burst) },
	{ "qos", offsetof(struct load, qos) },
	{ "messages", offsetof(struct load, messages) },
	{ "tls", offsetof(struct load, tls) },
	{ "subscribers", offsetof(struct load, subscribers) },
};

static uint32_t put_number(char *to, uint64_t v)
{
	char digits[24];
	uint32_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	for (uint32_t i = 0; i < n; i++)
		to[i] = digits[n - 1 - i];
	return n;
}

static uint32_t put_text(char *to, const char *text)
{
	size_t n = strlen(text);

	memcpy(to, text, n);
	return (uint32_t)n;
}

uint32_t load_payload(char *to, uint64_t seq)
{
	uint32_t n = put_text(to, "{\"temp\":");

	n += put_number(to + n, 20 + (seq & 7));
	to[n++] = '.';
	n += put_number(to + n, seq % 10);
	n += put_text(to + n, ",\"hum\":");
	n += put_number(to + n, 40 + (seq & 15));
	n += put_text(to + n, ".5,\"seq\":");
	n += put_number(to + n, seq);
	return n + put_text(to + n, ",\"ok\":true}");
}

int64_t load_number(const char *payload, uint32_t n, const char *key)
{
	const char *at = memmem(payload, n, key, strlen(key));
	int64_t v = 0;

	if (!at)
		client_fail("%.*s lacks %s", (int)n, payload, key);
	for (at += strlen(key); at < payload + n && *at >= '0' && *at <= '9'; at++)
		v = v * 10 + (*at - '0');
	return v;
}

static void take_option(struct load *load, const char *word)
{
	const char *value = strchr(word, '=');
	size_t n = value ? (size_t)(value++ - word) : 0;

	for (size_t i = 0; n && i < sizeof(keys) / sizeof(*keys); i++) {
		if (strlen(keys[i].name) != n || strncmp(word, keys[i].name, n) != 0)
			continue;
		uint32_t v = (uint32_t)strtoul(value, NULL, 10);
		memcpy((char *)load + keys[i].at, &v, sizeof(v));
		return;
	}
	if (n == 7 && strncmp(word, "seconds", n) == 0)
		load->seconds = strtod(value, NULL);
	else if (n == 7 && strncmp(word, "warm-up", n) == 0)
		load->warm_up = strtod(value, NULL);
	else
		client_fail("no option %s", word);
}

int main(int argc, char **argv)
{
	struct load load = { .clients = 1000,
		             .subscribers = 1000,
		             .batch = 1,
		             .depth = 1,
		             .qos = 1,
		             .burst = 10,
		             .messages = 10000,
		             .seconds = 6,
		             .warm_up = 1 };

	(void)signal(SIGPIPE, SIG_IGN);
	for (int i = 2; i < argc; i++)
		take_option(&load, argv[i]);
	for (size_t i = 0; argc > 2 && i < sizeof(loads) / sizeof(*loads); i++) {
		if (strcmp(argv[1], loads[i].name) != 0)
			continue;
		loads[i].run(&load);
		return 0;
	}
	(void)fputs("usage: mqtt-load LOAD port=N [KEY=VALUE...]; the head of load.c says more\n",
	            stderr);
	return 2;
}
