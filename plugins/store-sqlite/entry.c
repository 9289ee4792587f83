/* Stores everything in SQLite: documents in one database, telemetry in immutable block files. */
#include <signalbox/plugin.h>

#include "docs.h"
#include "sql.h"
#include "store.h"

#define VERSION "0.1.0"

#define SCHEMA(what)                                                                         \
	"{\"type\":\"object\",\"properties\":{\"dir\":{\"type\":\"string\",\"minLength\":1," \
	"\"maxLength\":1024,\"description\":\"" what "\"}},\"required\":[\"dir\"],"          \
	"\"additionalProperties\":false}"

static const char *const needs[] = { "sb.loop/1", NULL };
static const char *const store_provides[] = { "sb.store/1", NULL };
static const char *const docs_provides[] = { "sb.docstore/1", NULL };

static const struct sb_descriptor store_descriptor = {
	.size = sizeof(store_descriptor),
	.flags = SB_RUN_THREAD | SB_SINGLETON | SB_AUTOSTART,
	.id = "store-sqlite",
	.name = "Telemetry in SQLite",
	.version = VERSION,
	.vendor = "Signalbox",
	.license = "Apache-2.0",
	.summary = "keeps telemetry in immutable block files, one folder a class and month",
	.section = "store",
	.provides = store_provides,
	.needs = needs,
	.config_schema = SCHEMA("folder of the block files, absolute"),
	.ops = &store_ops,
};

static const struct sb_descriptor docs_descriptor = {
	.size = sizeof(docs_descriptor),
	.flags = SB_RUN_THREAD | SB_SINGLETON | SB_AUTOSTART,
	.id = "docs-sqlite",
	.name = "Documents in SQLite",
	.version = VERSION,
	.vendor = "Signalbox",
	.license = "Apache-2.0",
	.summary = "keeps devices, users, rules and audit in one database, registry.db",
	.section = "docs",
	.provides = docs_provides,
	.needs = needs,
	.config_schema = SCHEMA("folder of registry.db, absolute"),
	.ops = &docs_ops,
};

static int32_t init(const struct sb_core *core, const char *path)
{
	(void)path;
	sql_init();
	store_init(core);
	docs_init(core);
	return 0;
}

static void deinit(void)
{
}

static const struct sb_descriptor *descriptor(uint32_t index)
{
	static const struct sb_descriptor *const all[] = { &store_descriptor, &docs_descriptor };

	return index < sizeof(all) / sizeof(all[0]) ? all[index] : NULL;
}

SB_PLUGIN("store-sqlite", VERSION, 0, init, deinit, descriptor);
