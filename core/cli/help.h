/* Texts of the program: help, suggestions, shell completion. */
#pragma once

struct cli_option;
struct command;

void help_all(void);
void help_command(const struct command *command);
int help_suggest(const char *word); /* an exit code */
const struct cli_option *help_global_options(void);
