/* token create: for programs. With --data, whoever can read the data directory makes one without
 * asking the platform; else the platform makes it, with one's own role at most. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/token.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/when.h"

static const struct cli_option token_options[] = {
	{ "role", "ROLE", "viewer (usual), operator or admin" },
	{ "ttl", "TIME", "how long it is good for: 1h (usual), 30d" },
	{ "name", "TEXT", "what it is for" },
	{ NULL, NULL, NULL },
};

static void print_token(const struct cli *cli, const char *token, double expires_ms)
{
	if (!cli->json) {
		puts(token);
		return;
	}
	json_t *value = json_pack("{s:s, s:I}", "token", token, "expires", (json_int_t)expires_ms);

	show_json(value);
	json_decref(value);
}

static int create_here(struct cli *cli, int role, double ttl_ms, const char *name)
{
	struct token_claims claims = {
		.role = role,
		.local = true,
		.issued_ns = clock_utc(),
	};
	struct token_keys *keys = NULL;
	char token[TOKEN_MAX];

	claims.expires_ns = claims.issued_ns + (int64_t)(ttl_ms * NS_PER_MS);
	snprintf(claims.subject, sizeof(claims.subject), "local:%s", name);
	int r = token_keys_open(&keys, cli->data, false);

	if (r < 0) {
		fprintf(stderr, "signalbox: no signing key can be read in %s/keys: %s\n", cli->data,
		        r == -ENOENT ? "has the platform run there?"
		                     : strerror(r > -1000 ? -r : EIO));
		return CLI_AUTH;
	}
	r = token_sign(keys, &claims, token, sizeof(token));
	token_keys_free(keys);
	if (r < 0) {
		fputs("signalbox: cannot sign\n", stderr);
		return CLI_FAILED;
	}
	print_token(cli, token, (double)claims.expires_ns / NS_PER_MS);
	return CLI_OK;
}

static int create_there(struct cli *cli, const char *role, double ttl_ms, const char *name)
{
	json_t *answer = NULL;
	json_t *params = json_pack("{s:s, s:s, s:I}", "name", name, "role", role, "ttl",
	                           (json_int_t)(ttl_ms / 1000));
	int r = cli_call(cli, "token.create", params, &answer);

	if (r == CLI_OK)
		print_token(cli, json_string_value(json_object_get(answer, "token")),
		            json_number_value(json_object_get(answer, "expires")));
	json_decref(answer);
	return r;
}

static int mint_run(struct cli *cli)
{
	const char *role_name = cli_option(cli, "role", 0);
	const char *ttl = cli_option(cli, "ttl", 0);
	const char *name = cli_option(cli, "name", 0);
	double ttl_ms = 3600e3;
	int role;

	role_name = role_name ? role_name : "viewer";
	name = name ? name : "cli";
	if (token_role_parse(role_name, &role) < 0)
		return cli_usage(cli, "--role: '%s' is none of viewer, operator, admin", role_name);
	if ((ttl && when_duration(ttl, &ttl_ms) < 0) || ttl_ms < 1000 || ttl_ms > 366 * 86400e3)
		return cli_usage(cli,
		                 "--ttl: '%s' is not a duration like 1h or 30d, a year at most",
		                 ttl);
	if (strlen(name) > 64)
		return cli_usage(cli, "--name: 64 bytes at most");
	if (cli->data[0] && !cli_option(cli, "token", 0))
		return create_here(cli, role, ttl_ms, name);
	return create_there(cli, role_name, ttl_ms, name);
}

const struct command token_commands[] = {
	{ "token create", "", "A bearer token; with --data made offline. Prints only the token.",
	  token_options, mint_run, 0, 0 },
	{ 0 },
};
