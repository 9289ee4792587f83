/* The oracle: a text file of exactly what was sent and whether it was acknowledged. One line a
 * message: `a DEVICE TS_MS MEMBERS` acknowledged, `u ...` sent, the answer never came (it may be
 * stored or not). MEMBERS are those of the JSON object that was sent. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct oracle {
	FILE *file; /* NULL: nothing is written */
};

struct oracle_line {
	bool acknowledged;
	char device[160];
	int64_t ts_ms;
	char members[2048];
};

int oracle_create(struct oracle *o, const char *path); /* path NULL: writes nothing */
void oracle_give(struct oracle *o, bool acknowledged, const char *device, int64_t ts_ms,
                 const char *members);
int oracle_finish(struct oracle *o); /* flushed and closed; -errno if any line did not get there */

int oracle_open(struct oracle *o, const char *path);
/* 0 a line, 1 the end, -EINVAL not an oracle. */
int oracle_take(struct oracle *o, struct oracle_line *out);
