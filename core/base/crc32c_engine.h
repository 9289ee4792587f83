/* The processor's own way to compute CRC-32C; one file per architecture defines it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crc32c_engine {
	bool (*usable)(void); /* has this processor the instructions? Cheap: asked every time */
	uint32_t (*run)(uint32_t state, const uint8_t *p, size_t n); /* without the inversions */
};

extern const struct crc32c_engine crc32c_engine;
