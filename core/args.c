#include "args.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "version.h"

static const char help[] =
	"Usage: signalboxd [--config FILE] [--data DIR] [--set SECTION.KEY=VALUE]...\n"
	"The Signalbox platform: takes devices in, keeps what they say, serves the console.\n\n"
	"  -c, --config FILE   configuration (signalbox.conf(5)); without it the defaults hold\n"
	"  -d, --data DIR      data directory (default /var/lib/signalbox), one process each\n"
	"  -s, --set S.K=V     set one key; wins over the file, may be repeated\n"
	"      --check         check the configuration and end: exit 0 if it is good, 2 if not\n"
	"      --verify BACKUP prove a backup: restore it aside, open it, read everything, end:\n"
	"                      exit 0 if it is good, 1 if not; what is wrong on standard output\n"
	"      --help-config   print every key of the configuration with its default, end\n"
	"  -h, --help          this text\n"
	"  -V, --version       version\n\n"
	"Prints one line when it serves: ready http=HOST:PORT mqtt=HOST:PORT pid=N\n"
	"SIGTERM and SIGINT finish what is under way and end with exit 0.\n";

static int set_add(struct args *args, const char *assignment)
{
	if (args->n_sets == ARGS_SETS_MAX) {
		(void)fprintf(stderr, "signalboxd: more than %d --set\n", ARGS_SETS_MAX);
		return -EINVAL;
	}
	args->sets[args->n_sets++] = assignment;
	return 0;
}

static int option_take(struct args *args, int option, const char *value)
{
	switch (option) {
	case 'c':
		args->config = value;
		return 0;
	case 'd':
		args->data = value;
		return 0;
	case 's':
		return set_add(args, value);
	case 'k':
		args->check = true;
		return 0;
	case 'v':
		args->verify = value;
		return 0;
	case 'e':
		args->explain = true;
		return 0;
	case 'h':
		(void)fputs(help, stdout);
		return ARGS_DONE;
	case 'V':
		(void)puts("signalboxd " SIGNALBOX_VERSION);
		return ARGS_DONE;
	default:
		(void)fputs("Try 'signalboxd --help'.\n", stderr);
		return -EINVAL;
	}
}

int args_parse(struct args *args, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "data", required_argument, NULL, 'd' },
		{ "set", required_argument, NULL, 's' },
		{ "check", no_argument, NULL, 'k' },
		{ "verify", required_argument, NULL, 'v' },
		{ "help-config", no_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*args = (struct args){ .data = "/var/lib/signalbox" };
	while ((option = getopt_long(argc, argv, "c:d:s:hV", options, NULL)) >= 0) {
		int r = option_take(args, option, optarg);
		if (r)
			return r;
	}
	if (optind < argc) {
		(void)fprintf(stderr, "signalboxd: unexpected argument '%s'\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}
