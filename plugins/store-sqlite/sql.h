/* SQLite as this plugin uses it: faults as error codes, statements that end themselves. */
#pragma once
#include <stdint.h>

#include <sqlite3.h>

struct plug;

#define _own_(f) __attribute__((cleanup(f)))

/* One process-wide setting each, before the first connection: little memory. */
void sql_init(void);
/* A fault of the last call on db, as an error code: -ENOSPC when the disk is full, SB_E_CORRUPT
 * when the file is damaged, -ENOMEM, -EIO and so on. rc SQLITE_OK, ROW, DONE: 0. */
int32_t sql_fault(sqlite3 *db, int rc);
int32_t sql_exec(sqlite3 *db, const char *sql);
int32_t sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out);
/* One integer, by a statement or pragma that gives one. */
int32_t sql_i64(sqlite3 *db, const char *sql, int64_t *out);

static inline void sql_finalizep(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}
