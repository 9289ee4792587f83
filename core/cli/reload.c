/* config show, reload: the platform's own configuration. */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/show.h"

#define ORIGIN_COLUMN 44

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* A configuration that could be read again; where each line comes from stands behind it. */
static void show_line(const json_t *line)
{
	char value[400];
	char next[400];
	const json_t *waits = json_object_get(line, "next_start");
	int n = printf("%s = %s", text_of(line, "key"),
	               show_text(value, sizeof(value), json_object_get(line, "value")));

	printf("%*s# %s", n < ORIGIN_COLUMN ? ORIGIN_COLUMN - n : 1, "", text_of(line, "origin"));
	if (waits)
		printf("; from the next start: %s", show_text(next, sizeof(next), waits));
	puts("");
}

static int config_show(struct cli *cli)
{
	json_t *answer = NULL;
	int r = cli_call(cli, "system.config", NULL, &answer);
	const json_t *lines = json_object_get(answer, "lines");
	const char *section = "";

	if (r == CLI_OK && cli->json) {
		show_lines(lines);
	} else if (r == CLI_OK) {
		for (size_t i = 0; i < json_array_size(lines); i++) {
			const json_t *line = json_array_get(lines, i);

			if (strcmp(section, text_of(line, "section")) != 0)
				printf("%s[%s]\n", *section ? "\n" : "", text_of(line, "section"));
			section = text_of(line, "section");
			show_line(line);
		}
	}
	json_decref(answer);
	return r;
}

static const char *effect_text(const char *effect)
{
	static const struct {
		const char *word, *text;
	} texts[] = {
		{ "live", "in force" },
		{ "instance", "restarts its instance" },
		{ "added", "new instance" },
		{ "removed", "instance ends" },
		{ "restart", "waits for the next start" },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strcmp(texts[i].word, effect) == 0)
			return texts[i].text;
	return effect;
}

static void show_changes(const json_t *list)
{
	struct show t;

	show_begin(&t, "KEY FROM TO EFFECT");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		show_value(&t, json_object_get(one, "key"));
		show_value(&t, json_object_get(one, "from"));
		show_value(&t, json_object_get(one, "to"));
		show_cell(&t, effect_text(text_of(one, "effect")));
	}
	show_end(&t);
}

static int refused(const json_t *errors)
{
	char line[512];

	for (size_t i = 0; i < json_array_size(errors); i++)
		fprintf(stderr, "%s\n", show_text(line, sizeof(line), json_array_get(errors, i)));
	fputs("signalbox: the configuration was refused: the one before stays in force\n", stderr);
	return CLI_FAILED;
}

static int reload(struct cli *cli)
{
	json_t *answer = NULL;
	bool dry_run = cli_option(cli, "dry-run", 0);
	int r = cli_call(cli, "system.reload", json_pack("{s:b}", "dry_run", dry_run), &answer);
	const json_t *changes = json_object_get(answer, "changes");
	const json_t *errors = json_object_get(answer, "errors");

	if (r == CLI_OK && cli->json)
		show_json(answer);
	else if (r == CLI_OK && json_array_size(changes))
		show_changes(changes);
	else if (r == CLI_OK && json_array_size(errors) == 0)
		puts("nothing changed");
	if (r == CLI_OK && json_array_size(errors))
		r = refused(errors);
	json_decref(answer);
	return r;
}

static const struct cli_option reload_options[] = {
	{ "dry-run", NULL, "say what would change, and what is wrong; change nothing" },
	{ 0 },
};

const struct command config_commands[] = {
	{ "config show", "", "The configuration in force, and where each line comes from.", NULL,
	  config_show, 0, 0 },
	{ "reload", "", "Reads the configuration again: all of it takes effect, or nothing.",
	  reload_options, reload, 0, 0 },
	{ 0 },
};
