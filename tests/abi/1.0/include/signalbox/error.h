/* signalbox/error.h: the one error space of Signalbox.
 *
 * Every function returns a 32-bit int: 0 done; positive, an answer its description names; negative,
 * a fault to be passed on unchanged: -errno of Linux, or one of the codes below -1000 here. */
#ifndef SIGNALBOX_ERROR_H
#define SIGNALBOX_ERROR_H
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Positive answers. */
enum {
	SB_OK = 0,
	SB_PENDING = 1, /* taken; the result follows by token or callback */
	SB_AGAIN = 2,   /* not taken: come back when told that there is room */
	SB_RESTART = 3  /* configure: takes effect after stop, destroy, create */
};

/* Own faults. A number, once given, keeps its meaning for ever; new ones go to the end. */
#define SB_ERRORS(X)                                                                \
	X(SB_E_FAIL, -1001, "failed")                                               \
	X(SB_E_STALE, -1002, "the object behind this handle is gone")               \
	X(SB_E_OVERLOAD, -1003, "overloaded, try later")                            \
	X(SB_E_CORRUPT, -1004, "stored data is damaged")                            \
	X(SB_E_CONFLICT, -1005, "changed by someone else meanwhile")                \
	X(SB_E_MALFORMED, -1006, "malformed input")                                 \
	X(SB_E_TYPE, -1007, "wrong type")                                           \
	X(SB_E_RANGE, -1008, "out of range")                                        \
	X(SB_E_QUOTA, -1009, "quota used up")                                       \
	X(SB_E_UNKNOWN_DEVICE, -1010, "unknown device")                             \
	X(SB_E_SUSPENDED, -1011, "device is suspended or retired")                  \
	X(SB_E_ABI, -1012, "incompatible plugin interface")                         \
	X(SB_E_DEGRADED, -1013, "storage is degraded: nothing can be acknowledged") \
	X(SB_E_NAME, -1014, "name is not allowed")                                  \
	X(SB_E_UNKNOWN_TOPIC, -1015, "nothing is known under this topic")           \
	X(SB_E_EXISTS, -1016, "exists already")                                     \
	X(SB_E_NOT_FOUND, -1017, "not found")

enum {
#define SB_ERROR_ENUM_(name, number, text) name = number,
	SB_ERRORS(SB_ERROR_ENUM_)
#undef SB_ERROR_ENUM_
		SB_E_LAST_ = -1999
};

/* Text for people, lower case, no full stop; never NULL. Any thread; the text of an errno value
 * may be overwritten by the thread's next strerror(). */
static inline const char *sb_strerror(int32_t r)
{
	switch (r) {
	case SB_OK:
		return "done";
	case SB_PENDING:
		return "pending";
	case SB_AGAIN:
		return "try again later";
	case SB_RESTART:
		return "takes effect after a restart";
#define SB_ERROR_CASE_(name, number, text) \
	case number:                       \
		return text;
		SB_ERRORS(SB_ERROR_CASE_)
#undef SB_ERROR_CASE_
	default:
		return r < 0 && r > -1000 ? strerror(-r) : "unknown code";
	}
}

#ifdef __cplusplus
}
#endif
#endif
