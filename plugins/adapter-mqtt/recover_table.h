/* What records tell of, by its number. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct recover_table {
	void **slots; /* what is in it begins with its number, a uint64_t */
	uint32_t n, cap;
};

void *recover_table_find(const struct recover_table *t, uint64_t no);
/* The one of this number, made if there is none, zeroed; NULL without memory. */
void *recover_table_make(struct recover_table *t, uint64_t no, size_t size);
void recover_table_remove(struct recover_table *t, uint64_t no); /* it stays the caller's */
