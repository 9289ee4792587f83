/* query, series list: history. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/when.h"

static const struct cli_option query_options[] = {
	{ "from", "TIME", "1h (ago), 2026-01-02T03:04:05Z, or ms since 1970; default: a day ago" },
	{ "to", "TIME", "default: now" },
	{ "every", "WIDTH", "buckets: 10s, 5m, 6h, 1d, 1w, 1M, 1y, as the calendar has them" },
	{ "zone", "NAME", "time zone of buckets, as Europe/Berlin; default: the platform's" },
	{ "aggregate", "LIST",
	  "of each bucket: mean,p95,...; default: count,min,max,mean,first,last" },
	{ "limit", "N", "values or buckets per series, 100,000 at most" },
	{ "newest", NULL, "newest first" },
	{ "csv", NULL, "comma-separated" },
	{ NULL, NULL, NULL },
};

/* "mean,p95" to an array. */
static json_t *split(const char *list)
{
	json_t *out = json_array();

	while (*list) {
		size_t n = strcspn(list, ",");

		json_array_append_new(out, json_stringn(list, n));
		list += n + (list[n] == ',');
	}
	return out;
}

static int take_times(struct cli *cli, json_t *params)
{
	static const char *const times[] = { "from", "to" };
	double ms;

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		const char *text = cli_option(cli, times[i], 0);

		if (text && when_parse(text, &ms) < 0)
			return cli_usage(cli, "--%s: '%s' is not a time", times[i], text);
		if (text)
			json_object_set_new(params, times[i], json_real(ms));
	}
	return CLI_OK;
}

static int take_options(struct cli *cli, json_t *params)
{
	const char *every = cli_option(cli, "every", 0);
	const char *zone = cli_option(cli, "zone", 0);
	const char *aggregate = cli_option(cli, "aggregate", 0);
	const char *limit = cli_option(cli, "limit", 0);

	if (!every && (zone || aggregate))
		return cli_usage(cli, "--%s needs --every", zone ? "zone" : "aggregate");
	if (every)
		json_object_set_new(params, "bucket", json_string(every));
	if (zone)
		json_object_set_new(params, "zone", json_string(zone));
	if (aggregate)
		json_object_set_new(params, "aggregate", split(aggregate));
	if (limit)
		json_object_set_new(params, "limit", json_integer(strtoll(limit, NULL, 10)));
	if (cli_option(cli, "newest", 0))
		json_object_set_new(params, "order", json_string("desc"));
	return take_times(cli, params);
}

/* ---- printing */

static void csv_text(const char *text)
{
	bool quote = strpbrk(text, ",\"\r\n") != NULL;

	if (quote)
		putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	if (quote)
		putchar('"');
}

/* [[value, ms], ...] as "on 3600s; off 12.5s". */
static char *states_text(char *buf, size_t cap, const json_t *states)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < json_array_size(states) && n < cap; i++) {
		const json_t *state = json_array_get(states, i);
		char value[100];

		show_text(value, sizeof(value), json_array_get(state, 0));
		n += (size_t)snprintf(buf + n, cap - n, "%s%s %.9gs", n ? "; " : "", value,
		                      json_number_value(json_array_get(state, 1)) / 1000);
	}
	return buf;
}

static void csv_series(const json_t *s)
{
	const json_t *rows = json_object_get(s, "points");
	char text[1024];

	rows = rows ? rows : json_object_get(s, "buckets");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		csv_text(json_string_value(json_object_get(s, "device")));
		putchar(',');
		csv_text(json_string_value(json_object_get(s, "name")));
		for (size_t k = 0; k < json_array_size(row); k++) {
			const json_t *value = json_array_get(row, k);

			putchar(',');
			if (json_is_string(value))
				csv_text(json_string_value(value));
			else if (json_is_array(value))
				csv_text(states_text(text, sizeof(text), value));
			else if (json_is_boolean(value))
				fputs(json_is_true(value) ? "true" : "false", stdout);
			else if (!json_is_null(value))
				fputs(show_text(text, sizeof(text), value), stdout);
		}
		putchar('\n');
	}
}

/* "TIME MEAN P95", or the usual ones where the answer names no columns. */
static void headers(char *buf, size_t cap, const json_t *columns, const char *usual)
{
	size_t n = (size_t)snprintf(buf, cap, "%s", columns ? "TIME" : usual);

	for (size_t i = 0; i < json_array_size(columns) && n < cap; i++)
		n += (size_t)snprintf(buf + n, cap - n, " %s",
		                      json_string_value(json_array_get(columns, i)));
	for (size_t i = 0; buf[i]; i++)
		buf[i] = (char)toupper((unsigned char)buf[i]);
}

static void cell(struct show *t, const json_t *value)
{
	char text[400];

	if (json_is_array(value))
		show_cell(t, states_text(text, sizeof(text), value));
	else
		show_value(t, value);
}

