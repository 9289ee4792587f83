/* Sessions of MQTT 3.1.1 and 5.0 as a client might have them, mostly right: packets from a grammar,
 * with mutations of fields and of whole packets. Everything follows from a seed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t s;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15u);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)((rng_next(r) >> 32) * n >> 32);
}

static inline bool rng_one_in(struct rng *r, uint32_t n)
{
	return rng_below(r, n) == 0;
}

#define GRAMMAR_PACKET_MAX 70000

struct grammar {
	struct rng rng;
	bool v5, connected, dirty; /* dirty: fields are mutated, too */
	uint16_t next_id;
	uint16_t aliases; /* a bit for each topic alias that has been set */
	uint8_t *p;       /* the packet being written, GRAMMAR_PACKET_MAX bytes */
	size_t n;
};

/* One packet into g->p: CONNECT first, then anything. Returns its length. */
size_t grammar_packet(struct grammar *g);
/* The answer a client owes to this packet of the server; 0: none. */
size_t grammar_answer(struct grammar *g, const uint8_t *packet, size_t n);
/* Changes bytes and lengths of g->p; what comes out is at most GRAMMAR_PACKET_MAX long. */
size_t grammar_mutate(struct grammar *g);
