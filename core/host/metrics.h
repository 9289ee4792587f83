/* Cells that plugins and core folders write and anyone reads: one writer thread each, no lock. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "host/host.h"

struct metrics;

int metrics_new(struct metrics **out);
struct metrics *metrics_free(struct metrics *m);
/* The cell of (instance or NULL, name), made if need be; NULL for a bad name, another kind under
 * the same name, too many, or without memory. Any thread. */
void *metrics_cell(struct metrics *m, const struct instance *in, const char *name, const char *help,
                   bool is_gauge);
/* By name, then in order of making: what OpenMetrics wants. Any thread. */
void metrics_each(struct metrics *m, host_metric_fn fn, void *ud);
/* Main thread: the cells of this instance, which nobody writes any more. */
void metrics_forget(struct metrics *m, const struct instance *in);
