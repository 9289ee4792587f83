/* The series of one device by name: open addressing, read without a lock beside one writer. A table
 * that became too small stays until the end, because somebody may still be looking into it. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#include <signalbox/types.h>

struct names_table;
struct series;

struct names { /* zero: empty */
	struct names_table *_Atomic table;
	struct series *_Atomic first, *_Atomic found; /* the oldest; the one found last */
};

void names_fini(struct names *t); /* not the series */
/* A device names its series in the same order again and again: the one behind the last that was
 * found is looked at first. Any thread. */
struct series *names_find(struct names *t, struct sb_str name);
/* Under the owner's lock; the name is not there yet. Room first, so that names_put() cannot fail.
 */
int names_room(struct names *t);
void names_put(struct names *t, struct series *s);
