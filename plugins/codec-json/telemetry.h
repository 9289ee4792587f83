/* The JSON forms of telemetry: {"temp": 21.5, …}, {"ts": …, "values": {…}}, and arrays of those. */
#pragma once
#include <stdint.h>

struct decoding;

int32_t telemetry_decode(struct decoding *d);
