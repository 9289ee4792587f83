/* A bucket of tokens: so many fit, so many come a tick, and below none is owed. */
#pragma once
#include <stdint.h>

#define TOKENS_UNLIMITED 1e12F

static inline float tokens_most(uint32_t limit) /* 0: no limit */
{
	return limit ? (float)limit : TOKENS_UNLIMITED;
}

static inline float tokens_refilled(float tokens, float most, float per_tick, uint32_t ticks)
{
	tokens += per_tick * (float)ticks;
	return tokens > most ? most : tokens;
}
