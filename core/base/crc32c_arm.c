#include <asm/hwcap.h>
#include <endian.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/crc32c_engine.h"

static bool usable(void)
{
	return getauxval(AT_HWCAP) & HWCAP_CRC32;
}

/* Assembler, because the compilers disagree on how a single function gets the intrinsics. */
static inline uint32_t take_word(uint32_t state, uint64_t word)
{
	__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(state) : "r"(word));
	return state;
}

static inline uint32_t take_byte(uint32_t state, uint32_t byte)
{
	__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(state) : "r"(byte));
	return state;
}

static uint32_t run(uint32_t state, const uint8_t *p, size_t n)
{
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word = 0;

		memcpy(&word, p, sizeof(word));
		state = take_word(state, le64toh(word));
	}
	for (; n; n--)
		state = take_byte(state, *p++);
	return state;
}

const struct crc32c_engine crc32c_engine = { usable, run };
