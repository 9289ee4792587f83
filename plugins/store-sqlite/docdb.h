/* registry.db: documents by space and key in one WAL database, every commit durable. One
 * connection, one thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/kinds.h>

struct docdb;

#define DOCDB_FORMAT 1

/* Opens or makes it, and checks it. *recovered: it was not closed properly. SB_E_ABI: of a newer
 * version, *format says of which; SB_E_TYPE: no database of ours; SB_E_CORRUPT. It is left alone
 * then. */
int32_t docdb_new(struct docdb **out, const char *path, bool *recovered, uint32_t *format);
struct docdb *docdb_free(struct docdb *db); /* folds the WAL into the file */
int32_t docdb_get(struct docdb *db, struct sb_str space, struct sb_str key, sb_docstore_fn fn,
                  void *ud);
int32_t docdb_put(struct docdb *db, const struct sb_doc_put *puts, uint32_t n, uint64_t *revs,
                  uint32_t *bad);
int32_t docdb_scan(struct docdb *db, struct sb_str space, struct sb_str from, uint32_t limit,
                   sb_doc_row_fn fn, void *ud);
/* Pages in the WAL that are not in the file yet. */
uint32_t docdb_behind(const struct docdb *db);
/* Reads every page and counts the documents; SB_E_CORRUPT. */
int32_t docdb_check(struct docdb *db, uint64_t *documents);
/* For who copies it. */
struct sqlite3 *docdb_handle(struct docdb *db);
/* Moves them, as far as no reader is in the way; idle: and cuts the WAL. Outside of commits. */
int32_t docdb_checkpoint(struct docdb *db, bool idle);
