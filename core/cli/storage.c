/* storage: what is on the disk, and for how long there is room. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/show.h"

#define MIB 1048576.0

static const struct cli_option storage_options[] = {
	{ "devices", "N", "the N devices with the most bytes too; reads everything there is" },
	{ NULL, NULL, NULL },
};

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static void show_size(struct show *t, double bytes)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "%.2f", bytes / MIB);
	show_cell(t, text);
}

static void show_outlook(const json_t *answer)
{
	const json_t *left = json_object_get(answer, "days_left");
	time_t when = time(NULL);
	struct tm tm;
	char day[32] = "";

	printf("%-14s %.1f\n", "blocks MiB", number_of(answer, "bytes") / MIB);
	printf("%-14s %.1f of %.1f\n", "free MiB", number_of(answer, "bytes_free") / MIB,
	       number_of(answer, "bytes_total") / MIB);
	printf("%-14s %.2f\n", "MiB a day", number_of(answer, "growth_per_day") / MIB);
	if (!left || json_number_value(left) > 36500) {
		printf("%-14s not in a hundred years at this pace\n", "full");
		return;
	}
	when += (time_t)(json_number_value(left) * 86400);
	(void)strftime(day, sizeof(day), "%Y-%m-%d", gmtime_r(&when, &tm));
	printf("%-14s %s, in %.0f days; later by what retention gives back\n", "full", day,
	       floor(json_number_value(left)));
}

static void show_classes(const json_t *list)
{
	struct show t;

	show_begin(&t, "CLASS MIB BLOCKS ROWS FROM TO");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		show_value(&t, json_object_get(one, "name"));
		show_size(&t, number_of(one, "bytes"));
		show_value(&t, json_object_get(one, "blocks"));
		show_value(&t, json_object_get(one, "rows"));
		show_time(&t, json_object_get(one, "from"));
		show_time(&t, json_object_get(one, "to"));
	}
	show_end(&t);
}

static void show_devices(const json_t *list)
{
	struct show t;

	if (!list)
		return;
	puts("");
	show_begin(&t, "DEVICE MIB");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		show_value(&t, json_object_get(one, "id"));
		show_size(&t, number_of(one, "bytes"));
	}
	show_end(&t);
}

static int storage_show(struct cli *cli)
{
	const char *devices = cli_option(cli, "devices", 0);
	json_t *params = json_object();
	json_t *answer = NULL;

	if (devices) {
		char *end;
		long n = strtol(devices, &end, 10);
		if (*end || n < 0 || n > 1000) {
			json_decref(params);
			return cli_usage(cli, "--devices is a number up to 1000");
		}
		json_object_set_new(params, "devices", json_integer(n));
	}
	int r = cli_call(cli, "storage.usage", params, &answer);

	if (r == CLI_OK && cli->json) {
		show_json(answer);
	} else if (r == CLI_OK) {
		show_outlook(answer);
		puts("");
		show_classes(json_object_get(answer, "classes"));
		show_devices(json_object_get(answer, "devices"));
	}
	json_decref(answer);
	return r;
}

const struct command storage_commands[] = {
	{ "storage", "", "What values take up on the disk, and when it is full.", storage_options,
	  storage_show, 0, 0 },
	{ 0 },
};
