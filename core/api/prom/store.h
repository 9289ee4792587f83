/* Our series as PromQL asks for them: a promql_source over what there was at one moment. Query
 * thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "promql/promql.h"

struct labels;
struct node;
struct registry;
struct series_db;
struct series_view;

struct store {
	struct registry *registry;
	struct series_db *series;
	const struct promql_limits *limits; /* when to stop */
	bool skips_ended; /* select() leaves out what has nothing since its first time */
	struct series_view *view;
	struct promql_source source;
};

int store_open(struct store *store, struct registry *reg, struct series_db *db,
               const struct promql_limits *limits);
void store_close(struct store *store);
/* As promql_source.select: what series there are. */
int store_select(void *ud, struct arena *a, const struct node *selector, const int64_t ms[2],
                 int (*found)(void *ud, const struct labels *labels, void *series), void *found_ud);
