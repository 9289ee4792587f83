/* Points on their way: encoded, committed in groups, in the head, seen by the feed, and a flush
 * after each window of `rows` rows a device. The time the generator takes is nobody's. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "histogram.h"
#include "journal/journal.h"
#include "series/series.h"
#include "storage.h"
#include "storage_db.h"

struct fill {
	const struct storage_task *task;
	struct storage_db db;
	struct storage_device *devices;
	uint32_t *streams;
	struct row *rows; /* of a group */
	uint32_t device;  /* whose turn it is */
	struct histogram commits;
	uint64_t points;
	int64_t append_ns, generator_ns, flush_ns, flush_cpu_ns;
};

static void begin(struct fill *f, const struct storage_task *task)
{
	f->task = task;
	storage_db_open(&f->db, task->dir, task->plugins, task->head_max);
	f->devices = calloc(task->devices, sizeof(*f->devices));
	f->streams = calloc(task->devices, sizeof(*f->streams));
	f->rows = calloc(task->group / STORAGE_FIELDS, sizeof(*f->rows));
	if (!f->devices || !f->streams || !f->rows)
		storage_fail("no memory");
	for (uint32_t i = 0; i < task->devices; i++) {
		storage_device_init(task->shape, &f->devices[i], i, task->devices);
		f->streams[i] = storage_db_stream(&f->db, i + 1, task->shape->types,
		                                  STORAGE_FIELDS);
	}
}

static void group(struct fill *f, uint32_t messages)
{
	int64_t cpu = storage_thread();
	for (uint32_t i = 0; i < messages; i++) {
		storage_device_next(f->task->shape, &f->devices[f->device], &f->rows[i]);
		f->rows[i].stream = f->streams[f->device];
		f->device = (f->device + 1) % f->task->devices;
	}
	f->generator_ns += storage_thread() - cpu;
	int64_t at = storage_now();
	for (uint32_t i = 0; i < messages; i++)
		storage_db_give(&f->db, &f->rows[i]);
	storage_db_commit(&f->db);
	int64_t took = storage_now() - at;
	f->append_ns += took;
	histogram_add(&f->commits, took);
	f->points += (uint64_t)messages * STORAGE_FIELDS;
}

static void window(struct fill *f)
{
	uint64_t left = (uint64_t)f->task->devices * f->task->rows;
	uint32_t most = f->task->group / STORAGE_FIELDS;
	while (left) {
		uint32_t n = left < most ? (uint32_t)left : most;
		group(f, n);
		left -= n;
	}
	storage_db_settle(&f->db);
	int64_t at = storage_now();
	int64_t cpu = storage_cpu();
	int r = series_db_flush(f->db.series);
	if (r < 0)
		storage_fail("flush: %d", r);
	f->flush_ns += storage_now() - at;
	f->flush_cpu_ns += storage_cpu() - cpu;
}

void storage_fill(const struct storage_task *task)
{
	struct fill *f = calloc(1, sizeof(*f));
	struct rusage usage;
	struct journal_stats before;
	struct journal_stats after;
	if (!f)
		storage_fail("no memory");
	begin(f, task);
	uint32_t first = task->windows > 2 ? 2 : 0;
	for (uint32_t i = 0; i < first; i++) /* segments are made: a life has few first days */
		window(f);
	if (first) {
		histogram_clear(&f->commits);
		f->points = 0;
		f->append_ns = f->generator_ns = f->flush_ns = f->flush_cpu_ns = 0;
	}
	storage_mark("measuring");
	journal_stats(f->db.journal, &before);
	int64_t cpu = storage_cpu();
	for (uint32_t i = first; i < task->windows; i++)
		window(f);
	cpu = storage_cpu() - cpu - f->generator_ns;
	journal_stats(f->db.journal, &after);
	storage_mark("measured");
	(void)getrusage(RUSAGE_SELF, &usage);
	double points = (double)f->points;
	(void)printf("{\"points\":%.0f,\"points_per_second\":%.0f,\"commit_p50_ms\":%.4f,"
	             "\"commit_p99_ms\":%.4f,\"cpu_us\":%.4f,\"flush_cpu_us\":%.4f,"
	             "\"flush_ms\":%.1f,\"max_rss_mib\":%.1f,\"journal_payload\":%.3f,"
	             "\"journal_written\":%.3f,\"segments\":%llu}\n",
	             points, points / (double)f->append_ns * 1e9, histogram_ms(&f->commits, 0.5),
	             histogram_ms(&f->commits, 0.99), (double)cpu / points / 1e3,
	             (double)f->flush_cpu_ns / points / 1e3, (double)f->flush_ns / 1e6,
	             (double)usage.ru_maxrss / 1024,
	             (double)(after.bytes_payload - before.bytes_payload) / points,
	             (double)(after.bytes_written - before.bytes_written) / points,
	             (unsigned long long)after.segments);
	storage_db_close(&f->db);
	free(f->devices);
	free(f->streams);
	free(f->rows);
	free(f);
}

/* ---- the same for InfluxDB */

static void value_print(const struct row_value *v, uint32_t i)
{
	const char *comma = i ? "," : " ";
	switch (v->type) {
	case SB_T_F64:
		(void)printf("%sf%u=%.17g", comma, i, v->v.f);
		break;
	case SB_T_BOOL:
		(void)printf("%sf%u=%s", comma, i, v->v.i ? "t" : "f");
		break;
	case SB_T_I64:
		(void)printf("%sf%u=%lldi", comma, i, (long long)v->v.i);
		break;
	default:
		(void)printf("%sf%u=\"%.*s\"", comma, i, (int)v->v.blob.n,
		             (const char *)v->v.blob.p);
	}
}

void storage_lines(const struct storage_task *task)
{
	struct storage_device *devices = calloc(task->devices, sizeof(*devices));
	struct row row = { 0 };
	if (!devices)
		storage_fail("no memory");
	for (uint32_t d = 0; d < task->devices; d++)
		storage_device_init(task->shape, &devices[d], d, task->devices);
	for (uint32_t i = 0; i < task->rows; i++)
		for (uint32_t d = 0; d < task->devices; d++) {
			storage_device_next(task->shape, &devices[d], &row);
			(void)printf("m,device=d%u", d);
			for (uint32_t k = 0; k < row.n; k++)
				value_print(&row.values[k], k);
			(void)printf(" %lld\n", (long long)row.ts_ns);
		}
	free(devices);
}
