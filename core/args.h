/* The command line of signalboxd. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define ARGS_SETS_MAX 128

struct args {
	const char *config; /* NULL: none given */
	const char *data;   /* data directory */
	const char *sets[ARGS_SETS_MAX];
	size_t n_sets;
	bool check;         /* read the configuration, say what is wrong, end */
	const char *verify; /* a backup to be proved; NULL: none */
	bool explain;       /* print every key the configuration may have, end */
};

#define ARGS_DONE 1 /* --help or --version was answered */

/* 0, ARGS_DONE, or -EINVAL after saying what is wrong on stderr. */
int args_parse(struct args *args, int argc, char **argv);
