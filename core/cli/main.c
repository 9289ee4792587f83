#include <signal.h>

#include "base/log.h"
#include "cli/cli.h"

int main(int argc, char **argv)
{
	struct cli cli = { 0 };

	signal(SIGPIPE, SIG_IGN);
	log_init(LOG_LEVEL_WARN);
	return cli_run(&cli, argc, argv);
}
