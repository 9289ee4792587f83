#include "common.h"

static const struct sb_ops ops = COMMON_OPS;
static const struct sb_descriptor descriptor = { COMMON_DESCRIPTOR("bad-magic"), .ops = &ops };

static const struct sb_descriptor *describe(uint32_t i)
{
	return i == 0 ? &descriptor : NULL;
}

__attribute__((used, section(".note.signalbox"), aligned(4))) static const struct sb_note note = {
	.namesz = sizeof(SB_NOTE_NAME),
	.descsz = sizeof(struct sb_note) - 24,
	.type = SB_NOTE_TYPE,
	.name = SB_NOTE_NAME,
	.abi_major = SB_ABI_MAJOR,
	.abi_minor_built = SB_ABI_MINOR,
	.id = "bad-magic",
	.version = "1.0.0",
};

const struct sb_entry sb_plugin_entry_1 = {
	.magic = 0x12345678,
	.abi_major = SB_ABI_MAJOR,
	.abi_minor_built = SB_ABI_MINOR,
	.size = sizeof(struct sb_entry),
	.init = common_init,
	.descriptor = describe,
};
