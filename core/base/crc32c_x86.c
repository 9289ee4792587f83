#include <nmmintrin.h>
#include <string.h>

#include "base/crc32c_engine.h"

static bool usable(void)
{
	return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t run(uint32_t state, const uint8_t *p, size_t n)
{
	uint64_t wide = state;

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word = 0;

		memcpy(&word, p, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	state = (uint32_t)wide;
	for (; n; n--)
		state = _mm_crc32_u8(state, *p++);
	return state;
}

const struct crc32c_engine crc32c_engine = { usable, run };
