/* Fate counters and times of the last signs of life, in documents of 128 devices each. */
#pragma once

struct counts;
struct registry;

int counts_new(struct counts **out, struct registry *reg);
struct counts *counts_free(struct counts *counts);
int counts_save(
	struct counts *counts);        /* what changed since the last time; writer thread, blocks */
int counts_load(struct registry *reg); /* main, at start, after the devices */
