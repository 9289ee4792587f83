/* plugin …: what is loaded. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/show.h"

static void show_rows(const json_t *list, const char *title, const char *const *keys, size_t n)
{
	struct show t;

	if (json_array_size(list) == 0)
		return;
	show_begin(&t, title);
	for (size_t i = 0; i < json_array_size(list); i++)
		for (size_t k = 0; k < n; k++)
			show_value(&t, json_object_get(json_array_get(list, i), keys[k]));
	show_end(&t);
	puts("");
}

static int plugin_list(struct cli *cli)
{
	static const char *const instance_keys[] = { "name", "plugin", "state", "health", "why" };
	static const char *const plugin_keys[] = { "id", "version", "path" };
	static const char *const refused_keys[] = { "path", "why" };
	json_t *answer = NULL;
	int r = cli_call(cli, "plugin.list", NULL, &answer);

	if (r == CLI_OK && cli->json) {
		show_json(answer);
	} else if (r == CLI_OK) {
		show_rows(json_object_get(answer, "instances"), "INSTANCE PLUGIN STATE HEALTH WHY",
		          instance_keys, 5);
		show_rows(json_object_get(answer, "plugins"), "PLUGIN VERSION FILE", plugin_keys,
		          3);
		show_rows(json_object_get(answer, "refused"), "REFUSED WHY", refused_keys, 2);
	}
	json_decref(answer);
	return r;
}

const struct command plugin_commands[] = {
	{ "plugin list", "", "Plugins, their instances, and what was refused.", NULL, plugin_list,
	  0, 0 },
	{ 0 },
};
