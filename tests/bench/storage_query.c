/* What people ask: a year of one series as 500 buckets, a day of it raw, an hour of a thousand
 * series, the newest value of all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "series/series.h"
#include "storage.h"
#include "storage_db.h"

enum { SERIES_AT_ONCE = 256 };

struct asked {
	struct storage_db db;
	const struct storage_task *task;
	uint64_t results, points;
};

static int on_point(void *ud, const struct series_point *p)
{
	struct asked *a = ud;
	(void)p;
	a->results++;
	a->points++;
	return 0;
}

static int on_bucket(void *ud, const struct series_bucket *b)
{
	struct asked *a = ud;
	a->results++;
	a->points += b->count;
	return 0;
}

static struct series_query question(struct asked *a, struct series *series, int64_t from,
                                    int64_t to, int64_t bucket)
{
	return (struct series_query){ .series = series,
		                      .from_ns = from,
		                      .to_ns = to,
		                      .bucket_ns = bucket,
		                      .point = on_point,
		                      .bucket = on_bucket,
		                      .ud = a };
}

static void ask(struct asked *a, uint32_t device, uint8_t field, int64_t from, int64_t to,
                int64_t bucket)
{
	struct series *series = storage_db_series(&a->db, device, field);
	struct series_query q = question(a, series, from, to, bucket);
	int r = series_db_query(a->db.series, &q);
	if (r < 0)
		storage_fail("query: %d", r);
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static double median_ms(int64_t *times, uint32_t n)
{
	qsort(times, n, sizeof(*times), by_time);
	return (double)times[n / 2] / 1e6;
}

/* A series each time, so that none is asked twice. */
static void one_series(struct asked *a, const char *name, int64_t from, int64_t to, int64_t bucket)
{
	int64_t *times = calloc(a->task->repeat, sizeof(*times));
	if (!times)
		storage_fail("no memory");
	a->results = a->points = 0;
	int64_t cpu = storage_thread();
	for (uint32_t i = 0; i < a->task->repeat; i++) {
		int64_t at = storage_now();
		ask(a, 1 + i / STORAGE_FIELDS % a->task->devices, i % STORAGE_FIELDS, from, to,
		    bucket);
		times[i] = storage_now() - at;
	}
	cpu = storage_thread() - cpu;
	(void)printf("\"%s_first_ms\":%.3f,\"%s_cpu_ms\":%.3f,", name, (double)times[0] / 1e6, name,
	             (double)cpu / a->task->repeat / 1e6);
	(void)printf("\"%s_ms\":%.3f,\"%s_results\":%.0f,\"%s_points\":%.0f", name,
	             median_ms(times, a->task->repeat), name, (double)a->results / a->task->repeat,
	             name, (double)a->points / a->task->repeat);
	free(times);
}

/* As telemetry.query asks for many: one view, the blocks read at once for some of them. */
static void hour(struct asked *a, int64_t from, int64_t to)
{
	struct series *series[SERIES_AT_ONCE];
	struct series_view *view;
	a->results = a->points = 0;
	if (series_view_open(a->db.series, &view) < 0)
		storage_fail("no memory");
	for (uint32_t i = 0; i < a->task->series; i += SERIES_AT_ONCE) {
		uint32_t n = 0;
		for (; n < SERIES_AT_ONCE && i + n < a->task->series; n++)
			series[n] = storage_db_series(&a->db, 1 + (i + n) / STORAGE_FIELDS,
			                              (uint8_t)((i + n) % STORAGE_FIELDS));
		series_view_fetch(view, series, n, from, to, NULL, NULL);
		for (uint32_t k = 0; k < n; k++) {
			struct series_query q = question(a, series[k], from, to, to - from);
			if (series_view_query(view, &q) < 0)
				storage_fail("query");
		}
	}
	series_view_close(view);
}

static void many_series(struct asked *a, int64_t from, int64_t to)
{
	int64_t *times = calloc(a->task->repeat, sizeof(*times));
	if (!times)
		storage_fail("no memory");
	int64_t cpu = storage_thread();
	for (uint32_t i = 0; i < a->task->repeat; i++) {
		int64_t at = storage_now();
		hour(a, from, to);
		times[i] = storage_now() - at;
	}
	cpu = storage_thread() - cpu;
	(void)printf("\"many_first_ms\":%.3f,\"many_cpu_ms\":%.3f,", (double)times[0] / 1e6,
	             (double)cpu / a->task->repeat / 1e6);
	(void)printf("\"many_ms\":%.3f,\"many_points\":%llu", median_ms(times, a->task->repeat),
	             (unsigned long long)a->points);
	free(times);
}

/* The windows of fill: series from begin on, `rows` minutes. */
void storage_query(const struct storage_task *task)
{
	struct asked *a = calloc(1, sizeof(*a));
	struct storage_device first;
	if (!a)
		storage_fail("no memory");
	a->task = task;
	storage_db_open(&a->db, task->dir, task->plugins, task->head_max);
	storage_device_init(task->shape, &first, 0, 1);
	int64_t period = task->shape->period_ns;
	int64_t begin = first.nominal_ns / period * period;
	int64_t end = begin + (int64_t)task->rows * period;
	int64_t hour = 3600000000000;
	(void)printf("{");
	if (task->series) {
		many_series(a, begin + (end - begin) / 2 / hour * hour,
		            begin + (end - begin) / 2 / hour * hour + hour);
	} else {
		one_series(a, "year", begin, end, (end - begin) / 500);
		(void)printf(",");
		one_series(a, "day", begin + (end - begin) / 2,
		           begin + (end - begin) / 2 + 24 * hour, 0);
	}
	(void)printf("}\n");
	storage_db_close(&a->db);
	free(a);
}

void storage_latest(const struct storage_task *task)
{
	struct asked *a = calloc(1, sizeof(*a));
	struct series **series = calloc((size_t)task->devices * STORAGE_FIELDS, sizeof(*series));
	int64_t *times = calloc(task->repeat, sizeof(*times));
	struct series_latest latest;
	uint64_t known = 0;
	if (!a || !series || !times)
		storage_fail("no memory");
	storage_db_open(&a->db, task->dir, task->plugins, task->head_max);
	uint32_t n = 0;
	for (uint32_t d = 1; d <= task->devices; d++)
		for (uint8_t i = 0; i < STORAGE_FIELDS; i++)
			series[n++] = storage_db_series(&a->db, d, i);
	for (uint32_t i = 0; i < task->repeat; i++) {
		int64_t at = storage_now();
		known = 0;
		for (uint32_t s = 0; s < n; s++) {
			series_db_latest(a->db.series, series[s], &latest);
			known += latest.type != SB_T_NULL;
		}
		times[i] = storage_now() - at;
	}
	if (known != n)
		storage_fail("%llu of %u series are known", (unsigned long long)known, n);
	(void)printf("{\"latest_ms\":%.3f,\"series\":%u}\n", median_ms(times, task->repeat), n);
	storage_db_close(&a->db);
	free(series);
	free(times);
	free(a);
}
