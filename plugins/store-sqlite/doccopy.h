/* A copy of registry.db while it is being used, some pages at a time. */
#pragma once
#include <stdint.h>

#include "sql.h"

struct sb_doc_copy;
struct doccopy;

/* Begins one as registry.db in this folder. The thread of the connection, as all below. */
int32_t doccopy_new(struct doccopy **out, sqlite3 *from, const char *dir);
/* Some milliseconds of it: 1, and how far it is; 0: it is done and durable. */
int32_t doccopy_step(struct doccopy *copy, struct sb_doc_copy *out);
struct doccopy *doccopy_free(struct doccopy *copy); /* removes what is not done */
