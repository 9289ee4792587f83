#include "common.h"

static const struct sb_descriptor *describe(uint32_t i)
{
	(void)i;
	return NULL;
}

const struct sb_entry sb_plugin_entry_1 = { .magic = SB_ENTRY_MAGIC,
	                                    .abi_major = 1,
	                                    .size = sizeof(struct sb_entry),
	                                    .init = common_init,
	                                    .descriptor = describe };
