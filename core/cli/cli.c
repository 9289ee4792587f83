#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/help.h"
#include "cli/show.h"

static const struct {
	const char *name;
	int exit_code;
} exits[] = {
	{ "not_found", CLI_NOT_FOUND },  { "method_not_found", CLI_USAGE },
	{ "invalid_params", CLI_USAGE }, { "unauthenticated", CLI_AUTH },
	{ "forbidden", CLI_AUTH },       { "exists", CLI_CONFLICT },
	{ "conflict", CLI_CONFLICT },
};

int cli_refusal(const struct link_error *error)
{
	fprintf(stderr, "signalbox: %s\n", error->text);
	for (size_t i = 0; i < ARRAY_LEN(exits); i++)
		if (strcmp(error->name, exits[i].name) == 0)
			return exits[i].exit_code;
	return CLI_FAILED;
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("signalbox: ", stderr);
	vfprintf(stderr, format, ap);
	va_end(ap);
	if (cli->command)
		fprintf(stderr, "\nusage: signalbox %s %s\n", cli->command->words,
		        cli->command->args);
	else
		fputs("\ntry: signalbox help\n", stderr);
	return CLI_USAGE;
}

const char *cli_option(const struct cli *cli, const char *name, int index)
{
	for (int i = 0; i < cli->n_given; i++)
		if (strcmp(cli->given[i].name, name) == 0 && index-- == 0)
			return cli->given[i].value;
	return NULL;
}

/* ---- calls */

int cli_connect(struct cli *cli)
{
	struct link_error error;

	if (cli->link)
		return CLI_OK;
	int r = config_find_token(cli);

	if (r != CLI_OK)
		return r;
	struct link_options options = {
		.url = cli->url,
		.token = cli->token,
		.ca_file = cli->ca[0] ? cli->ca : NULL,
	};

	return link_open(&cli->link, &options, &error) < 0 ? cli_refusal(&error) : CLI_OK;
}

int cli_call(struct cli *cli, const char *method, json_t *params, json_t **result)
{
	struct link_error error;
	int r = cli_connect(cli);

	if (r != CLI_OK) {
		json_decref(params);
		return r;
	}
	return link_call(cli->link, method, params, result, &error) == 0 ? CLI_OK
	                                                                 : cli_refusal(&error);
}

int cli_change(struct cli *cli, const char *method, json_t *params, const char *done)
{
	json_t *answer = NULL;
	int r = cli_call(cli, method, params, &answer);

	if (r == CLI_OK && cli->json)
		show_json(answer);
	else if (r == CLI_OK)
		printf("%s%s\n", cli_option(cli, "dry-run", 0) ? "would be " : "", done);
	json_decref(answer);
	return r;
}

/* ---- arguments */

static const struct cli_option global_options[] = {
	{ "json", NULL, "one JSON value, or one a line" },
	{ "url", "URL", "the platform, ws://HOST:PORT/api/v1 or wss://…" },
	{ "token", "TOKEN", "bearer token" },
	{ "data", "DIR",
	  "data directory of a platform on this machine: address and rights come from it" },
	{ "ca", "FILE", "authority to trust for wss" },
	{ "help", NULL, "this text" },
	{ NULL, NULL, NULL },
};

const struct cli_option *help_global_options(void)
{
	return global_options;
}

static const struct cli_option *find_option(const struct cli_option *options, const char *name,
                                            size_t n)
{
	for (; options && options->name; options++)
		if (strlen(options->name) == n && strncmp(options->name, name, n) == 0)
			return options;
	return NULL;
}

static int note_option(struct cli *cli, const char *name, const char *value)
{
	if (cli->n_given == CLI_OPTIONS_MAX)
		return cli_usage(cli, "too many options");
	cli->given[cli->n_given].name = name;
	cli->given[cli->n_given++].value = value;
	return CLI_OK;
}

/* One "--name[=value]" at argv[*i]. */
static int take_option(struct cli *cli, int argc, char **argv, int *i)
{
	const char *name = argv[*i] + 2;
	size_t n = strcspn(name, "=");
	const struct cli_option *option = find_option(global_options, name, n);
	const char *value = "";

	if (!option && cli->command)
		option = find_option(cli->command->options, name, n);
	if (!option)
		return cli_usage(cli, "unknown option --%.*s", (int)n, name);
	if (option->value && name[n] == '=')
		value = name + n + 1;
	else if (option->value && *i + 1 < argc)
		value = argv[++*i];
	else if (option->value || name[n] == '=')
		return cli_usage(cli, "--%s %s", option->name,
		                 option->value ? "needs a value" : "takes no value");
	return note_option(cli, option->name, value);
}

