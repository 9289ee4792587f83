#include <arm_acle.h>
#include <asm/hwcap.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/crc32c_engine.h"

static bool usable(void)
{
	return getauxval(AT_HWCAP) & HWCAP_CRC32;
}

__attribute__((target("+crc"))) static uint32_t run(uint32_t state, const uint8_t *p, size_t n)
{
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word = 0;

		memcpy(&word, p, sizeof(word));
		state = __crc32cd(state, word);
	}
	for (; n; n--)
		state = __crc32cb(state, *p++);
	return state;
}

const struct crc32c_engine crc32c_engine = { usable, run };
