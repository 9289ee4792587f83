/* All commands, one table per subject; a table ends with words NULL. */
#pragma once
#include <stddef.h>

#include "cli/cli.h"

extern const struct command backup_commands[], config_commands[], device_commands[],
	erase_commands[], export_commands[], import_commands[], journal_commands[],
	other_commands[], plugin_commands[], query_commands[], session_commands[],
	storage_commands[], system_commands[], token_commands[], user_commands[], watch_commands[];

const struct command *commands_at(size_t index); /* NULL after the last */
