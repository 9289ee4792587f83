#include "base/crc32c_engine.h"

static bool usable(void)
{
	return false;
}

static uint32_t run(uint32_t state, const uint8_t *p, size_t n)
{
	(void)p;
	(void)n;
	return state;
}

const struct crc32c_engine crc32c_engine = { usable, run };
