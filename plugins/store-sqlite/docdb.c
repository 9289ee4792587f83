#include "docdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql.h"

#define APPLICATION_ID 0x53425844 /* "SBXD" */
#define SPACE_MAX      64
#define KEY_MAX        512
#define DOC_MAX        (16 << 20)
#define REVS_AT_ONCE   1000000

struct docdb {
	sqlite3 *db;
	sqlite3_stmt *get, *rev_of, *put, *remove, *begin, *commit, *rollback, *reserve;
	uint64_t next_rev, rev_end; /* revisions reserved on disk: [next_rev, rev_end) */
	uint32_t behind;
};

/* ---- opening */

static const char schema[] = "PRAGMA page_size=4096;"
			     "PRAGMA journal_mode=WAL;"
			     "BEGIN;"
			     "CREATE TABLE doc(space TEXT NOT NULL, key BLOB NOT NULL,"
			     " rev INTEGER NOT NULL, value BLOB NOT NULL,"
			     " PRIMARY KEY(space, key)) WITHOUT ROWID;"
			     "CREATE TABLE counter(name TEXT PRIMARY KEY, next INTEGER NOT NULL)"
			     " WITHOUT ROWID;"
			     "INSERT INTO counter VALUES('rev', 1);"
			     "PRAGMA application_id=0x53425844;"
			     "PRAGMA user_version=1;"
			     "COMMIT;";

/* Checkpoints run from a timer, so that no commit waits for one. The default of this library is to
 * overwrite what is deleted with zeros: more writing for nothing here. */
static const char settings[] = "PRAGMA journal_mode=WAL;"
			       "PRAGMA synchronous=FULL;"
			       "PRAGMA locking_mode=EXCLUSIVE;"
			       "PRAGMA wal_autocheckpoint=0;"
			       "PRAGMA secure_delete=OFF;"
			       "PRAGMA journal_size_limit=4194304;"
			       "PRAGMA temp_store=MEMORY;"
			       "PRAGMA cache_size=-1024;";

static int on_wal(void *ud, sqlite3 *handle, const char *name, int pages)
{
	struct docdb *db = ud;

	(void)handle;
	(void)name;
	db->behind = (uint32_t)pages;
	return SQLITE_OK;
}

static bool has_content(const char *path, const char *suffix)
{
	char name[4096];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &st) == 0 && st.st_size > 0;
}

/* What the database says it is; 1: it is empty. */
static int32_t identify(sqlite3 *db, uint32_t *newer)
{
	int64_t tables = 0;
	int64_t application = 0;
	int64_t format = 0;
	int32_t r = sql_i64(db, "SELECT count(*) FROM sqlite_schema", &tables);

	if (r == 0)
		r = sql_i64(db, "PRAGMA application_id", &application);
	if (r == 0)
		r = sql_i64(db, "PRAGMA user_version", &format);
	if (r < 0)
		return r;
	if (!tables && !application && !format)
		return 1;
	if (application != APPLICATION_ID)
		return SB_E_TYPE;
	*newer = (uint32_t)format;
	return format == DOCDB_FORMAT ? 0 : SB_E_ABI;
}

static int32_t check(sqlite3 *db, const char *pragma)
{
	_own_(sql_finalizep) sqlite3_stmt *stmt = NULL;
	int32_t r = sql_prepare(db, pragma, &stmt);
	const unsigned char *text;

	if (r < 0)
		return r;
	if (sqlite3_step(stmt) != SQLITE_ROW)
		return SB_E_CORRUPT;
	text = sqlite3_column_text(stmt, 0);
	return text && strcmp((const char *)text, "ok") == 0 ? 0 : SB_E_CORRUPT;
}

static int32_t prepare(struct docdb *db)
{
	const struct {
		const char *sql;
		sqlite3_stmt **out;
	} all[] = {
		{ "SELECT value, rev FROM doc WHERE space=?1 AND key=?2", &db->get },
		{ "SELECT rev FROM doc WHERE space=?1 AND key=?2", &db->rev_of },
		{ "INSERT INTO doc(space, key, rev, value) VALUES(?1, ?2, ?3, ?4)"
		  " ON CONFLICT(space, key) DO UPDATE SET rev=excluded.rev, value=excluded.value",
		  &db->put },
		{ "DELETE FROM doc WHERE space=?1 AND key=?2", &db->remove },
		{ "BEGIN IMMEDIATE", &db->begin },
		{ "COMMIT", &db->commit },
		{ "ROLLBACK", &db->rollback },
		{ "UPDATE counter SET next=?1 WHERE name='rev'", &db->reserve },
	};
	int32_t r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(all) / sizeof(*all); i++)
		r = sql_prepare(db->db, all[i].sql, all[i].out);
	return r;
}

