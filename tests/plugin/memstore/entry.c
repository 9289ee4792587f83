#include <errno.h>

#include "memstore/memstore.h"

#define SCHEMA                                                                 \
	"{\"type\":\"object\",\"properties\":{\"dir\":{\"type\":\"string\"}}," \
	"\"additionalProperties\":false}"

static const struct sb_descriptor descriptors[] = {
	{ .size = sizeof(struct sb_descriptor),
	  .flags = SB_RUN_THREAD | SB_SINGLETON | SB_AUTOSTART,
	  .id = "store-memory",
	  .name = "Telemetry in memory",
	  .version = "1.0.0",
	  .vendor = "tests",
	  .license = "Apache-2.0",
	  .summary = "for tests",
	  .section = "store",
	  .provides = (const char *const[]){ "sb.store/1", NULL },
	  .config_schema = SCHEMA,
	  .ops = &memstore_blocks },
	{ .size = sizeof(struct sb_descriptor),
	  .flags = SB_RUN_THREAD | SB_SINGLETON | SB_AUTOSTART,
	  .id = "docs-memory",
	  .name = "Documents in memory",
	  .version = "1.0.0",
	  .vendor = "tests",
	  .license = "Apache-2.0",
	  .summary = "for tests",
	  .section = "docs",
	  .provides = (const char *const[]){ "sb.docstore/1", NULL },
	  .config_schema = SCHEMA,
	  .ops = &memstore_docs },
};

static int32_t init(const struct sb_core *core, const char *path)
{
	return core && path ? 0 : -EINVAL;
}

static void deinit(void)
{
}

static const struct sb_descriptor *describe(uint32_t i)
{
	return i < sizeof(descriptors) / sizeof(descriptors[0]) ? &descriptors[i] : NULL;
}

SB_PLUGIN("store-memory", "1.0.0", 0, init, deinit, describe);
