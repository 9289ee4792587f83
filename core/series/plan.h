/* Which blocks are to become one. What lies between two blocks in order of journal sequence numbers
 * goes with them, so that no value gets newer or older than another by it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/kinds.h>

struct blocks;

struct plan_block {
	struct sb_block_info info; /* its texts are in text */
	char *text;
	int32_t month;
	bool barred; /* damaged, or of a tier: nothing is compacted with or across it */
};

struct plan {                  /* zero: empty */
	struct plan_block *at; /* by class, month, seq_max */
	size_t n, cap;
};

struct plan_run {
	const struct plan_block *first; /* n of them in a row */
	size_t n;
	uint32_t level; /* of what they become */
	uint64_t seq_min, seq_max;
	int64_t t_min_ns, t_max_ns;
	uint64_t bytes, rows;
	uint32_t stream_min, stream_max, last;
};

struct plan_rules {
	int64_t now_ns;
	uint32_t few;    /* blocks of the present day may be that many, less one */
	uint32_t inputs; /* at most so many become one */
	uint64_t bytes;  /* of so much at most, for there must be room for both */
	int64_t span_ns; /* whoever drops old blocks wants them to end soon enough */
};

void plan_fini(struct plan *p);
/* What the store has. is_barred may be NULL. */
int plan_fill(struct plan *p, const struct blocks *blocks,
              bool (*is_barred)(void *ud, struct sb_str name), void *ud);
bool plan_choose(const struct plan *p, const struct plan_rules *rules, struct plan_run *out);
/* This one alone, and those it cannot be told from by number. False: barred. */
bool plan_alone(const struct plan *p, size_t i, struct plan_run *out);
