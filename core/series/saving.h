/* Documents of series sets on their way to disk, so many at once. */
#pragma once
#include <stdint.h>

#include <signalbox/kinds.h>

#include "base/buffer.h"

#define SAVING_AT_ONCE 64
#define SAVING_VERSION 2 /* 1: without kinds */

struct docs;
struct series_set;

struct saving { /* zero: empty */
	uint32_t n;
	struct series_set *sets[SAVING_AT_ONCE];
	struct sb_doc_put puts[SAVING_AT_ONCE];
	struct buffer docs[SAVING_AT_ONCE];
	char keys[SAVING_AT_ONCE][12];
};

void saving_fini(struct saving *sv);
int saving_add(struct saving *sv, struct series_set *set, uint32_t device_no); /* -ENOMEM */
int saving_put(struct saving *sv, struct docs *docs);                          /* waits */
