/* storage-bench WHAT key=value…: fill, query, latest, csv, lines, rows-fill, rows-query. Everything
 * happens in dir=; tests/bench/run storage makes what is needed and puts the figures together. */
#include "storage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

void storage_fail(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	(void)fputs("storage-bench: ", stderr);
	(void)vfprintf(stderr, fmt, args);
	(void)fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static int64_t clock_of(clockid_t which)
{
	struct timespec t;
	(void)clock_gettime(which, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int64_t storage_now(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

int64_t storage_cpu(void)
{
	return clock_of(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t storage_thread(void)
{
	return clock_of(CLOCK_THREAD_CPUTIME_ID);
}

void storage_mark(const char *word)
{
	char line[64];
	(void)puts(word);
	(void)fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		storage_fail("nobody listens");
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t v = strtoull(text, &end, 10);
	if (*end || end == text)
		storage_fail("no number: %s", text);
	return v;
}

static void option(struct storage_task *task, const char *key, const char *value)
{
	const struct {
		const char *key;
		uint32_t *at;
	} numbers[] = {
		{ "devices", &task->devices }, { "rows", &task->rows },
		{ "group", &task->group },     { "windows", &task->windows },
		{ "repeat", &task->repeat },   { "series", &task->series },
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(key, numbers[i].key) == 0) {
			*numbers[i].at = (uint32_t)number(value);
			return;
		}
	if (strcmp(key, "dir") == 0)
		task->dir = value;
	else if (strcmp(key, "plugins") == 0)
		task->plugins = value;
	else if (strcmp(key, "file") == 0)
		task->file = value;
	else if (strcmp(key, "shape") == 0)
		task->shape = storage_shape_find(value);
	else if (strcmp(key, "head-max") == 0)
		task->head_max = number(value);
	else if (strcmp(key, "sync") == 0)
		task->sync = number(value) != 0;
	else
		storage_fail("no option %s", key);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(const struct storage_task *task);
	} kinds[] = {
		{ "fill", storage_fill },
		{ "query", storage_query },
		{ "latest", storage_latest },
		{ "csv", storage_csv },
		{ "lines", storage_lines },
		{ "rows-fill", storage_rows_fill },
		{ "rows-query", storage_rows_query },
	};
	struct storage_task task = { .devices = 2500,
		                     .rows = 240,
		                     .group = 1000,
		                     .windows = 1,
		                     .repeat = 5,
		                     .series = 1000,
		                     .head_max = 1ULL << 30,
		                     .sync = true };
	task.shape = storage_shape_find("generator");
	for (int i = 2; i < argc; i++) {
		char *equals = strchr(argv[i], '=');
		if (!equals)
			storage_fail("%s is not key=value", argv[i]);
		*equals = '\0';
		option(&task, argv[i], equals + 1);
	}
	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(argv[1], kinds[i].name) == 0) {
			kinds[i].run(&task);
			return 0;
		}
	storage_fail("what? fill, query, latest, csv, lines, rows-fill, rows-query");
}
