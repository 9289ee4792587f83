/* Threads for what may block: history queries, changes that wait for the disk, password hashing. */
#pragma once
#include <stdint.h>

struct jobs;

typedef void (*job_fn)(void *ud);

int jobs_new(struct jobs **out, uint32_t threads, uint32_t waiting_max);
struct jobs *jobs_free(struct jobs *jobs); /* runs what is waiting, then ends the threads */
/* Any thread. SB_AGAIN when so many are waiting. */
int jobs_put(struct jobs *jobs, job_fn fn, void *ud);
uint32_t jobs_waiting(struct jobs *jobs);
