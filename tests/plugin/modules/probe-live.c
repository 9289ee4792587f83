/* The probe, which also takes another configuration while it runs. */
#include "probe.h"

/* Everything but another address or mode. */
static int32_t reconfigure(void *self, const struct sb_config *c)
{
	struct probe *p = self;
	char mode[sizeof(p->mode)];
	char listen[sizeof(p->listen)];
	copy(c, "/mode", mode, sizeof(mode));
	copy(c, "/listen", listen, sizeof(listen));
	tell(p, "reconfigure");
	return strcmp(mode, p->mode) || strcmp(listen, p->listen) ? SB_RESTART : 0;
}

static const struct sb_ops ops = { .size = sizeof(ops),
	                           .create = create,
	                           .configure = configure,
	                           .start = start,
	                           .drain = drain,
	                           .stop = stop,
	                           .destroy = destroy,
	                           .reconfigure = reconfigure };

/* As it was built before hosts asked for that. */
static const struct sb_ops old_ops = { .size = offsetof(struct sb_ops, reconfigure),
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
	{ COMMON_DESCRIPTOR("probe-old"), .config_schema = SCHEMA, .ops = &old_ops },
};

static int32_t init(const struct sb_core *c, const char *path)
{
	core = c;
	return path ? 0 : -EINVAL;
}

static const struct sb_descriptor *describe(uint32_t i)
{
	return i < 3 ? &descriptors[i] : NULL;
}

SB_PLUGIN("probe", "1.0.0", 0, init, NULL, describe);
