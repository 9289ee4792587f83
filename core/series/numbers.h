/* From a number to a pointer, for numbers that are handed out from 1 upwards and never taken back.
 * Reading takes no lock and may run beside one writer; nothing moves until the end. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#define NUMBERS_PAGE_BITS 10
#define NUMBERS_MAX       (1u << 26)

struct numbers_table;

struct numbers {
	struct numbers_table *pages;
};

int numbers_init(struct numbers *t);
void numbers_fini(struct numbers *t);                    /* not what the pointers lead to */
void *numbers_get(const struct numbers *t, uint64_t no); /* NULL: none */
/* Under the owner's lock. -ERANGE from NUMBERS_MAX on, -ENOMEM. */
int numbers_put(struct numbers *t, uint64_t no, void *p);
