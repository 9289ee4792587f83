/* What each address of the Prometheus API does. Query thread; knows nothing of HTTP connections. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "api/prom/params.h"
#include "base/buffer.h"

struct registry;
struct series_db;

struct run;
typedef int (*run_fn)(struct run *run); /* the HTTP status */

struct run {
	struct registry *registry;
	struct series_db *series;
	const _Atomic bool *cancelled;
	run_fn fn;
	char label[128]; /* of /label/NAME/values */
	struct params params;
	struct buffer out; /* the answer */
	uint64_t samples;  /* that were read for it */
};

/* The path without what stands in front of the last parts: "query", "label/a/values". False: there
 * is no such address. */
bool run_find(struct run *run, struct sb_str path);
int run_do(struct run *run);
