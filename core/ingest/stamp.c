#include "ingest/stamp.h"

#include <stdbool.h>

#include "base/clock.h"
#include "base/own.h"
#include "ingest/state.h"
#include "registry/registry.h"

enum {
	STEP_NS = 1000,     /* host stamps are at least so far apart, and multiples of it */
	OFFSET_WEIGHT = 64, /* how slowly the offset follows delayed messages */
	INTERVAL_WEIGHT = 8,
	REPLAY_INTERVALS = 5,
};
#define REPLAY_NS      (60 * NS_PER_S)
#define INTERVAL_LEAST (5 * NS_PER_MS) /* parts of one report come closer than that */
#define INTERVAL_MOST  (366 * 86400 * NS_PER_S)
#define CLOCK_STEPPED  NS_PER_S /* our own clock was set back */
#define NOT_LIVE       (SB_P_REPLAYED | SB_P_RETAINED)

static int64_t minus(int64_t a, int64_t b)
{
	int64_t d;
	if (__builtin_sub_overflow(a, b, &d))
		return a < b ? INT64_MIN : INT64_MAX;
	return d;
}

static bool is_wrong(int64_t ts, int64_t rx)
{
	return ts < STAMP_YEAR2000 || ts > rx + STAMP_AHEAD_NS;
}

static bool is_near(int64_t a, int64_t b)
{
	int64_t d = minus(a, b);
	return d <= STAMP_AHEAD_NS && d >= -STAMP_AHEAD_NS;
}

/* The next time the host gives to a message of this device: never twice the same. */
static int64_t next_stamp(struct state_device *own, int64_t rx)
{
	int64_t ts = rx - rx % STEP_NS;
	if (ts <= own->stamped_ns && own->stamped_ns - ts < CLOCK_STEPPED)
		ts = own->stamped_ns + STEP_NS;
	own->stamped_ns = ts;
	return ts;
}

/* How far the wrong times of a message, of which this is the newest, have to be moved. */
static int64_t wrong_offset(struct device *dev, int64_t newest, int64_t rx)
{
	int64_t offset = minus(newest, rx);
	bool known = dev->hot.clock_known && is_near(offset, dev->hot.clock_offset_ns);
	if (known && offset <= dev->hot.clock_offset_ns)
		return dev->hot.clock_offset_ns; /* this one was delayed more */
	dev->hot.clock_offset_ns = offset;
	dev->hot.clock_known = true;
	return offset;
}

static void learn_offset(struct device *dev, int64_t newest, int64_t rx)
{
	int64_t seen = minus(newest, rx);
	int64_t *offset = &dev->hot.clock_offset_ns;
	if (!dev->hot.clock_known || !is_near(seen, *offset))
		*offset = is_near(newest, rx) ? seen : 0;
	else if (seen > *offset)
		*offset = seen;
	else
		*offset += (seen - *offset) / OFFSET_WEIGHT;
	dev->hot.clock_known = true;
}

static int64_t replay_age(const struct device *dev)
{
	int64_t interval = atomic_load_explicit(&dev->interval_ns, memory_order_relaxed);
	interval = MIN(interval, INTERVAL_MOST);
	return MAX(REPLAY_NS, interval * REPLAY_INTERVALS);
}

/* Device time to host time, as far as the device's clock is one. */
static int64_t good_offset(const struct device *dev)
{
	return dev->hot.clock_known && is_near(dev->hot.clock_offset_ns, 0)
	               ? dev->hot.clock_offset_ns
	               : 0;
}

static void fix_wrong(struct sb_point *points, uint32_t n, int64_t rx, int64_t offset)
{
	for (uint32_t i = 0; i < n; i++) {
		struct sb_point *p = &points[i];
		if (p->ts_ns == SB_TS_UNKNOWN || !is_wrong(p->ts_ns, rx))
			continue;
		p->ts_ns = minus(p->ts_ns, offset);
		if (is_wrong(p->ts_ns, rx)) /* two wrong clocks in one message */
			p->ts_ns = rx;
		p->flags |= SB_P_HOST_STAMPED;
	}
}

static void fix_unknown(struct sb_point *points, uint32_t n, int64_t stamp)
{
	for (uint32_t i = 0; i < n; i++) {
		if (points[i].ts_ns != SB_TS_UNKNOWN)
			continue;
		points[i].ts_ns = stamp;
		points[i].flags |= SB_P_HOST_STAMPED;
	}
}

int64_t stamp_message(struct device *dev, struct state_device *own, int64_t rx_ns,
                      struct sb_point *points, uint32_t n)
{
	int64_t good = INT64_MIN;
	int64_t wrong = INT64_MIN;
	int64_t newest = INT64_MIN;
	bool unknown = false, has_wrong = false, live = true;
	for (uint32_t i = 0; i < n; i++) {
		int64_t ts = points[i].ts_ns;
		live = live && !(points[i].flags & NOT_LIVE);
		if (ts == SB_TS_UNKNOWN) {
			unknown = true;
		} else if (is_wrong(ts, rx_ns)) {
			has_wrong = true;
			wrong = MAX(wrong, ts);
		} else {
			good = MAX(good, ts);
		}
	}
	int64_t oldest = rx_ns - replay_age(dev) + good_offset(dev);
	if (good != INT64_MIN && live && (good > oldest || !dev->hot.clock_known))
		learn_offset(dev, good, rx_ns);
	if (has_wrong)
		fix_wrong(points, n, rx_ns, wrong_offset(dev, wrong, rx_ns));
	if (unknown)
		fix_unknown(points, n, next_stamp(own, rx_ns));
	for (uint32_t i = 0; i < n; i++) {
		newest = MAX(newest, points[i].ts_ns);
		if (points[i].ts_ns < oldest)
			points[i].flags |= SB_P_REPLAYED;
	}
	return newest;
}

void stamp_learn(struct device *dev, int64_t newest_ns)
{
	int64_t step = minus(newest_ns, dev->hot.newest_ts_ns);
	if (step <= 0)
		return;
	if (dev->hot.newest_ts_ns && step >= INTERVAL_LEAST) {
		int64_t interval = atomic_load_explicit(&dev->interval_ns, memory_order_relaxed);
		/* An outage is not an interval. */
		if (interval && interval < INTERVAL_MOST)
			step = MIN(step, interval * INTERVAL_WEIGHT);
		step = MIN(step, INTERVAL_MOST);
		interval = interval ? interval + (step - interval) / INTERVAL_WEIGHT : step;
		atomic_store_explicit(&dev->interval_ns, interval, memory_order_relaxed);
	}
	dev->hot.newest_ts_ns = newest_ns;
}
