/* CRC-32C (Castagnoli), with SSE4.2 or ARMv8 instructions where the processor has them. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Continue from seed (0 to begin); crc32c(crc32c(0, a), b) is the sum of a followed by b. */
uint32_t crc32c(uint32_t seed, const void *p, size_t n);
