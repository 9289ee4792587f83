/* Makes spare segments, and finds out at start which files of the directory are what. Parts of the
 * shelf that touch the disk. */
#pragma once
#include <stdint.h>

struct shelf;

#define PREPARE_ZEROS (256u * 1024)

/* Renames a segment nobody needs to the number it will have; durable. */
int prepare_recycled(struct shelf *shelf, uint32_t generation, uint32_t number);
/* Writes a new file full of zeros; durable. zeros: PREPARE_ZEROS bytes. */
int prepare_new(struct shelf *shelf, uint32_t number, const uint8_t *zeros);
