#include "api/limiter.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/own.h"

void limiter_init(struct limiter *limiter, double burst, double per_second)
{
	*limiter = (struct limiter){ .burst = burst, .per_second = per_second };
	for (size_t i = 0; i < LIMITER_SLOTS; i++)
		limiter->slots[i].tokens = burst;
}

int limiter_try(struct limiter *limiter, struct sb_str who, int64_t now_ns)
{
	size_t i = map_hash(who) % LIMITER_SLOTS;
	double passed_s = (double)MAX(now_ns - limiter->slots[i].at_ns, 0) / NS_PER_S;
	double tokens = limiter->slots[i].tokens + passed_s * limiter->per_second;

	tokens = MIN(tokens, limiter->burst);
	limiter->slots[i].at_ns = now_ns;
	if (tokens < 1) {
		limiter->slots[i].tokens = tokens;
		return 1 + (int)((1 - tokens) / limiter->per_second);
	}
	limiter->slots[i].tokens = tokens - 1;
	return 0;
}

void limiter_give_back(struct limiter *limiter, struct sb_str who)
{
	size_t i = map_hash(who) % LIMITER_SLOTS;

	limiter->slots[i].tokens = MIN(limiter->slots[i].tokens + 1, limiter->burst);
}