static int32_t run(struct docdb *db, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);
	int32_t r = sql_fault(db->db, rc);

	(void)sqlite3_reset(stmt);
	return r;
}

/* Revisions grow for ever, over restarts and removals too; a crash skips some. Reserved many at a
 * time, so that a commit does not write the counter as well. */
static int32_t reserve_revs(struct docdb *db)
{
	uint64_t end = db->next_rev + REVS_AT_ONCE;
	int32_t r;

	(void)sqlite3_bind_int64(db->reserve, 1, (int64_t)end);
	r = run(db, db->reserve);
	if (r == 0)
		db->rev_end = end;
	return r;
}

static int32_t open_existing(struct docdb *db)
{
	int64_t next = 0;
	int32_t r = sql_exec(db->db, settings);

	if (r == 0)
		r = check(db->db, "PRAGMA quick_check(1)");
	if (r == 0)
		r = sql_i64(db->db, "SELECT next FROM counter WHERE name='rev'", &next);
	if (r == 0 && next < 1)
		r = SB_E_CORRUPT;
	db->next_rev = (uint64_t)next;
	if (r == 0)
		r = prepare(db);
	if (r == 0)
		r = reserve_revs(db);
	if (r == -ENOSPC) { /* what is there can be read; the first put tries again */
		db->rev_end = db->next_rev;
		r = 0;
	}
	return r;
}

static int32_t open_file(struct docdb *db, const char *path)
{
	/* Ours alone from the first moment; SQLite gives its other files the same mode. */
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	close(fd);
	rc = sqlite3_open_v2(path, &db->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return sql_fault(db->db, rc);
	(void)sqlite3_extended_result_codes(db->db, 1);
	(void)sqlite3_wal_hook(db->db, on_wal, db);
	return sql_exec(db->db, "PRAGMA locking_mode=EXCLUSIVE");
}

int32_t docdb_new(struct docdb **out, const char *path, bool *recovered, uint32_t *format)
{
	struct docdb *db = calloc(1, sizeof(*db));
	bool unclean = has_content(path, "-wal");
	int32_t r;

	if (!db)
		return -ENOMEM;
	*recovered = unclean;
	r = open_file(db, path);
	if (r == 0)
		r = identify(db->db, format);
	if (r == 1)
		r = sql_exec(db->db, schema);
	if (r == 0)
		r = open_existing(db);
	if (r < 0) {
		docdb_free(db);
		return r;
	}
	/* autocheckpoint=0 took the hook away. */
	(void)sqlite3_wal_hook(db->db, on_wal, db);
	*out = db;
	return 0;
}

struct docdb *docdb_free(struct docdb *db)
{
	if (!db)
		return NULL;
	sqlite3_finalize(db->get);
	sqlite3_finalize(db->rev_of);
	sqlite3_finalize(db->put);
	sqlite3_finalize(db->remove);
	sqlite3_finalize(db->begin);
	sqlite3_finalize(db->commit);
	sqlite3_finalize(db->rollback);
	sqlite3_finalize(db->reserve);
	sqlite3_close(db->db);
	free(db);
	return NULL;
}

/* ---- documents */

static bool is_space(struct sb_str s)
{
	if (!s.n || s.n > SPACE_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr(".-/", c))
			return false;
		if (!c)
			return false;
	}
	return true;
}

static void bind_key(sqlite3_stmt *stmt, struct sb_str space, struct sb_str key)
{
	(void)sqlite3_bind_text(stmt, 1, space.p, (int)space.n, SQLITE_STATIC);
	(void)sqlite3_bind_blob(stmt, 2, key.n ? key.p : "", (int)key.n, SQLITE_STATIC);
}

static struct sb_bytes column_bytes(sqlite3_stmt *stmt, int column)
{
	const void *p = sqlite3_column_blob(stmt, column);
	return (struct sb_bytes){ p, (size_t)sqlite3_column_bytes(stmt, column) };
}

int32_t docdb_get(struct docdb *db, struct sb_str space, struct sb_str key, sb_docstore_fn fn,
                  void *ud)
{
	_own_(sql_finalizep) sqlite3_stmt *stmt = NULL;
	int rc;

	if (!is_space(space) || !key.n || key.n > KEY_MAX)
		return SB_E_NAME;
	/* A statement of its own: fn may ask again while it looks at the answer. */
	int32_t r = sql_prepare(db->db, sqlite3_sql(db->get), &stmt);
	if (r < 0)
		return r;
	bind_key(stmt, space, key);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE)
		return SB_E_NOT_FOUND;
	if (rc != SQLITE_ROW)
		return sql_fault(db->db, rc);
	fn(ud, 0, column_bytes(stmt, 0), (uint64_t)sqlite3_column_int64(stmt, 1));
	return 0;
}

