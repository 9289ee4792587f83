/* The same points as rows of SQLite, durable at each commit: pt(series, ts, value) WITHOUT ROWID,
 * the best shape of rows there is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "histogram.h"
#include "storage.h"

#define PREFILL 1000000

struct rows {
	const struct storage_task *task;
	sqlite3 *db;
	sqlite3_stmt *insert;
	struct storage_device *devices;
	uint32_t device;
	struct histogram commits;
	uint64_t points;
	int64_t append_ns, generator_ns;
};

static void sql(struct rows *r, const char *text)
{
	char *why = NULL;
	if (sqlite3_exec(r->db, text, NULL, NULL, &why) != SQLITE_OK)
		storage_fail("%s: %s", text, why);
}

static sqlite3_stmt *prepare(struct rows *r, const char *text)
{
	sqlite3_stmt *stmt;
	if (sqlite3_prepare_v2(r->db, text, -1, &stmt, NULL) != SQLITE_OK)
		storage_fail("%s: %s", text, sqlite3_errmsg(r->db));
	return stmt;
}

static void open_rows(struct rows *r, const struct storage_task *task)
{
	char path[4200];
	r->task = task;
	(void)snprintf(path, sizeof(path), "%s/rows.db", task->dir);
	if (sqlite3_open(path, &r->db) != SQLITE_OK)
		storage_fail("cannot open %s", path);
	sql(r, "PRAGMA journal_mode=WAL");
	sql(r, task->sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF");
	sql(r, "CREATE TABLE IF NOT EXISTS pt(series INTEGER, ts INTEGER, value,"
	       " PRIMARY KEY(series, ts)) WITHOUT ROWID");
	r->insert = prepare(r, "INSERT OR REPLACE INTO pt VALUES(?1, ?2, ?3)");
}

static void insert(struct rows *r, uint32_t device, const struct row *row)
{
	for (uint16_t i = 0; i < row->n; i++) {
		const struct row_value *v = &row->values[i];
		(void)sqlite3_bind_int64(r->insert, 1, (int64_t)device * STORAGE_FIELDS + i);
		(void)sqlite3_bind_int64(r->insert, 2, row->ts_ns / 1000000);
		if (v->type == SB_T_F64)
			(void)sqlite3_bind_double(r->insert, 3, v->v.f);
		else if (v->type == SB_T_STR)
			(void)sqlite3_bind_text(r->insert, 3, (const char *)v->v.blob.p,
			                        (int)v->v.blob.n, SQLITE_STATIC);
		else
			(void)sqlite3_bind_int64(r->insert, 3, v->v.i);
		if (sqlite3_step(r->insert) != SQLITE_DONE)
			storage_fail("insert: %s", sqlite3_errmsg(r->db));
		(void)sqlite3_reset(r->insert);
	}
}

static void group(struct rows *r, struct row *rows, uint32_t messages)
{
	uint32_t first = r->device;
	int64_t cpu = storage_thread();
	for (uint32_t i = 0; i < messages; i++) {
		storage_device_next(r->task->shape, &r->devices[r->device], &rows[i]);
		r->device = (r->device + 1) % r->task->devices;
	}
	r->generator_ns += storage_thread() - cpu;
	int64_t at = storage_now();
	sql(r, "BEGIN");
	for (uint32_t i = 0; i < messages; i++)
		insert(r, (first + i) % r->task->devices, &rows[i]);
	sql(r, "COMMIT");
	int64_t took = storage_now() - at;
	r->append_ns += took;
	histogram_add(&r->commits, took);
	r->points += (uint64_t)messages * STORAGE_FIELDS;
}

/* Rows of other times, so that every point hits a leaf of its own as it would after a while. */
static void prefill(struct rows *r)
{
	uint32_t each = PREFILL / (r->task->devices * STORAGE_FIELDS);
	sql(r, "PRAGMA synchronous=OFF");
	sql(r, "BEGIN");
	for (uint32_t s = 0; s < r->task->devices * STORAGE_FIELDS; s++)
		for (uint32_t i = 0; i < each; i++) {
			(void)sqlite3_bind_int64(r->insert, 1, s);
			(void)sqlite3_bind_int64(r->insert, 2, (int64_t)i * 60000);
			(void)sqlite3_bind_double(r->insert, 3, 20 + i / 10.0);
			(void)sqlite3_step(r->insert);
			(void)sqlite3_reset(r->insert);
		}
	sql(r, "COMMIT");
	sql(r, "PRAGMA wal_checkpoint(TRUNCATE)");
	sql(r, "PRAGMA synchronous=FULL");
}

