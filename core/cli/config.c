#include "cli/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <signalbox/services.h>

#include "api/token.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/own.h"
#include "cli/cli.h"

#define DEFAULT_URL  "ws://127.0.0.1:8080/api/v1"
#define DEFAULT_DATA "/var/lib/signalbox"

bool config_path(char *path, size_t cap)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (config && config[0])
		snprintf(path, cap, "%s/signalbox/cli.conf", config);
	else if (home && home[0])
		snprintf(path, cap, "%s/.config/signalbox/cli.conf", home);
	else
		return false;
	return true;
}

/* "key=value" lines. */
static void file_value(const char *key, char *out, size_t cap)
{
	char path[600];
	char line[4400];
	size_t n = strlen(key);
	FILE *f = config_path(path, sizeof(path)) ? fopen(path, "re") : NULL;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (strncmp(line, key, n) == 0 && line[n] == '=')
			snprintf(out, cap, "%s", line + n + 1);
	}
	if (f)
		fclose(f);
}

static void choose(const struct cli *cli, const char *option, const char *env, char *out,
                   size_t cap)
{
	const char *value = cli_option(cli, option, 0);

	if (!value)
		value = getenv(env);
	if (value && value[0])
		snprintf(out, cap, "%s", value);
}

/* The address a running platform left in its data directory. */
static void url_of_data(const char *data, char *out, size_t cap)
{
	_own_(buffer_fini) struct buffer text = { 0 };
	char path[600];

	snprintf(path, sizeof(path), "%s/api.url", data);
	if (file_read_all(path, 512, &text) < 0 || text.n == 0)
		return;
	int n = (int)text.n - (text.p[text.n - 1] == '\n');

	snprintf(out, cap, "%.*s", n, (const char *)text.p);
}

int config_load(struct cli *cli)
{
	choose(cli, "ca", "SIGNALBOX_CA", cli->ca, sizeof(cli->ca));
	choose(cli, "data", "SIGNALBOX_DATA", cli->data, sizeof(cli->data));
	choose(cli, "url", "SIGNALBOX_URL", cli->url, sizeof(cli->url));
	if (cli->url[0] == '\0' && cli->data[0])
		url_of_data(cli->data, cli->url, sizeof(cli->url));
	if (cli->url[0] == '\0')
		file_value("url", cli->url, sizeof(cli->url));
	if (cli->url[0] == '\0')
		url_of_data(DEFAULT_DATA, cli->url, sizeof(cli->url));
	if (cli->url[0] == '\0')
		snprintf(cli->url, sizeof(cli->url), "%s", DEFAULT_URL);
	return CLI_OK;
}

int config_mint(struct cli *cli, const char *data, bool quiet)
{
	struct token_keys *keys = NULL;
	struct token_claims claims = {
		.role = SB_ROLE_ADMIN,
		.local = true,
		.issued_ns = clock_utc(),
	};
	const char *user = getenv("USER");

	claims.expires_ns = claims.issued_ns + 12 * 3600 * NS_PER_S;
	snprintf(claims.subject, sizeof(claims.subject), "cli:%s",
	         user && user[0] ? user : "local");
	int r = token_keys_open(&keys, data, false);

	if (r == 0)
		r = token_sign(keys, &claims, cli->token, sizeof(cli->token));
	token_keys_free(keys);
	if (r == 0)
		return CLI_OK;
	if (!quiet)
		fprintf(stderr, "signalbox: no signing key can be read in %s/keys: %s\n", data,
		        r == -ENOENT ? "has the platform run there?"
		                     : strerror(r > -1000 ? -r : EIO));
	return CLI_AUTH;
}

int config_find_token(struct cli *cli)
{
	const char *token = cli_option(cli, "token", 0);
	const char *env = getenv("SIGNALBOX_TOKEN");

	if (token) {
		snprintf(cli->token, sizeof(cli->token), "%s", token);
		return CLI_OK;
	}
	if (cli_option(cli, "data", 0))
		return config_mint(cli, cli->data, false);
	if (env && env[0]) {
		snprintf(cli->token, sizeof(cli->token), "%s", env);
		return CLI_OK;
	}
	if (cli->data[0])
		return config_mint(cli, cli->data, false);
	file_value("token", cli->token, sizeof(cli->token));
	if (cli->token[0] || config_mint(cli, DEFAULT_DATA, true) == CLI_OK)
		return CLI_OK;
	fputs("signalbox: not logged in; use signalbox login, --token, SIGNALBOX_TOKEN or --data DIR\n",
	      stderr);
	return CLI_AUTH;
}

int config_save(const char *url, const char *token)
{
	char path[600];
	char dir[600];
	_own_(buffer_fini) struct buffer text = { 0 };

	if (!config_path(path, sizeof(path)))
		return -ENOENT;
	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	int r = file_make_dir(dir, 0700);

	buffer_give(&text, "url=", 4);
	buffer_give(&text, url, strlen(url));
	buffer_give(&text, "\ntoken=", 7);
	buffer_give(&text, token, strlen(token));
	buffer_give(&text, "\n", 1);
	return r < 0 || text.bad ? -EIO : file_write_atomic(path, text.p, text.n, 0600);
}
