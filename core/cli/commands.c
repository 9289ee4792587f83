#include "cli/commands.h"

#include "base/own.h"
#include "cli/cli.h"

static const struct command *const tables[] = {
	system_commands, backup_commands,  config_commands,  device_commands,
	erase_commands,  journal_commands, query_commands,   storage_commands,
	export_commands, import_commands,  watch_commands,   plugin_commands,
	user_commands,   token_commands,   session_commands, other_commands,
};

const struct command *commands_at(size_t index)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (const struct command *c = tables[i]; c->words; c++)
			if (index-- == 0)
				return c;
	return NULL;
}
