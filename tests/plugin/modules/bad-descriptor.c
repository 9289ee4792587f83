#include "common.h"

static const struct sb_descriptor descriptor = {
	COMMON_DESCRIPTOR("bad-descriptor"),
	.ops = NULL,
};

static const struct sb_descriptor *describe(uint32_t i)
{
	return i == 0 ? &descriptor : NULL;
}

SB_PLUGIN("bad-descriptor", "1.0.0", 0, common_init, NULL, describe);
