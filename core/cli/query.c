/* query, series list: history. */
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
	{ "bucket", "TIME", "10s, 5m, 1h: count, min, max, mean, first, last of each" },
	{ "limit", "N", "values or buckets per series, 100,000 at most" },
	{ "newest", NULL, "newest first" },
	{ "csv", NULL, "comma-separated" },
	{ NULL, NULL, NULL },
};

static int take_options(struct cli *cli, json_t *params)
{
	static const char *const times[] = { "from", "to" };
	const char *bucket = cli_option(cli, "bucket", 0);
	const char *limit = cli_option(cli, "limit", 0);
	double ms;

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		const char *text = cli_option(cli, times[i], 0);

		if (text && when_parse(text, &ms) < 0)
			return cli_usage(cli, "--%s: '%s' is not a time", times[i], text);
		if (text)
			json_object_set_new(params, times[i], json_real(ms));
	}
	if (bucket && when_duration(bucket, &ms) < 0)
		return cli_usage(cli, "--bucket: '%s' is not a duration like 10s, 5m, 1h", bucket);
	if (bucket)
		json_object_set_new(params, "bucket", json_real(ms));
	if (limit)
		json_object_set_new(params, "limit", json_integer(strtoll(limit, NULL, 10)));
	if (cli_option(cli, "newest", 0))
		json_object_set_new(params, "order", json_string("desc"));
	return CLI_OK;
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

static void csv_series(const json_t *s)
{
	const json_t *rows = json_object_get(s, "points");
	char text[64];

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
			else if (json_is_boolean(value))
				fputs(json_is_true(value) ? "true" : "false", stdout);
			else if (!json_is_null(value))
				fputs(show_text(text, sizeof(text), value), stdout);
		}
		putchar('\n');
	}
}

static void table_series(const json_t *s)
{
	const json_t *points = json_object_get(s, "points");
	const json_t *rows = points ? points : json_object_get(s, "buckets");
	char device[300];
	char name[300];
	char unit[100];
	struct show t;

	show_text(unit, sizeof(unit), json_object_get(s, "unit"));
	printf("%s/%s%s%s\n", show_text(device, sizeof(device), json_object_get(s, "device")),
	       show_text(name, sizeof(name), json_object_get(s, "name")), *unit ? " in " : "",
	       unit);
	show_begin(&t, points ? "TIME VALUE QUALITY FLAGS" : "TIME COUNT MIN MAX MEAN FIRST LAST");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		show_time(&t, json_array_get(row, 0));
		for (size_t k = 1; k < (points ? 4 : 7); k++)
			show_value(&t, json_array_get(row, k));
	}
	show_end(&t);
	if (json_is_true(json_object_get(s, "truncated")))
		puts("… there is more: --limit, or a later --from");
	puts("");
}

static void print_answer(const struct cli *cli, const json_t *answer, bool headers)
{
	const json_t *series = json_object_get(answer, "series");

	if (cli->json) {
		show_lines(series);
		return;
	}
	if (cli_option(cli, "csv", 0) && headers)
		puts(cli_option(cli, "bucket", 0)
		             ? "device,series,time_ms,count,min,max,mean,first,last"
		             : "device,series,time_ms,value,quality,flags");
	for (size_t i = 0; i < json_array_size(series); i++) {
		if (cli_option(cli, "csv", 0))
			csv_series(json_array_get(series, i));
		else
			table_series(json_array_get(series, i));
	}
}

/* Series of one device in one call; args[i] is "DEVICE", "DEVICE/SERIES" or a series of the last.
 */
static int query_one(struct cli *cli, const char *device, json_t *names, bool headers)
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
		print_answer(cli, answer, headers);
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
		show_begin(&t, "SERIES TYPE VALUE UNIT TIME");
		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *s = json_array_get(list, i);
			const json_t *latest = json_object_get(s, "latest");

			show_value(&t, json_object_get(s, "name"));
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
	{ "query", "DEVICE [SERIES...]", "History; also as DEVICE/SERIES, of several devices.",
	  query_options, query_run, 1, -1 },
	{ 0 },
};
