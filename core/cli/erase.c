/* series delete: values of a range, for good. */
#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/when.h"

static const struct cli_option erase_options[] = {
	{ "from", "TIME", "1h (ago), 2026-01-02T03:04:05Z, or ms since 1970" },
	{ "to", "TIME", "up to here, not included" },
	{ "dry-run", NULL, "only count" },
	{ NULL, NULL, NULL },
};

static int take_times(struct cli *cli, json_t *params)
{
	static const char *const times[] = { "from", "to" };
	double ms;

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		const char *text = cli_option(cli, times[i], 0);

		if (!text || when_parse(text, &ms) < 0)
			return cli_usage(cli, "--%s: %s%s", times[i], text ? text : "",
			                 text ? " is not a time" : "is missing");
		json_object_set_new(params, times[i], json_real(ms));
	}
	return CLI_OK;
}

static void print_answer(const struct cli *cli, const json_t *answer)
{
	long long n = json_integer_value(json_object_get(answer, "series"));
	const json_t *values = json_object_get(answer, "values");

	if (cli->json)
		show_json(answer);
	else if (values)
		printf("%s%lld values of %lld series would be deleted\n",
		       json_is_true(json_object_get(answer, "complete")) ? "" : "more than ",
		       (long long)json_integer_value(values), n);
	else
		printf("deleted from %lld series\n", n);
}

static int erase_run(struct cli *cli)
{
	json_t *params = json_pack("{s:s}", "device", cli->args[0]);
	json_t *answer = NULL;
	int r = take_times(cli, params);

	if (r != CLI_OK) {
		json_decref(params);
		return r;
	}
	if (cli->n_args > 1)
		json_object_set_new(params, "series", json_array());
	for (int i = 1; i < cli->n_args; i++)
		json_array_append_new(json_object_get(params, "series"), json_string(cli->args[i]));
	if (cli_option(cli, "dry-run", 0))
		json_object_set_new(params, "dry_run", json_true());
	r = cli_call(cli, "telemetry.delete", params, &answer);
	if (r == CLI_OK)
		print_answer(cli, answer);
	json_decref(answer);
	return r;
}

const struct command erase_commands[] = {
	{ "series delete", "DEVICE [SERIES...]",
	  "Deletes values of a range for good; names may be globs, without any: all.",
	  erase_options, erase_run, 1, -1 },
	{ 0 },
};