static void table_series(const json_t *s)
{
	const json_t *points = json_object_get(s, "points");
	const json_t *rows = points ? points : json_object_get(s, "buckets");
	char device[300];
	char name[300];
	char unit[100];
	char text[300];
	struct show t;

	show_text(unit, sizeof(unit), json_object_get(s, "unit"));
	printf("%s/%s%s%s\n", show_text(device, sizeof(device), json_object_get(s, "device")),
	       show_text(name, sizeof(name), json_object_get(s, "name")), *unit ? " in " : "",
	       unit);
	headers(text, sizeof(text), points ? NULL : json_object_get(s, "columns"),
	        points ? "TIME VALUE QUALITY FLAGS" : "TIME COUNT MIN MAX MEAN FIRST LAST");
	show_begin(&t, text);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		show_time(&t, json_array_get(row, 0));
		for (size_t k = 1; k < (size_t)t.columns; k++)
			cell(&t, json_array_get(row, k));
	}
	show_end(&t);
	if (json_object_get(s, "unfit"))
		puts(show_text(text, sizeof(text), json_object_get(s, "unfit")));
	if (json_is_true(json_object_get(s, "truncated")))
		puts("… there is more: --limit, or a later --from");
	puts("");
}

static void csv_headers(const struct cli *cli)
{
	const char *asked = cli_option(cli, "aggregate", 0);

	printf("device,series,time_ms,%s\n", asked ? asked
	                                     : cli_option(cli, "every", 0)
	                                             ? "count,min,max,mean,first,last"
	                                             : "value,quality,flags");
}

static void print_answer(const struct cli *cli, const json_t *answer, bool first)
{
	const json_t *series = json_object_get(answer, "series");

	if (cli->json) {
		show_lines(series);
		return;
	}
	if (cli_option(cli, "csv", 0) && first)
		csv_headers(cli);
	for (size_t i = 0; i < json_array_size(series); i++) {
		if (cli_option(cli, "csv", 0))
			csv_series(json_array_get(series, i));
		else
			table_series(json_array_get(series, i));
	}
}

/* Series of one device in one call; args[i] is "DEVICE", "DEVICE/SERIES" or a series of the last.
 */
static int query_one(struct cli *cli, const char *device, json_t *names, bool first)
{
	json_t *params = json_pack("{s:s}", "device", device);
	json_t *answer = NULL;
	int r = take_options(cli, params);

	if (json_array_size(names))
		json_object_set(params, "series", names);
	json_decref(names);
	if (r != CLI_OK) {
		json_decref(params);
		return r;
	}
	r = cli_call(cli, "telemetry.query", params, &answer);
	if (r == CLI_OK)
		print_answer(cli, answer, first);
	json_decref(answer);
	return r;
}

static int query_run(struct cli *cli)
{
	char device[256] = "";
	json_t *names = NULL;
	bool first = true;
	int r = CLI_OK;

	for (int i = 0; i < cli->n_args && r == CLI_OK; i++) {
		const char *slash = strchr(cli->args[i], '/');
		size_t n = slash ? (size_t)(slash - cli->args[i]) : strlen(cli->args[i]);
		bool same = strlen(device) == n && strncmp(device, cli->args[i], n) == 0;

		if (device[0] == '\0' || (slash && !same)) {
			if (device[0])
				r = query_one(cli, device, steal(names), first);
			first = first && device[0] == '\0';
			snprintf(device, sizeof(device), "%.*s", (int)n, cli->args[i]);
			names = json_array();
			if (!slash)
				continue;
		}
		json_array_append_new(names, json_string(slash ? slash + 1 : cli->args[i]));
	}
	if (r == CLI_OK)
		r = query_one(cli, device, names, first);
	return r;
}

static int query_kind(struct cli *cli)
{
	const char *slash = strchr(cli->args[0], '/');
	json_t *answer = NULL;

	if (!slash)
		return cli_usage(cli, "'%s' is not DEVICE/SERIES", cli->args[0]);
	int r = cli_call(cli, "series.update",
	                 json_pack("{s:s%, s:s, s:s}", "device", cli->args[0],
	                           (size_t)(slash - cli->args[0]), "name", slash + 1, "kind",
	                           cli->args[1]),
	                 &answer);

	if (r == CLI_OK && cli->json)
		show_json(json_object_get(answer, "series"));
	json_decref(answer);
	return r;
}

static int query_series(struct cli *cli)
{
	json_t *params = json_pack("{s:s, s:i}", "device", cli->args[0], "limit", 1000);
	json_t *answer = NULL;
	int r = cli_call(cli, "series.list", params, &answer);
	const json_t *list = json_object_get(answer, "series");
	struct show t;

	if (r == CLI_OK && cli->json) {
		show_lines(list);
	} else if (r == CLI_OK) {
		show_begin(&t, "SERIES KIND TYPE VALUE UNIT TIME");
		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *s = json_array_get(list, i);
			const json_t *latest = json_object_get(s, "latest");

			show_value(&t, json_object_get(s, "name"));
			show_value(&t, json_object_get(s, "kind"));
			show_value(&t, json_object_get(s, "type"));
			show_value(&t, json_object_get(latest, "value"));
			show_value(&t, json_object_get(s, "unit"));
			show_time(&t, json_object_get(latest, "ts"));
		}
		show_end(&t);
	}
	json_decref(answer);
	return r;
}

const struct command query_commands[] = {
	{ "series list", "DEVICE", "Series of a device with their newest values.", NULL,
	  query_series, 1, 1 },
	{ "series kind", "DEVICE/SERIES KIND",
	  "What it is: gauge, counter, absolute, state, text, event, auto.", NULL, query_kind, 2,
	  2 },
	{ "query", "DEVICE [SERIES...]", "History; also as DEVICE/SERIES, of several devices.",
	  query_options, query_run, 1, -1 },
	{ 0 },
};
