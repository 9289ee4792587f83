/* What a block file says about itself, sealed with a sum, so that a damaged one is recognised
 * before anything is believed. */
#pragma once
#include <stdint.h>

#include "sql.h"

#define FACTS_APPLICATION_ID 0x53425842 /* "SBXB" */
#define FACTS_FORMAT         1
#define FACTS_PAGE_BYTES     16384
#define FACTS_CLASS_MAX      32

struct facts {
	char class_[FACTS_CLASS_MAX + 1];
	uint32_t level, last;
	uint64_t seq_min, seq_max;
	int64_t t_min_ns, t_max_ns;
	int64_t epoch_ms; /* keys count from here */
	uint64_t chunks, rows;
	uint32_t stream_min, stream_max;
};

int32_t facts_write(sqlite3 *db, const struct facts *facts); /* into a table it makes */
/* SB_E_CORRUPT when anything is missing or the sum is wrong. */
int32_t facts_read(sqlite3 *db, struct facts *out);
/* Looks at the file's first page and size only: SB_E_CORRUPT for a foreign or cut file, SB_E_ABI
 * for a newer format; *bytes gets the size. */
int32_t facts_check_file(const char *path, uint64_t *bytes);
