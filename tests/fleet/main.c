#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataset.h"
#include "fleet.h"
#include "options.h"
#include "verify.h"

static int usage(void)
{
	(void)fputs("signalbox-fleet: say 'run', 'dataset' or 'verify'; see --help\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct options options;
	int r;

	if (argc < 2)
		return usage();
	if (strcmp(argv[1], "--help") == 0) {
		options_help();
		return 0;
	}
	if (strcmp(argv[1], "run") == 0) {
		if (options_run(&options, argc - 1, argv + 1) < 0)
			return 2;
		r = fleet_run(&options);
	} else if (strcmp(argv[1], "dataset") == 0) {
		if (options_dataset(&options, argc - 1, argv + 1) < 0)
			return 2;
		r = dataset_run(&options);
	} else if (strcmp(argv[1], "verify") == 0) {
		if (options_verify(&options, argc - 1, argv + 1) < 0)
			return 2;
		r = verify_run(&options);
	} else {
		return usage();
	}
	return r == -EINVAL ? 2 : r != 0;
}