/* The revision now; 0: there is none. */
static int32_t rev_of(struct docdb *db, const struct sb_doc_put *put, uint64_t *out)
{
	int rc;

	bind_key(db->rev_of, put->space, put->key);
	rc = sqlite3_step(db->rev_of);
	*out = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(db->rev_of, 0) : 0;
	int32_t r = sql_fault(db->db, rc);
	(void)sqlite3_reset(db->rev_of);
	return r;
}

static int32_t put_one(struct docdb *db, const struct sb_doc_put *put, uint64_t *rev)
{
	uint64_t now = 0;
	int32_t r = 0;

	if (put->if_rev != UINT64_MAX)
		r = rev_of(db, put, &now);
	if (r == 0 && put->if_rev != UINT64_MAX && now != put->if_rev)
		return SB_E_CONFLICT;
	if (r < 0)
		return r;
	*rev = 0;
	if (!put->doc.n) {
		bind_key(db->remove, put->space, put->key);
		return run(db, db->remove);
	}
	if (db->next_rev == db->rev_end)
		r = reserve_revs(db);
	if (r < 0)
		return r;
	*rev = db->next_rev++;
	bind_key(db->put, put->space, put->key);
	(void)sqlite3_bind_int64(db->put, 3, (int64_t)*rev);
	(void)sqlite3_bind_blob(db->put, 4, put->doc.p, (int)put->doc.n, SQLITE_STATIC);
	return run(db, db->put);
}

static int32_t check_put(const struct sb_doc_put *put)
{
	if (!is_space(put->space) || !put->key.n || put->key.n > KEY_MAX)
		return SB_E_NAME;
	return put->doc.n > DOC_MAX ? SB_E_RANGE : 0;
}

int32_t docdb_put(struct docdb *db, const struct sb_doc_put *puts, uint32_t n, uint64_t *revs,
                  uint32_t *bad)
{
	uint64_t end = db->rev_end;
	uint64_t rev;
	int32_t r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = check_put(&puts[i]);
		if (r < 0 && bad)
			*bad = i;
	}
	if (r == 0)
		r = run(db, db->begin);
	if (r < 0)
		return r;
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = put_one(db, &puts[i], revs ? &revs[i] : &rev);
		if (r < 0 && bad)
			*bad = i;
	}
	if (r == 0)
		r = run(db, db->commit);
	if (r < 0) {
		if (!sqlite3_get_autocommit(db->db)) /* a full disk rolls back by itself */
			(void)run(db, db->rollback);
		/* What was reserved inside is not on disk; what was used is skipped for ever. */
		db->rev_end = end > db->next_rev ? end : db->next_rev;
	}
	return r;
}

int32_t docdb_scan(struct docdb *db, struct sb_str space, struct sb_str from, uint32_t limit,
                   sb_doc_row_fn fn, void *ud)
{
	_own_(sql_finalizep) sqlite3_stmt *stmt = NULL;
	int32_t r;
	int rc;

	if (!is_space(space) || from.n > KEY_MAX)
		return SB_E_NAME;
	r = sql_prepare(db->db,
	                "SELECT key, value, rev FROM doc WHERE space=?1 AND key>=?2"
	                " ORDER BY key LIMIT ?3",
	                &stmt);
	if (r < 0)
		return r;
	bind_key(stmt, space, from);
	(void)sqlite3_bind_int64(stmt, 3, limit ? (int64_t)limit : -1);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct sb_bytes key = column_bytes(stmt, 0);
		r = fn(ud, sb_str_of((const char *)key.p, key.n), column_bytes(stmt, 1),
		       (uint64_t)sqlite3_column_int64(stmt, 2));
		if (r < 0)
			return r;
	}
	return sql_fault(db->db, rc);
}

/* ---- the WAL */

uint32_t docdb_behind(const struct docdb *db)
{
	return db->behind;
}

int32_t docdb_checkpoint(struct docdb *db, bool idle)
{
	int left = 0;
	int done = 0;
	int rc = sqlite3_wal_checkpoint_v2(db->db, NULL,
	                                   idle ? SQLITE_CHECKPOINT_TRUNCATE
	                                        : SQLITE_CHECKPOINT_PASSIVE,
	                                   &left, &done);

	if (rc == SQLITE_OK && done == left)
		db->behind = 0;
	return sql_fault(db->db, rc);
}

int32_t docdb_check(struct docdb *db, uint64_t *documents)
{
	int64_t n = 0;
	int32_t r = check(db->db, "PRAGMA integrity_check(1)");

	if (r == 0)
		r = sql_i64(db->db, "SELECT count(*) FROM doc", &n);
	*documents = (uint64_t)n;
	return r;
}

struct sqlite3 *docdb_handle(struct docdb *db)
{
	return db->db;
}
