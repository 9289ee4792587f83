/* SHA-256 of what is read bit by bit, in hexadecimal digits. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SUM_TEXT 65 /* with its end */

struct sum {
	void *state; /* NULL: not begun */
};

int sum_begin(struct sum *s); /* -ENOMEM */
void sum_add(struct sum *s, const void *p, size_t n);
void sum_end(struct sum *s, char out[static SUM_TEXT]);
void sum_fini(struct sum *s); /* without an end */
/* Of a whole file, which is not kept in the page cache. */
int sum_file(const char *path, uint64_t *bytes, char out[static SUM_TEXT]);
