/* All blocks of a snapshot as files of another folder. */
#pragma once
#include <stdint.h>

struct plug;
struct sb_copy;
struct snapshot;

/* Their number, or a fault, after it was told which block could not be copied and why. */
int32_t copyout_run(const struct plug *plug, const struct snapshot *s, const struct sb_copy *copy);
