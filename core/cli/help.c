#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"

static void print_options(const struct cli_option *options)
{
	char left[64];

	for (; options && options->name; options++) {
		snprintf(left, sizeof(left), "--%s%s%s", options->name, options->value ? " " : "",
		         options->value ? options->value : "");
		printf("  %-22s %s\n", left, options->help);
	}
}

void help_all(void)
{
	const struct command *c;
	char left[80];

	puts("signalbox: talks to a Signalbox platform\n\nusage: signalbox COMMAND [ARGUMENTS] [OPTIONS]\n");
	for (size_t at = 0; (c = commands_at(at)); at++) {
		snprintf(left, sizeof(left), "%s %s", c->words, c->args);
		printf("  %-36s %s\n", left, c->summary);
	}
	puts("\nOptions of all commands:");
	print_options(help_global_options());
	puts("\nWithout --url and --token: SIGNALBOX_URL, SIGNALBOX_TOKEN, SIGNALBOX_DATA, SIGNALBOX_CA, then\n"
	     "~/.config/signalbox/cli.conf (written by signalbox login), then ws://127.0.0.1:8080/api/v1.\n"
	     "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 conflict.");
}

void help_command(const struct command *command)
{
	if (!command) {
		help_all();
		return;
	}
	printf("%s\n\nusage: signalbox %s %s\n\n", command->summary, command->words, command->args);
	print_options(command->options);
	print_options(help_global_options());
}

int help_suggest(const char *word)
{
	size_t n = strlen(word);
	const struct command *c;
	bool any = false;

	fprintf(stderr, "signalbox: there is no command '%s'\n", word);
	for (size_t at = 0; (c = commands_at(at)); at++)
		if (strncmp(c->words, word, n < 2 ? n : 2) == 0) {
			fprintf(stderr, "%s signalbox %s %s\n", any ? "          " : "did you mean",
			        c->words, c->args);
			any = true;
		}
	if (!any)
		fputs("try: signalbox help\n", stderr);
	return CLI_USAGE;
}

static int help_run(struct cli *cli)
{
	const struct command *c;
	size_t n = cli->n_args ? strlen(cli->args[0]) : 0;

	for (size_t at = 0; n && (c = commands_at(at)); at++)
		if (strncmp(c->words, cli->args[0], n) == 0 &&
		    (cli->n_args == 1 ||
		     (c->words[n] == ' ' && strcmp(c->words + n + 1, cli->args[1]) == 0))) {
			help_command(c);
			return CLI_OK;
		}
	if (n)
		return help_suggest(cli->args[0]);
	help_all();
	return CLI_OK;
}

static int help_completion(struct cli *cli)
{
	const struct command *c;

	if (strcmp(cli->args[0], "bash") != 0)
		return cli_usage(cli, "completion is written for bash");
	fputs("_signalbox() {\n"
	      "\tlocal line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\" words\n"
	      "\tcase \"$line\" in\n",
	      stdout);
	for (size_t at = 0; (c = commands_at(at)); at++) {
		printf("\t\"%s\"*) words=\"", c->words);
		for (const struct cli_option *o = c->options; o && o->name; o++)
			printf("--%s ", o->name);
		fputs("--json --url --token --data --help\" ;;\n", stdout);
	}
	fputs("\t*) words=\"", stdout);
	for (size_t at = 0; (c = commands_at(at)); at++)
		printf("%s ", c->words);
	fputs("\" ;;\n\tesac\n"
	      "\tCOMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
	      "}\ncomplete -F _signalbox signalbox\n",
	      stdout);
	return CLI_OK;
}

const struct command other_commands[] = {
	{ "completion", "bash",
	  "Prints completion for a shell: source <(signalbox completion bash).", NULL,
	  help_completion, 1, 1 },
	{ "help", "[COMMAND]", "Explains the program or one command.", NULL, help_run, 0, 2 },
	{ 0 },
};
