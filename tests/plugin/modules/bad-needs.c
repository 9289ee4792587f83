#include "common.h"

static const struct sb_ops ops = COMMON_OPS;
static const struct sb_descriptor descriptor = {
	COMMON_DESCRIPTOR("bad-needs"),
	.needs = (const char *const[]){ "sb.core/1", "sb.wishful/3", NULL },
	.ops = &ops,
};

static const struct sb_descriptor *describe(uint32_t i)
{
	return i == 0 ? &descriptor : NULL;
}

SB_PLUGIN("bad-needs", "1.0.0", 0, common_init, NULL, describe);
