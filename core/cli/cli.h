/* The frame of the program `signalbox`: options, where the platform is, one table of commands. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/link.h"

/* Exit codes, the same for every command. */
enum {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_NOT_FOUND = 3,
	CLI_AUTH = 4,
	CLI_CONFLICT = 5,
};

#define CLI_ARGS_MAX    256
#define CLI_OPTIONS_MAX 32

struct cli_option { /* "--name VALUE", or "--name" where value is NULL */
	const char *name, *value, *help;
};

struct cli;

struct command {
	const char *words; /* "device list" */
	const char *args;  /* "DEVICE [SERIES...]" */
	const char *summary;
	const struct cli_option *options; /* ended by name NULL; may be NULL */
	int (*run)(struct cli *cli);      /* an exit code */
	int args_least, args_most;        /* -1: any number */
};

struct cli {
	const struct command *command;
	const char *args[CLI_ARGS_MAX];
	int n_args;
	struct {
		const char *name, *value;
	} given[CLI_OPTIONS_MAX];
	int n_given;
	bool json;
	/* where to, from options, environment, configuration file */
	char url[512], token[4096], data[512], ca[512];
	struct link *link;
};

int cli_run(struct cli *cli, int argc, char **argv);

/* The value of an option of this command; "" for one without a value; NULL: not given. Of repeated
 * ones the index-th. */
const char *cli_option(const struct cli *cli, const char *name, int index);
/* Complains on stderr and returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* CLI_OK and a new reference, or an exit code after the reason was printed. Takes params. */
int cli_call(struct cli *cli, const char *method, json_t *params, json_t **result);
/* The same for what changes something: prints the answer, or what was done. Takes params. */
int cli_change(struct cli *cli, const char *method, json_t *params, const char *done);
int cli_connect(struct cli *cli);
/* Prints error and turns it into an exit code. */
int cli_refusal(const struct link_error *error);