void storage_rows_fill(const struct storage_task *task)
{
	struct rows *r = calloc(1, sizeof(*r));
	struct row *rows = calloc(task->group / STORAGE_FIELDS, sizeof(*rows));
	if (!r || !rows)
		storage_fail("no memory");
	open_rows(r, task);
	r->devices = calloc(task->devices, sizeof(*r->devices));
	for (uint32_t i = 0; r->devices && i < task->devices; i++)
		storage_device_init(task->shape, &r->devices[i], i, task->devices);
	if (task->sync)
		prefill(r);
	storage_mark("measuring");
	int64_t cpu = storage_cpu();
	uint64_t left = (uint64_t)task->devices * task->rows;
	while (left) {
		uint64_t most = task->group / STORAGE_FIELDS;
		uint32_t n = (uint32_t)(left < most ? left : most);
		group(r, rows, n);
		left -= n;
	}
	cpu = storage_cpu() - cpu - r->generator_ns;
	sql(r, "PRAGMA wal_checkpoint(TRUNCATE)");
	storage_mark("measured");
	double points = (double)r->points;
	(void)printf("{\"points\":%.0f,\"points_per_second\":%.0f,\"commit_p50_ms\":%.4f,"
	             "\"commit_p99_ms\":%.4f,\"cpu_us\":%.4f}\n",
	             points, points / (double)r->append_ns * 1e9, histogram_ms(&r->commits, 0.5),
	             histogram_ms(&r->commits, 0.99), (double)cpu / points / 1e3);
	sqlite3_finalize(r->insert);
	sqlite3_close(r->db);
	free(r->devices);
	free(rows);
	free(r);
}

/* ---- the same questions */

static int64_t ask(struct rows *r, const char *text, int64_t series, int64_t from, int64_t to,
                   int64_t bucket)
{
	int64_t at = storage_now();
	sqlite3_stmt *q = prepare(r, text);
	(void)sqlite3_bind_int64(q, 1, series);
	(void)sqlite3_bind_int64(q, 2, from);
	(void)sqlite3_bind_int64(q, 3, to);
	(void)sqlite3_bind_int64(q, 4, bucket);
	while (sqlite3_step(q) == SQLITE_ROW)
		;
	sqlite3_finalize(q);
	return storage_now() - at;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

void storage_rows_query(const struct storage_task *task)
{
	static const char buckets[] = "SELECT ts/?4, min(value), max(value), avg(value), count(*)"
				      " FROM pt WHERE series=?1 AND ts>=?2 AND ts<?3 GROUP BY 1";
	static const char raw[] = "SELECT ts, value FROM pt WHERE series=?1 AND ts>=?2 AND ts<?3";
	struct rows *r = calloc(1, sizeof(*r));
	struct storage_device first;
	int64_t times[3][16];
	if (!r || task->repeat > 16)
		storage_fail("no memory");
	open_rows(r, task);
	storage_device_init(task->shape, &first, 0, 1);
	int64_t period = task->shape->period_ns / 1000000;
	int64_t begin = first.nominal_ns / 1000000;
	int64_t span = task->rows * period;
	for (uint32_t i = 0; i < task->repeat; i++) {
		times[0][i] = ask(r, buckets, i, begin, begin + span, span / 500);
		times[1][i] = ask(r, raw, i, begin + span / 2, begin + span / 2 + 86400000, 1);
		times[2][i] = 0;
		for (uint32_t s = 0; s < task->series; s++)
			times[2][i] += ask(r, buckets, s, begin + span / 2,
			                   begin + span / 2 + 3600000, 3600000);
	}
	for (int k = 0; k < 3; k++)
		qsort(times[k], task->repeat, sizeof(times[k][0]), by_time);
	(void)printf("{\"year_ms\":%.3f,\"day_ms\":%.3f,\"many_ms\":%.3f}\n",
	             (double)times[0][task->repeat / 2] / 1e6,
	             (double)times[1][task->repeat / 2] / 1e6,
	             (double)times[2][task->repeat / 2] / 1e6);
	sqlite3_finalize(r->insert);
	sqlite3_close(r->db);
	free(r);
}
