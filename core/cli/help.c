#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
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

/* Prints the commands whose first n letters are these; false: there are none. */
static bool print_commands(FILE *out, const char *head, const char *letters, size_t n)
{
	const struct command *c;
	bool any = false;

	for (size_t at = 0; (c = commands_at(at)); at++)
		if (strncmp(c->words, letters, n) == 0) {
			(void)fprintf(out, "%s  signalbox %s%s%s\n", any ? "" : head, c->words,
			              *c->args ? " " : "", c->args);
			any = true;
		}
	return any;
}

int help_suggest(const char *word)
{
	char group[64];
	int n = snprintf(group, sizeof(group), "%s ", word);

	if (n > 0 && n < (int)sizeof(group) &&
	    print_commands(stderr, "signalbox: which of these?\n", group, (size_t)n))
		return CLI_USAGE;
	fprintf(stderr, "signalbox: there is no command '%s'\n", word);
	if (!print_commands(stderr, "did you mean\n", word, MIN(strlen(word), (size_t)2)))
		fputs("try: signalbox help\n", stderr);
	return CLI_USAGE;
}

static int help_run(struct cli *cli)
{
	const struct command *c;
	char words[64];
	int n = snprintf(words, sizeof(words), "%s%s%s", cli->n_args ? cli->args[0] : "",
	                 cli->n_args > 1 ? " " : "", cli->n_args > 1 ? cli->args[1] : "");

	if (cli->n_args == 0) {
		help_all();
		return CLI_OK;
	}
	for (size_t at = 0; (c = commands_at(at)); at++)
		if (strcmp(c->words, words) == 0) {
			help_command(c);
			return CLI_OK;
		}
	if (n > 0 && n + 1 < (int)sizeof(words)) {
		words[n] = ' ';
		if (print_commands(stdout, "", words, (size_t)n + 1))
			return CLI_OK;
	}
	return help_suggest(cli->args[0]);
}

/* ---- completion: first words, the words of a group, the options of a command */

static bool is_first_of(const struct command *c, size_t at)
{
	const struct command *before = at ? commands_at(at - 1) : NULL;
	size_t n = strcspn(c->words, " ");

	return !before || strncmp(before->words, c->words, n) != 0 ||
	       before->words[n] != c->words[n];
}

static void complete_group(const struct command *first, size_t at)
{
	size_t n = strcspn(first->words, " ") + 1;
	const struct command *c;

	printf("\t\"%.*s\") words=\"", (int)n - 1, first->words);
	for (; (c = commands_at(at)) && strncmp(c->words, first->words, n) == 0; at++)
		printf("%s ", c->words + n);
	fputs("\" ;;\n", stdout);
}

static void complete_options(const struct command *c)
{
	printf("\t\"%s\"*) words=\"", c->words);
	for (const struct cli_option *o = c->options; o && o->name; o++)
		printf("--%s ", o->name);
	for (const struct cli_option *o = help_global_options(); o->name; o++)
		printf("--%s ", o->name);
	fputs("\" ;;\n", stdout);
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
	for (size_t at = 0; (c = commands_at(at)); at++)
		if (is_first_of(c, at) && strchr(c->words, ' '))
			complete_group(c, at);
	for (size_t at = 0; (c = commands_at(at)); at++)
		complete_options(c);
	fputs("\t*) words=\"", stdout);
	for (size_t at = 0; (c = commands_at(at)); at++)
		if (is_first_of(c, at))
			printf("%.*s ", (int)strcspn(c->words, " "), c->words);
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
