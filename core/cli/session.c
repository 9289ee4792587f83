/* login, logout: a token kept for the next commands. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/prompt.h"

static const struct cli_option login_options[] = {
	{ "print", NULL, "print the token instead of keeping it" },
	{ NULL, NULL, NULL },
};

static int session_login(struct cli *cli)
{
	struct link_options options = { .url = cli->url, .ca_file = cli->ca[0] ? cli->ca : NULL };
	struct link_error error;
	char password[300];
	char path[600];

	if (prompt_secret("password", password, sizeof(password)) < 0)
		return cli_usage(cli, "no password was given");
	if (link_login(&options, cli->args[0], password, cli->token, sizeof(cli->token), &error) !=
	    0)
		return cli_refusal(&error);
	if (cli_option(cli, "print", 0)) {
		puts(cli->token);
		return CLI_OK;
	}
	int r = config_save(cli->url, cli->token);

	if (r < 0 || !config_path(path, sizeof(path))) {
		fprintf(stderr, "signalbox: cannot keep the token: %s\n", strerror(-r));
		return CLI_FAILED;
	}
	printf("logged in at %s; kept in %s\n", cli->url, path);
	return CLI_OK;
}

static int session_logout(struct cli *cli)
{
	char path[600];
	json_t *answer = NULL;

	/* Whether or not the platform can be reached, nothing is kept here. */
	if (cli->token[0])
		(void)cli_call(cli, "session.logout", NULL, &answer);
	json_decref(answer);
	if (config_path(path, sizeof(path)) && unlink(path) < 0 && errno != ENOENT) {
		fprintf(stderr, "signalbox: cannot remove %s: %s\n", path, strerror(errno));
		return CLI_FAILED;
	}
	return CLI_OK;
}

const struct command session_commands[] = {
	{ "login", "USER", "Logs in and keeps the token for the next commands.", login_options,
	  session_login, 1, 1 },
	{ "logout", "", "Ends the kept token and forgets it.", NULL, session_logout, 0, 0 },
	{ 0 },
};
