#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

/* Both 0: the clocks run. Only tests set them. */
static _Atomic int64_t utc_standing, mono_standing;

static int64_t now(clockid_t id)
{
	struct timespec ts = { 0 };

	clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_utc(void)
{
	int64_t t = atomic_load_explicit(&utc_standing, memory_order_relaxed);

	return t ? t : now(CLOCK_REALTIME);
}

int64_t clock_mono(void)
{
	int64_t t = atomic_load_explicit(&mono_standing, memory_order_relaxed);

	return t ? t : now(CLOCK_MONOTONIC);
}

void clock_set(int64_t utc_ns, int64_t mono_ns)
{
	atomic_store_explicit(&utc_standing, utc_ns, memory_order_relaxed);
	atomic_store_explicit(&mono_standing, mono_ns, memory_order_relaxed);
}

void clock_show(char *buf, size_t cap, int64_t utc_ns)
{
	time_t seconds = (time_t)(utc_ns / NS_PER_S - (utc_ns % NS_PER_S < 0));
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(buf, cap, "%Y-%m-%dT%H:%M:%SZ", &tm))
		*buf = '\0';
}
