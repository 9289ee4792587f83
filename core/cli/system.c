/* status, metrics, version, call: the platform as a whole. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "methods.gen.h"

static void show_member(const json_t *object, const char *key, const char *label)
{
	char text[200];
	const json_t *value = json_object_get(object, key);

	if (value)
		printf("%-14s %s\n", label, show_text(text, sizeof(text), value));
}

static void show_mib(const json_t *object, const char *key, const char *label)
{
	const json_t *value = json_object_get(object, key);

	if (value)
		printf("%-14s %.1f\n", label, json_number_value(value) / 1048576);
}

static void show_info(const json_t *info)
{
	const json_t *journal = json_object_get(info, "journal");
	const json_t *series = json_object_get(info, "series");
	const json_t *storage = json_object_get(info, "storage");
	const json_t *ingest = json_object_get(info, "ingest");
	char stamp[40];

	show_member(info, "version", "version");
	show_member(info, "health", "health");
	show_member(info, "health_reason", "reason");
	printf("%-14s %s\n", "started",
	       show_stamp(stamp, sizeof(stamp),
	                  json_number_value(json_object_get(info, "started"))));
	show_member(info, "devices", "devices");
	show_member(info, "pending", "pending");
	show_member(info, "sessions", "sessions");
	show_member(info, "provisioning", "provisioning");
	show_member(ingest, "messages", "messages");
	show_member(ingest, "points", "points");
	show_member(ingest, "quarantined", "quarantined");
	show_member(journal, "commits", "commits");
	show_member(journal, "sync_ms_last", "last sync ms");
	show_mib(storage, "bytes_free", "free MiB");
	show_mib(storage, "reserve_held", "reserve MiB");
	show_member(storage, "low_water_blocks", "blocks dropped");
	show_member(series, "head_rows", "rows in head");
	show_member(series, "flushes", "flushes");
}

static int system_info(struct cli *cli)
{
	json_t *info = NULL;
	int r = cli_call(cli, "system.info", NULL, &info);

	if (r == CLI_OK && cli->json)
		show_json(info);
	else if (r == CLI_OK)
		show_info(info);
	json_decref(info);
	return r;
}

static int system_metrics(struct cli *cli)
{
	json_t *answer = NULL;
	int r = cli_call(cli, "system.metrics", NULL, &answer);
	const json_t *list = json_object_get(answer, "metrics");
	struct show t;

	if (r == CLI_OK && cli->json) {
		show_lines(list);
	} else if (r == CLI_OK) {
		show_begin(&t, "NAME INSTANCE VALUE HELP");
		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *one = json_array_get(list, i);

			show_value(&t, json_object_get(one, "name"));
			show_value(&t, json_object_get(one, "instance"));
			show_value(&t, json_object_get(one, "value"));
			show_value(&t, json_object_get(one, "help"));
		}
		show_end(&t);
	}
	json_decref(answer);
	return r;
}

static int system_version(struct cli *cli)
{
	json_t *version = json_pack("{s:s}", "version", SIGNALBOX_VERSION);

	if (cli->json)
		show_json(version);
	else
		puts("signalbox " SIGNALBOX_VERSION);
	json_decref(version);
	return CLI_OK;
}

/* Any method, for scripts: parameters and result are JSON. */
static int system_call(struct cli *cli)
{
	json_error_t error;
	json_t *result = NULL;
	json_t *params = NULL;

	if (cli->n_args > 1) {
		params = strcmp(cli->args[1], "-") == 0
		                 ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &error)
		                 : json_loads(cli->args[1], JSON_REJECT_DUPLICATES, &error);
		if (!json_is_object(params)) {
			json_decref(params);
			return cli_usage(cli, "the parameters are not a JSON object");
		}
	}
	int r = cli_call(cli, cli->args[0], params, &result);

	if (r == CLI_OK)
		show_json(result);
	json_decref(result);
	return r;
}

const struct command system_commands[] = {
	{ "status", "", "Version, health, what the platform holds.", NULL, system_info, 0, 0 },
	{ "info", "", "The same as status.", NULL, system_info, 0, 0 },
	{ "metrics", "", "Every counter and gauge.", NULL, system_metrics, 0, 0 },
	{ "call", "METHOD [JSON]",
	  "Any method of the API; - reads the parameters from standard input.", NULL, system_call,
	  1, 2 },
	{ "version", "", "The version of this program.", NULL, system_version, 0, 0 },
	{ 0 },
};
