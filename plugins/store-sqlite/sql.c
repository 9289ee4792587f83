#include "sql.h"

#include <errno.h>

#include <signalbox/error.h>

/* All connections together; pages beyond it are given back before new ones are taken. */
#define HEAP_SOFT_LIMIT (8 << 20)
/* Per connection: 64 slots of 256 bytes instead of 100 of 1200. */
#define LOOKASIDE_BYTES 256
#define LOOKASIDE_SLOTS 64

void sql_init(void)
{
	/* Fails when another part of the process was first; then its settings are as good. */
	(void)sqlite3_config(SQLITE_CONFIG_LOOKASIDE, LOOKASIDE_BYTES, LOOKASIDE_SLOTS);
	(void)sqlite3_initialize();
	(void)sqlite3_soft_heap_limit64(HEAP_SOFT_LIMIT);
}

static int32_t io_fault(sqlite3 *db)
{
	int error = sqlite3_system_errno(db);

	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		return -ENOSPC;
	return error > 0 ? -error : -EIO;
}

int32_t sql_fault(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return SB_E_CORRUPT;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_TOOBIG:
		return SB_E_RANGE;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return io_fault(db);
	default:
		return SB_E_FAIL;
	}
}

int32_t sql_exec(sqlite3 *db, const char *sql)
{
	return sql_fault(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

int32_t sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out)
{
	return sql_fault(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL));
}

int32_t sql_i64(sqlite3 *db, const char *sql, int64_t *out)
{
	_own_(sql_finalizep) sqlite3_stmt *stmt = NULL;
	int32_t r = sql_prepare(db, sql, &stmt);
	int rc;

	if (r < 0)
		return r;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE)
		return SB_E_CORRUPT;
	if (rc != SQLITE_ROW)
		return sql_fault(db, rc);
	*out = sqlite3_column_int64(stmt, 0);
	return 0;
}
