#include "common.h"

int32_t signalbox_symbol_of_nobody(const struct sb_core *core, const char *path);

static const struct sb_ops ops = COMMON_OPS;
static const struct sb_descriptor descriptor = { COMMON_DESCRIPTOR("bad-undefined"), .ops = &ops };

static const struct sb_descriptor *describe(uint32_t i)
{
	return i == 0 ? &descriptor : NULL;
}

static int32_t init(const struct sb_core *core, const char *path)
{
	return signalbox_symbol_of_nobody(core, path);
}

SB_PLUGIN("bad-undefined", "1.0.0", 0, init, NULL, describe);
