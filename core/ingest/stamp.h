/* Times of points: what is missing is set, what cannot be is corrected and flagged, nothing is
 * thrown away. Under the device's hot lock.
 *
 * - SB_TS_UNKNOWN becomes the time of arrival, made unique per device, flagged HOST_STAMPED.
 * - A time before 2000 or more than STAMP_AHEAD_NS in the future comes from a clock that was never
 *   set: the message's times are shifted together by the device's estimated clock offset, or, if
 *   that does not fit, so that the newest is the time of arrival; flagged HOST_STAMPED.
 * - The offset (device minus host) follows the least delayed live messages.
 * - A point older than a minute and than five of the device's intervals is flagged REPLAYED. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct device;
struct state_device;

#define STAMP_AHEAD_NS (600 * 1000000000LL)
#define STAMP_YEAR2000 (946684800LL * 1000000000LL)

/* The n points of one message that arrived at rx_ns; corrects them in place. Returns the newest. */
int64_t stamp_message(struct device *dev, struct state_device *own, int64_t rx_ns,
                      struct sb_point *points, uint32_t n);
/* Learns the interval between messages from the newest time of a live one. */
void stamp_learn(struct device *dev, int64_t newest_ns);
