#include "ingest/admit.h"

#include <stdio.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "ingest/state.h"
#include "registry/registry.h"

#define EXPLAIN_EVERY_NS NS_PER_S

static bool is_time_to_explain(struct ingest *ingest, const struct device *dev, int kind)
{
	struct state_device *own = table_at(&ingest->devices, dev->no);
	int64_t now = clock_mono();
	if (!own)
		return false;
	int64_t last = atomic_load_explicit(&own->reason_ns, memory_order_relaxed);
	if (atomic_load_explicit(&own->reason_key, memory_order_relaxed) != kind) {
		atomic_store_explicit(&own->reason_key, kind, memory_order_relaxed);
		atomic_store_explicit(&own->reason_ns, now, memory_order_relaxed);
		return true;
	}
	return (!last || now - last >= EXPLAIN_EVERY_NS) &&
	       atomic_compare_exchange_strong(&own->reason_ns, &last, now);
}

void admit_refuse(struct ingest *ingest, struct device *dev, uint64_t n, int kind,
                  const char *reason)
{
	bool explain = is_time_to_explain(ingest, dev, kind);
	registry_fate(ingest->config.registry, dev, FATE_refused, n, explain ? reason : NULL);
}

void admit_refuse_series(struct ingest *ingest, struct device *dev, struct sb_str name, int r)
{
	char shown[64];
	char reason[160];
	if (!is_time_to_explain(ingest, dev, r)) {
		registry_fate(ingest->config.registry, dev, FATE_refused, 1, NULL);
		return;
	}
	text_show(shown, sizeof(shown), name);
	if (r == SB_E_QUOTA)
		snprintf(
			reason, sizeof(reason),
			"series %s: limit of %u series per device reached (ingest.max-series-per-device)",
			shown, state_limit(&ingest->limits.series));
	else
		snprintf(reason, sizeof(reason), "series %s: %s", shown, sb_strerror(r));
	registry_fate(ingest->config.registry, dev, FATE_refused, 1, reason);
}

int admit_state(struct producer *p, struct device *dev)
{
	enum device_admin admin = atomic_load_explicit(&dev->admin, memory_order_relaxed);
	if (admin != DEVICE_SUSPENDED && admin != DEVICE_RETIRED)
		return 0;
	char reason[64];
	snprintf(reason, sizeof(reason), "device is %s", device_admin_names[admin]);
	admit_refuse(p->ingest, dev, 1, SB_E_SUSPENDED, reason);
	state_count(&p->counters.refused, 1);
	return SB_E_SUSPENDED;
}

static double rate_of(const struct ingest *ingest)
{
	return atomic_load_explicit(&ingest->limits.rate, memory_order_relaxed);
}

/* Fills the bucket for the time passed since. Under the device's hot lock. */
static void refill(const struct producer *p, struct device *dev)
{
	double burst = MAX((double)state_limit(&p->ingest->limits.burst), 1.0);
	int64_t now = loop_now(p->loop);
	int64_t passed = now - dev->hot.tokens_at_ns;
	if (!dev->hot.tokens_at_ns)
		dev->hot.tokens = burst;
	else if (passed > 0)
		dev->hot.tokens += (double)passed * rate_of(p->ingest) / (double)NS_PER_S;
	if (passed > 0 || !dev->hot.tokens_at_ns)
		dev->hot.tokens_at_ns = now;
	dev->hot.tokens = MIN(dev->hot.tokens, burst);
}

int64_t admit_rate(struct producer *p, struct device *dev)
{
	double rate = rate_of(p->ingest);
	if (rate <= 0)
		return 0;
	pthread_mutex_lock(&dev->hot.lock);
	refill(p, dev);
	double missing = 1.0 - dev->hot.tokens;
	pthread_mutex_unlock(&dev->hot.lock);
	if (missing <= 0)
		return 0;
	char reason[96];
	snprintf(reason, sizeof(reason), "limit of %g messages per second", rate);
	registry_fate(p->ingest->config.registry, dev, FATE_throttled, 1,
	              is_time_to_explain(p->ingest, dev, SB_AGAIN) ? reason : NULL);
	state_count(&p->counters.throttled, 1);
	return (int64_t)(missing / rate * (double)NS_PER_S) + NS_PER_MS;
}

void admit_spend(struct producer *p, struct device *dev)
{
	if (rate_of(p->ingest) <= 0)
		return;
	pthread_mutex_lock(&dev->hot.lock);
	refill(p, dev);
	dev->hot.tokens -= 1.0;
	pthread_mutex_unlock(&dev->hot.lock);
}
