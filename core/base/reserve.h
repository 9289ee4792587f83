/* A file of allocated blocks that is given back when the disk is full, so that what must still be
 * written then finds room. Any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct reserve;

/* Touches the disk only if bytes is 0: a file from before goes. */
int reserve_new(struct reserve **out, const char *path, uint64_t bytes);
struct reserve *reserve_free(struct reserve *reserve); /* the file stays as it is */
/* Allocates what is missing, durably; -ENOSPC leaves it as it was. */
int reserve_make(struct reserve *reserve);
/* Gives back all but so many bytes. False: there was nothing to give back. */
bool reserve_shrink(struct reserve *reserve, uint64_t bytes);
uint64_t reserve_held(const struct reserve *reserve);
uint64_t reserve_bytes(const struct reserve *reserve); /* wanted */
