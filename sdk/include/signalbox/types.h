/* signalbox/types.h: words every part of the plugin ABI speaks, major 1.
 *
 * Structs without a `size` member are frozen for all of major 1; only they, or pointers, stand in
 * arrays. No member ever changes its unit. Header only; usable from C11, C++14, Rust and Zig. */
#ifndef SIGNALBOX_TYPES_H
#define SIGNALBOX_TYPES_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SB_ASSERT_(cond, text) static_assert(cond, text)
extern "C" {
#else
#define SB_ASSERT_(cond, text) _Static_assert(cond, text)
#endif

/* ---- slices: borrowed until the call returns, unless the slot says otherwise */

/* UTF-8 text, not 0-terminated; p may be NULL when n is 0. */
struct sb_str {
	const char *p;
	size_t n;
};

/* Bytes of any kind; p may be NULL when n is 0. */
struct sb_bytes {
	const uint8_t *p;
	size_t n;
};

/* One key with its value, for log lines and attributes. */
struct sb_kv {
	struct sb_str key, value;
};

static inline struct sb_str sb_str_of(const char *p, size_t n)
{
	struct sb_str s;
	s.p = p;
	s.n = n;
	return s;
}

/* A string literal as a slice. */
#define SB_STR(literal) sb_str_of("" literal, sizeof(literal) - 1)

/* ---- handles: opaque and generation-checked; 0 means none. A handle that outlived its object is
 * answered with SB_E_STALE, never followed. */
typedef uint64_t sb_device; /* one device of the registry */
typedef uint64_t sb_series; /* one metric of one device */
typedef uint64_t sb_conn;   /* one connection of a listener */
typedef uint64_t sb_timer;  /* one armed timer */
typedef uint64_t sb_token;  /* chosen by the caller, echoed in the answer */

/* ---- telemetry */

/* sb_point.type. STR is UTF-8; STR and BYTES lie in the batch's blob. Unknown types are refused. */
enum {
	SB_T_NULL = 0,
	SB_T_BOOL = 1,
	SB_T_I64 = 2,
	SB_T_U64 = 3,
	SB_T_F64 = 4,
	SB_T_STR = 5,
	SB_T_BYTES = 6
};

/* sb_point.quality: class in the top two bits, reason below (after OPC UA Part 8). */
enum {
	SB_Q_GOOD = 0x00,
	SB_Q_UNCERTAIN = 0x40,
	SB_Q_STALE = 0x41,
	SB_Q_CLAMPED = 0x42,
	SB_Q_SUBSTITUTED = 0x43,
	SB_Q_BAD = 0x80,
	SB_Q_NO_COMM = 0x81,
	SB_Q_SENSOR = 0x82,
	SB_Q_RANGE = 0x83,
	SB_Q_CONFIG = 0x84,
	SB_Q_CLASS = 0xC0
};

/* sb_point.flags, or-ed. Unknown bits are kept but mean nothing. */
enum {
	SB_P_REPLAYED = 1,     /* from the device's own buffer, not live */
	SB_P_HOST_STAMPED = 2, /* source time was missing or wrong, the host set it */
	SB_P_DERIVED = 4,      /* computed from other series */
	SB_P_RETAINED = 8,     /* a retained message, its age is unknown */
	SB_P_REVISED = 16,     /* replaces a value of the same time */
	SB_P_LATE = 32         /* older than its device's newest; the host sets it, nobody else */
};

/* "no source time": the host stamps the point with its time of arrival. */
#define SB_TS_UNKNOWN INT64_MIN

/* The 8 bytes of a value. blob is an offset and a length in sb_batch.blob: records hold no
 * pointers, so that a batch may lie in shared memory at any address. */
union sb_value {
	int64_t i; /* I64; BOOL as 0 or 1 */
	uint64_t u;
	double f;
	struct {
		uint32_t off, len;
	} blob;
};

/* One value of one series at one time. 32 bytes, frozen. */
struct sb_point {
	sb_series series;
	int64_t ts_ns; /* source time, ns since 1970 UTC, or SB_TS_UNKNOWN */
	union sb_value v;
	uint8_t type, quality;
	uint16_t flags;
	uint32_t msg; /* the message inside the batch; points of one msg and time form one row */
};
SB_ASSERT_(sizeof(struct sb_point) == 32, "frozen");
SB_ASSERT_(offsetof(struct sb_point, v) == 16 && offsetof(struct sb_point, msg) == 28, "frozen");

#ifdef __cplusplus
}
#endif
#endif
