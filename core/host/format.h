/* The "format" keyword. */
#pragma once
#include <jansson.h>

/* NULL: right, or a format nobody here knows. Otherwise what would be right: "a duration such as
 * 500ms, 10s, 5m". */
const char *format_wrong(const char *format, const json_t *value);
/* What a text of this format is as a number: "duration" in ns, "size" in bytes. 0, or -ENOENT for
 * formats without one. */
int format_number(const char *format, const char *text, int64_t *out);
