/* Holds as the journal sees them; what others need of them is in journal.h. */
#pragma once
#include <stdint.h>

struct journal;

/* Records up to this one are held by nobody. */
uint64_t hold_floor(struct journal *j);
