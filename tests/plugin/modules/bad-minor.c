#include "common.h"

/* Runs at dlopen(), so it tells whether the refusal came before. */
__attribute__((constructor)) static void constructor(void)
{
	setenv("SIGNALBOX_TEST_CONSTRUCTOR", "ran", 1);
}

static const struct sb_ops ops = COMMON_OPS;
static const struct sb_descriptor descriptor = { COMMON_DESCRIPTOR("bad-minor"), .ops = &ops };

static const struct sb_descriptor *describe(uint32_t i)
{
	return i == 0 ? &descriptor : NULL;
}

SB_PLUGIN("bad-minor", "1.0.0", 99, common_init, NULL, describe);
