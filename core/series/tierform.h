/* How a tier's chunk looks in bytes, for tierwrite.c and tierchunk.c.
 *
 *   u8 TIERFORM, u8 TIERFORM_VERSION, u32 CRC-32C of all the rest and of these two
 *   u8 tier, zz first period (in widths since 1970), varint periods - 1
 *   varint rows, varint columns; when there are rows, which periods they are of (ints.c)
 *   columns, ascending: u8 index, u8 type, section
 *
 * A column is fields, each u8 FIELD_*, section; whoever does not know one leaves it out. COUNT is
 * for every row of the chunk, 0: the column has nothing there; the others are for those it has. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/crc32c.h"

enum { TIERFORM = 0x54, TIERFORM_VERSION = 1, TIERFORM_HEAD = 6 };
enum {
	FIELD_COUNT,
	FIELD_MIN,
	FIELD_MAX,
	FIELD_SUM,
	FIELD_FIRST,
	FIELD_LAST,
	FIELD_FIRST_AT, /* unit (u8 exponent of 1000), ns behind the begin of the period */
	FIELD_LAST_AT,  /* the same, before its end */
	FIELD_AT_LIKE,  /* u8: both as in that column, by its place in the chunk */
	FIELD_QUALITY,  /* of the first, of the last << 8 */
	FIELD_FLAGS,    /* of the first, of the last << 16 */
	FIELD_INCREASE, /* empty: never lower, from the first to the last */
	FIELD_MEAN,     /* by time: u8 decimal exponent, integers */
	FIELDS,
};
#define FIELD_MEAN_DOUBLES 255 /* instead of the exponent: doubles (floats.c) */

static inline uint32_t tierform_checksum(const uint8_t *p, size_t n)
{
	return crc32c(crc32c(0, p, 2), p + TIERFORM_HEAD, n - TIERFORM_HEAD);
}

static const int64_t tierform_units[] = { 1, 1000, 1000000, 1000000000 };
