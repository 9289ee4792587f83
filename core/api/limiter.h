/* How often something may be tried: token buckets in a table of fixed size, by the hash of who
 * tries. Two who share a slot share its bucket. Under its owner's lock, or one thread. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

#define LIMITER_SLOTS 1024

struct limiter {
	double burst, per_second;
	struct {
		double tokens;
		int64_t at_ns;
	} slots[LIMITER_SLOTS];
};

void limiter_init(struct limiter *limiter, double burst, double per_second);
/* 0 and one try is used up, or how many seconds to wait. */
int limiter_try(struct limiter *limiter, struct sb_str who, int64_t now_ns);
void limiter_give_back(struct limiter *limiter, struct sb_str who); /* that try was a good one */
