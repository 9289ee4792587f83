/* Where the platform is and who asks: options, environment, ~/.config/signalbox/cli.conf, in this
 * order. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct cli;

int config_load(struct cli *cli); /* url, ca, data; an exit code */
/* token: as given; else minted with the keys of the data directory, if one is known and readable.
 */
int config_find_token(struct cli *cli);
/* A local token of the data directory in cli->token; an exit code, silent if quiet. */
int config_mint(struct cli *cli, const char *data, bool quiet);
int config_save(const char *url, const char *token); /* a fault, or 0 */
bool config_path(char *path, size_t cap);            /* false: no home directory */
