/* Answers a query for buckets. */
#pragma once
#include <stdint.h>

struct pass_from;
struct series_query;

/* Bounds of what there is: nothing lies outside of [first, last]. */
int buckets_run(const struct pass_from *from, const struct series_query *q, int64_t first_ns,
                int64_t last_ns);
