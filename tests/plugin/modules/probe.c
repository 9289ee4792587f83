/* The well-behaved module, and the one that misbehaves on request, by the headers of 1.0. */
#include "probe.h"

static const struct sb_ops ops = { .size = sizeof(ops),
	                           .create = create,
	                           .configure = configure,
	                           .start = start,
	                           .drain = drain,
	                           .stop = stop,
	                           .destroy = destroy };

static const struct sb_descriptor descriptors[] = {
	{ COMMON_DESCRIPTOR("probe"), .config_schema = SCHEMA, .ops = &ops },
	{ COMMON_DESCRIPTOR("probe-thread"), .flags = SB_RUN_THREAD | SB_SINGLETON,
	  .config_schema = SCHEMA, .ops = &ops },
};

static int32_t init(const struct sb_core *c, const char *path)
{
	core = c;
	return path ? 0 : -EINVAL;
}

static const struct sb_descriptor *describe(uint32_t i)
{
	return i < 2 ? &descriptors[i] : NULL;
}

SB_PLUGIN("probe", "1.0.0", 0, init, NULL, describe);
