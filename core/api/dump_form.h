/* One point as text or CBOR, so that reading it back (intake.h) gives the same bits: a line of CSV,
 * a line of JSON, or an item of a CBOR sequence (RFC 8742). OPERATIONS.md says how they look. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct series;
struct series_point;

enum dump_kind { DUMP_CSV, DUMP_JSONL, DUMP_CBOR };

extern const char *const dump_type_names[7]; /* by SB_T_* */

struct dump_form {
	enum dump_kind kind;
	bool ns; /* times as nanoseconds, else ISO 8601; CBOR: always */
	bool rx; /* with the time of arrival */
};

const char *dump_form_media(const struct dump_form *f); /* type/subtype */
/* Before the first point: the names of the columns, or nothing. */
void dump_form_head(const struct dump_form *f, struct buffer *out);
void dump_form_point(const struct dump_form *f, struct buffer *out, const char *device,
                     const struct series *s, const struct series_point *p);

#define DUMP_TIME 32
/* "2026-01-02T03:04:05.678Z" with as many digits as it needs; its length. */
size_t dump_form_time(char text[static DUMP_TIME], int64_t ns);
#define DUMP_NUMBER 40
/* A double: the shortest decimal that reads back the same; "NaN", "Infinity", "-Infinity"; any
 * other NaN as "NaN:" and its 16 hexadecimal digits. Its length. */
size_t dump_form_f64(char text[static DUMP_NUMBER], double v);