/* "-o FILE", which everybody types, is --output FILE. */
static int take_output(struct cli *cli, int argc, char **argv, int *i)
{
	static char output[] = "--output";

	argv[*i] = output;
	return take_option(cli, argc, argv, i);
}

/* The command with the most words that the arguments begin with. */
static const struct command *find_command(char *const *words, int n, int *used)
{
	const struct command *c;
	const struct command *found = NULL;

	*used = 0;
	for (size_t at = 0; (c = commands_at(at)); at++) {
		char copy[64];
		char *rest = NULL;
		int i = 0;

		snprintf(copy, sizeof(copy), "%s", c->words);
		for (char *w = strtok_r(copy, " ", &rest); w; w = strtok_r(NULL, " ", &rest), i++)
			if (i >= n || strcmp(w, words[i]) != 0) {
				i = -1;
				break;
			}
		if (i > *used) {
			*used = i;
			found = c;
		}
	}
	return found;
}

/* Words that are not options, which may stand anywhere; options before the command that take a
 * value are known, as they are the global ones. */
static int collect_words(int argc, char **argv, char **words)
{
	int n = 0;

	for (int i = 1; i < argc && n < CLI_ARGS_MAX; i++) {
		if (strcmp(argv[i], "--") == 0)
			break;
		if (strncmp(argv[i], "--", 2) == 0 && argv[i][2]) {
			const struct cli_option *o = find_option(global_options, argv[i] + 2,
			                                         strcspn(argv[i] + 2, "="));

			i += o && o->value && !strchr(argv[i], '=');
			continue;
		}
		words[n++] = argv[i];
	}
	return n;
}

static int take_args(struct cli *cli, int argc, char **argv, int skip)
{
	bool plain = false;

	for (int i = 1; i < argc; i++) {
		int r = CLI_OK;

		if (!plain && strcmp(argv[i], "--") == 0)
			plain = true;
		else if (!plain && (strcmp(argv[i], "-h") == 0))
			r = note_option(cli, "help", "");
		else if (!plain && strcmp(argv[i], "-o") == 0)
			r = take_output(cli, argc, argv, &i);
		else if (!plain && strncmp(argv[i], "--", 2) == 0)
			r = take_option(cli, argc, argv, &i);
		else if (!plain && argv[i][0] == '-' && argv[i][1] &&
		         !strpbrk(argv[i] + 1, "0123456789"))
			r = cli_usage(cli, "unknown option %s", argv[i]);
		else if (skip > 0)
			skip--;
		else if (cli->n_args < CLI_ARGS_MAX)
			cli->args[cli->n_args++] = argv[i];
		if (r != CLI_OK)
			return r;
	}
	return CLI_OK;
}

static int run_command(struct cli *cli)
{
	if (cli_option(cli, "help", 0)) {
		help_command(cli->command);
		return CLI_OK;
	}
	cli->json = cli_option(cli, "json", 0) != NULL;
	if (cli->n_args < cli->command->args_least)
		return cli_usage(cli, "an argument is missing");
	if (cli->command->args_most >= 0 && cli->n_args > cli->command->args_most)
		return cli_usage(cli, "'%s' is one argument too many",
		                 cli->args[cli->command->args_most]);
	int r = config_load(cli);

	return r == CLI_OK ? cli->command->run(cli) : r;
}

int cli_run(struct cli *cli, int argc, char **argv)
{
	char *words[CLI_ARGS_MAX];
	int used;
	int n = collect_words(argc, argv, words);

	cli->command = find_command(words, n, &used);
	if (!cli->command && n > 0)
		return help_suggest(words[0]);
	int r = take_args(cli, argc, argv, used);

	if (r != CLI_OK)
		return r;
	if (!cli->command) {
		help_all();
		return cli_option(cli, "help", 0) ? CLI_OK : CLI_USAGE;
	}
	r = run_command(cli);
	link_close(cli->link);
	fflush(stdout);
	return r == CLI_OK && ferror(stdout) ? CLI_FAILED : r;
}
