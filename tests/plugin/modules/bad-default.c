#include "common.h"

static const struct sb_ops ops = COMMON_OPS;
static const struct sb_descriptor descriptor = {
	COMMON_DESCRIPTOR("bad-default"),
	.config_schema =
		"{\"type\":\"object\",\"properties\":{\"n\":{\"maximum\":5,\"default\":7}}}",
	.ops = &ops,
};

static const struct sb_descriptor *describe(uint32_t i)
{
	return i == 0 ? &descriptor : NULL;
}

SB_PLUGIN("bad-default", "1.0.0", 0, common_init, NULL, describe);
