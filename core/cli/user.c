/* user …: people and integrations. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/prompt.h"
#include "cli/show.h"

/* A list of topic filters in one cell; without one the role decides. */
static void show_filters(struct show *t, const json_t *list)
{
	char text[1200] = "none";
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(list) && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "",
		                      json_string_value(json_array_get(list, i)));
	show_cell(t, list ? text : "by role");
}

static int user_list(struct cli *cli)
{
	json_t *answer = NULL;
	int r = cli_call(cli, "user.list", NULL, &answer);
	const json_t *users = json_object_get(answer, "users");
	struct show t;

	if (r == CLI_OK && cli->json) {
		show_lines(users);
	} else if (r == CLI_OK) {
		show_begin(&t, "NAME ROLE DISABLED MUST-CHANGE PUBLISH SUBSCRIBE CREATED");
		for (size_t i = 0; i < json_array_size(users); i++) {
			const json_t *u = json_array_get(users, i);

			show_value(&t, json_object_get(u, "name"));
			show_value(&t, json_object_get(u, "role"));
			show_value(&t, json_object_get(u, "disabled"));
			show_value(&t, json_object_get(u, "must_change"));
			show_filters(&t, json_object_get(u, "publish"));
			show_filters(&t, json_object_get(u, "subscribe"));
			show_time(&t, json_object_get(u, "created"));
		}
		show_end(&t);
	}
	json_decref(answer);
	return r;
}

static const struct cli_option user_options[] = {
	{ "role", "ROLE", "viewer, operator or admin" },
	{ "ask-password", NULL, "asks for a password, or reads a line of standard input" },
	{ "integration", NULL, "a program: keeps the password it is given" },
	{ "publish", "FILTER",
	  "MQTT topics it may publish to; again for more; '' for none (usual: as its role may)" },
	{ "subscribe", "FILTER", "MQTT topics it may read; again for more; '' for none" },
	{ "topics-by-role", NULL, "no topic lists any more: as its role may (update)" },
	{ "disable", NULL, "may not log in (update)" },
	{ "enable", NULL, "may log in again (update)" },
	{ NULL, NULL, NULL },
};

static void add_filters(const struct cli *cli, json_t *params, const char *key)
{
	if (!cli_option(cli, key, 0))
		return;
	json_t *list = json_array();

	for (int i = 0; cli_option(cli, key, i); i++)
		if (cli_option(cli, key, i)[0])
			json_array_append_new(list, json_string(cli_option(cli, key, i)));
	json_object_set_new(params, key, list);
}

static void add_rights(const struct cli *cli, json_t *params)
{
	if (cli_option(cli, "topics-by-role", 0)) {
		json_object_set_new(params, "publish", json_null());
		json_object_set_new(params, "subscribe", json_null());
	}
	add_filters(cli, params, "publish");
	add_filters(cli, params, "subscribe");
	if (cli_option(cli, "integration", 0))
		json_object_set_new(params, "integration", json_true());
}

static int user_create(struct cli *cli)
{
	const char *role = cli_option(cli, "role", 0);
	json_t *params;
	char password[300];
	char done[400];
	bool ask = cli_option(cli, "ask-password", 0) != NULL;

	if (!ask)
		prompt_random(password);
	else if (prompt_secret("password", password, sizeof(password)) < 0)
		return cli_usage(cli, "no password was given");
	snprintf(done, sizeof(done),
	         ask                                 ? "created"
	         : cli_option(cli, "integration", 0) ? "created; password: %s"
	                                             : "created; first password: %s",
	         password);
	params = json_pack("{s:s, s:s, s:s}", "name", cli->args[0], "password", password, "role",
	                   role ? role : "viewer");
	add_rights(cli, params);
	return cli_change(cli, "user.create", params, done);
}

static int user_update(struct cli *cli)
{
	const char *role = cli_option(cli, "role", 0);
	json_t *params = json_pack("{s:s}", "name", cli->args[0]);
	char password[300];

	if (role)
		json_object_set_new(params, "role", json_string(role));
	add_rights(cli, params);
	if (cli_option(cli, "disable", 0) || cli_option(cli, "enable", 0))
		json_object_set_new(params, "disabled",
		                    json_boolean(cli_option(cli, "disable", 0) != NULL));
	if (cli_option(cli, "ask-password", 0) &&
	    prompt_secret("password", password, sizeof(password)) == 0)
		json_object_set_new(params, "password", json_string(password));
	return cli_change(cli, "user.update", params, "updated");
}

static int user_reset(struct cli *cli)
{
	char password[21];
	char done[100];

	prompt_random(password);
	snprintf(done, sizeof(done), "new one-time password: %s", password);
	return cli_change(cli, "user.update",
	                  json_pack("{s:s, s:s}", "name", cli->args[0], "password", password),
	                  done);
}

static int user_remove(struct cli *cli)
{
	return cli_change(cli, "user.remove", json_pack("{s:s}", "name", cli->args[0]), "removed");
}

static int user_password(struct cli *cli)
{
	char old[300];
	char fresh[300];

	if (prompt_secret("present password", old, sizeof(old)) < 0 ||
	    prompt_secret("new password", fresh, sizeof(fresh)) < 0)
		return cli_usage(cli, "no password was given");
	return cli_change(cli, "user.password", json_pack("{s:s, s:s}", "old", old, "new", fresh),
	                  "changed; other tokens of yours have ended, log in again");
}

const struct command user_commands[] = {
	{ "user list", "", "All users.", NULL, user_list, 0, 0 },
	{ "user create", "NAME",
	  "Makes a user with a random password, for a person or with --integration a program.",
	  user_options, user_create, 1, 1 },
	{ "user update", "NAME", "Role, password, MQTT topics, may log in or not.", user_options,
	  user_update, 1, 1 },
	{ "user reset", "NAME", "Gives a user a new one-time password.", NULL, user_reset, 1, 1 },
	{ "user remove", "NAME", "Removes a user; the last admin stays.", NULL, user_remove, 1, 1 },
	{ "user password", "", "Changes one's own password.", NULL, user_password, 0, 0 },
	{ 0 },
};
