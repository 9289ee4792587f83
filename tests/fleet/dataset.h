/* What a fleet says in months of virtual time, as a file for `signalbox import`. */
#pragma once

struct options;

/* 0, or -errno after it said why. */
int dataset_run(const struct options *o);
