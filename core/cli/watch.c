/* watch: values as they arrive. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/when.h"

static const struct cli_option watch_options[] = {
	{ "series", "NAME", "only these series; give it again for more" },
	{ "count", "N", "end after so many values" },
	{ "for", "TIME", "end after so long: 10s, 5m" },
	{ NULL, NULL, NULL },
};

static void print_point(const struct cli *cli, const json_t *p)
{
	char stamp[40];
	char device[300];
	char series[300];
	char value[600];
	char unit[100];
	const json_t *u = json_object_get(p, "unit");

	if (cli->json) {
		show_json(p);
		return;
	}
	printf("%s %s/%s %s%s%s\n",
	       show_stamp(stamp, sizeof(stamp), json_number_value(json_object_get(p, "ts"))),
	       show_text(device, sizeof(device), json_object_get(p, "device")),
	       show_text(series, sizeof(series), json_object_get(p, "series")),
	       show_text(value, sizeof(value), json_object_get(p, "value")), u ? " " : "",
	       u ? show_text(unit, sizeof(unit), u) : "");
}

/* Returns how many are still to come. */
static long print_event(const struct cli *cli, const json_t *event, long left)
{
	const json_t *params = json_object_get(event, "params");
	const json_t *points = json_object_get(params, "points");
	const json_t *gap = json_object_get(params, "gap");

	for (size_t i = 0; i < json_array_size(points) && left > 0; i++, left--)
		print_point(cli, json_array_get(points, i));
	if (gap)
		fprintf(stderr, "signalbox: %lld values were left out\n",
		        (long long)json_integer_value(gap));
	fflush(stdout);
	return left;
}

static json_t *watch_params(const struct cli *cli)
{
	json_t *params = json_object();
	json_t *devices = json_array();
	json_t *names = json_array();

	for (int i = 0; i < cli->n_args; i++) {
		const char *slash = strchr(cli->args[i], '/');
		size_t n = slash ? (size_t)(slash - cli->args[i]) : strlen(cli->args[i]);

		if (n)
			json_array_append_new(devices, json_stringn(cli->args[i], n));
		if (slash && slash[1])
			json_array_append_new(names, json_string(slash + 1));
	}
	for (int i = 0; cli_option(cli, "series", i); i++)
		json_array_append_new(names, json_string(cli_option(cli, "series", i)));
	if (json_array_size(devices))
		json_object_set(params, "devices", devices);
	if (json_array_size(names))
		json_object_set(params, "series", names);
	json_decref(devices);
	json_decref(names);
	return params;
}

static int watch_run(struct cli *cli)
{
	const char *count = cli_option(cli, "count", 0);
	const char *text = cli_option(cli, "for", 0);
	double left_ms = 1e15;
	double end_ms;
	double now_ms;
	long left = count ? strtol(count, NULL, 10) : INT64_MAX;

	if (text && when_duration(text, &left_ms) < 0)
		return cli_usage(cli, "--for: '%s' is not a duration like 10s", text);
	int r = cli_call(cli, "telemetry.subscribe", watch_params(cli), NULL);

	if (r != CLI_OK)
		return r;
	when_parse("now", &now_ms);
	end_ms = now_ms + left_ms;
	while (left > 0 && now_ms < end_ms) {
		json_t *event = NULL;
		double wait_ms = end_ms - now_ms;

		r = link_event(cli->link, wait_ms < 1000 ? (int)wait_ms + 1 : 1000, &event);
		if (r == 0)
			left = print_event(cli, event, left);
		json_decref(event);
		if (r < 0) {
			fputs("signalbox: the connection was lost\n", stderr);
			return CLI_FAILED;
		}
		when_parse("now", &now_ms);
	}
	return CLI_OK;
}

const struct command watch_commands[] = {
	{ "watch", "[DEVICE[/SERIES]...]", "Values as they arrive, of all devices or of these.",
	  watch_options, watch_run, 0, -1 },
	{ "tail", "[DEVICE[/SERIES]...]", "The same as watch.", watch_options, watch_run, 0, -1 },
	{ 0 },
};
