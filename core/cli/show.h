/* What commands print: JSON for programs, aligned columns for people. Text of devices is shown with
 * control characters escaped, so that nothing they send can play with a terminal. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void show_json(const json_t *value);  /* one line */
void show_lines(const json_t *array); /* one line per item */

#define SHOW_COLUMNS_MAX 20
struct show { /* a table: rows are kept until show_end(), for their widths */
	int columns, at;
	char **cells;
	size_t n, cap;
	bool bare; /* without the line of headers */
};

void show_begin(struct show *t, const char *headers); /* "ID STATE NAME" */
/* One cell; NULL is "-". Rows follow from the number of headers. */
void show_cell(struct show *t, const char *text);
void show_value(struct show *t, const json_t *value); /* number, text, bool, null */
void show_time(struct show *t, const json_t *ms);     /* absent: "-" */
void show_ago(struct show *t, const json_t *ms, int64_t now_ms);
void show_end(struct show *t); /* prints and forgets */

char *show_text(char *buf, size_t cap, const json_t *value); /* a value as a cell has it */
char *show_stamp(char *buf, size_t cap, double ms);          /* 2026-01-02T03:04:05.678Z */
