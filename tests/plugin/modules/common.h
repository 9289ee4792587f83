/* What every module of these tests needs: a descriptor that does nothing, to be varied. */
#pragma once
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/plugin.h>

static inline int32_t common_create(struct sb_host *h, const struct sb_descriptor *d, void **self)
{
	(void)d;
	*self = h;
	return 0;
}

static inline void common_destroy(void *self)
{
	(void)self;
}

#define COMMON_OPS                                                                                \
	{                                                                                         \
		.size = sizeof(struct sb_ops), .create = common_create, .destroy = common_destroy \
	}

#define COMMON_DESCRIPTOR(id_)                                                                \
	.size = sizeof(struct sb_descriptor), .id = (id_), .name = (id_), .version = "1.0.0", \
	.vendor = "tests", .license = "Apache-2.0", .summary = "for tests", .section = (id_)

static inline int32_t common_init(const struct sb_core *core, const char *path)
{
	return core && path ? 0 : -EINVAL;
}
