#include "cli/show.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/jsonwire.h"
#include "base/own.h"
#include "base/text.h"

void show_json(const json_t *value)
{
	_own_(buffer_fini) struct buffer text = { 0 };
	struct wire w = wire_on(&text, WIRE_JSON);

	jsonwire_give(&w, value);
	buffer_give(&text, "\n", 1);
	if (!text.bad)
		fwrite(text.p, 1, text.n, stdout);
}

void show_lines(const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		show_json(json_array_get(array, i));
}

char *show_stamp(char *buf, size_t cap, double ms)
{
	time_t s = (time_t)floor(ms / 1000);
	int rest = (int)(ms - (double)s * 1000);
	struct tm tm;
	char text[40];

	if (!gmtime_r(&s, &tm)) {
		snprintf(buf, cap, "?");
		return buf;
	}
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, cap, "%s.%03dZ", text, rest);
	return buf;
}

char *show_text(char *buf, size_t cap, const json_t *value)
{
	char number[33];

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		return text_show(buf, cap,
		                 sb_str_of(json_string_value(value), json_string_length(value)));
	case JSON_INTEGER:
		snprintf(buf, cap, "%lld", (long long)json_integer_value(value));
		return buf;
	case JSON_REAL:
		snprintf(buf, cap, "%.*s", (int)text_f64(number, json_real_value(value)), number);
		return buf;
	case JSON_TRUE:
	case JSON_FALSE:
		snprintf(buf, cap, "%s", json_is_true(value) ? "yes" : "no");
		return buf;
	case JSON_ARRAY:
	case JSON_OBJECT:
	case JSON_NULL:
		break;
	}
	snprintf(buf, cap, "-");
	return buf;
}

/* ---- tables */

static void cell_keep(struct show *t, const char *text)
{
	if (t->n == t->cap) {
		size_t cap = MAX(t->cap * 2, (size_t)64);
		char **p = realloc(t->cells, cap * sizeof(*p));

		if (!p)
			return;
		t->cells = p;
		t->cap = cap;
	}
	t->cells[t->n++] = strdup(text);
}

void show_begin(struct show *t, const char *headers)
{
	char word[64];

	*t = (struct show){ 0 };
	while (*headers) {
		size_t n = strcspn(headers, " ");

		snprintf(word, sizeof(word), "%.*s", (int)n, headers);
		cell_keep(t, word);
		t->columns++;
		headers += n + (headers[n] == ' ');
	}
}

void show_cell(struct show *t, const char *text)
{
	char clean[400];

	cell_keep(t, text && text[0]
	                     ? text_show(clean, sizeof(clean), sb_str_of(text, strlen(text)))
	                     : "-");
}

void show_value(struct show *t, const json_t *value)
{
	char text[400];

	show_text(text, sizeof(text), value);
	cell_keep(t, text[0] ? text : "-");
}

void show_time(struct show *t, const json_t *ms)
{
	char text[64];

	cell_keep(t,
	          json_is_number(ms) ? show_stamp(text, sizeof(text), json_number_value(ms)) : "-");
}

void show_ago(struct show *t, const json_t *ms, int64_t now_ms)
{
	double s = ((double)now_ms - json_number_value(ms)) / 1000;
	char text[64];

	if (!json_is_number(ms))
		snprintf(text, sizeof(text), "-");
	else if (s < 60)
		snprintf(text, sizeof(text), "%.0fs ago", MAX(s, 0.0));
	else if (s < 3600)
		snprintf(text, sizeof(text), "%.0fm ago", s / 60);
	else if (s < 86400)
		snprintf(text, sizeof(text), "%.0fh ago", s / 3600);
	else
		snprintf(text, sizeof(text), "%.0fd ago", s / 86400);
	cell_keep(t, text);
}

/* Columns are as wide as their characters, not their bytes. */
static int width_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xC0) != 0x80;
	return n;
}

void show_end(struct show *t)
{
	int widths[SHOW_COLUMNS_MAX] = { 0 };
	size_t columns = (size_t)t->columns;

	for (size_t i = t->bare ? columns : 0; i < t->n && columns <= SHOW_COLUMNS_MAX; i++) {
		int width = t->cells[i] ? width_of(t->cells[i]) : 0;

		widths[i % columns] = MAX(widths[i % columns], width);
	}
	for (size_t i = t->bare ? columns : 0; i < t->n && columns <= SHOW_COLUMNS_MAX; i++) {
		const char *text = t->cells[i] ? t->cells[i] : "?";
		bool last = i % columns == columns - 1;

		printf("%s%*s%s", text, last ? 0 : widths[i % columns] - width_of(text), "",
		       last ? "\n" : "  ");
	}
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct show){ 0 };
}
