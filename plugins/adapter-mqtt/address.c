#include "address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "keepalive.h"
#include "limit.h"
#include "server.h"
#include "tokens.h"

#define SWEEP_BUCKETS 16
#define IDLE_MAX      65536 /* addresses without a connection that are remembered */

static uint64_t mix(uint64_t h)
{
	h *= 0xff51afd7ed558ccdu;
	return h ^ h >> 32;
}

struct sb_str address_text(const char *peer)
{
	const char *end = strrchr(peer, ':');

	return sb_str_of(peer, end ? (size_t)(end - peer) : strlen(peer));
}

uint64_t address_key(const char *peer)
{
	struct sb_str text = address_text(peer);
	uint8_t raw[16] = { 0 };
	uint64_t key = 0;
	char host[64];
	bool v6 = text.n > 2 && text.p[0] == '[';

	if (v6) {
		text.p++;
		text.n -= 2;
	}
	if (text.n >= sizeof(host))
		return 0;
	memcpy(host, text.p, text.n);
	host[text.n] = 0;
	if (inet_pton(v6 ? AF_INET6 : AF_INET, host, raw) != 1)
		return 0;
	/* No /64 that is routed has only zeros in its upper half. */
	for (int i = 0; i < (v6 ? 8 : 4); i++)
		key = key << 8 | raw[i];
	return key;
}

static void refill(const struct server *srv, struct address *a)
{
	float burst = (float)srv->config.connect_burst_per_address;
	float rate = (float)srv->config.connect_rate_per_address / KEEPALIVE_TICKS;

	a->tokens = tokens_refilled(a->tokens, burst, rate, srv->tick - a->tick);
	a->tick = srv->tick;
}

static struct address *find(struct server *srv, uint64_t key)
{
	struct addresses *all = &srv->addresses;
	struct address **at = &all->buckets[mix(key ^ srv->seed) % ADDRESS_BUCKETS];

	for (struct address *a = *at; a; a = a->next)
		if (a->key == key)
			return a;
	if (all->n >= srv->config.max_connections + IDLE_MAX)
		return NULL;
	struct address *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->key = key;
	a->next = *at;
	a->tick = srv->tick;
	a->tokens = (float)srv->config.connect_burst_per_address;
	*at = a;
	all->n++;
	return a;
}

struct address *address_enter(struct server *srv, const char *peer, int *which)
{
	const struct config *config = &srv->config;
	struct address *a = find(srv, address_key(peer));

	*which = -1;
	if (!a)
		return NULL;
	refill(srv, a);
	if (a->n_conns >= config->max_connections_per_address)
		*which = LIMIT_address_connections;
	else if (config->connect_rate_per_address && a->tokens < 1)
		*which = LIMIT_address_rate;
	else
		a->tokens -= 1;
	a->n_conns++;
	return a;
}

bool address_is_crowded(const struct server *srv, const struct address *a)
{
	return a && a->n_conns > srv->config.max_connections_per_address + SERVER_GRACE;
}

void address_leave(struct address *a)
{
	if (a)
		a->n_conns--;
}

void address_sweep(struct server *srv)
{
	struct addresses *all = &srv->addresses;

	for (int i = 0; i < SWEEP_BUCKETS; i++) {
		struct address **at = &all->buckets[all->at++ % ADDRESS_BUCKETS];
		while (*at) {
			struct address *a = *at;
			refill(srv, a);
			if (a->n_conns ||
			    a->tokens < (float)srv->config.connect_burst_per_address) {
				at = &a->next;
				continue;
			}
			*at = a->next;
			free(a);
			all->n--;
		}
	}
}

void address_fini(struct addresses *all)
{
	for (int i = 0; i < ADDRESS_BUCKETS; i++) {
		while (all->buckets[i]) {
			struct address *a = all->buckets[i];
			all->buckets[i] = a->next;
			free(a);
		}
	}
	all->n = 0;
}
