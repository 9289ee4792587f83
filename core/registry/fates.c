#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "registry/device.h"
#include "registry/inner.h"
#include "registry/registry.h"

/* Listeners hear of accepted points this often per device; every other fate is told at once. */
#define TELL_EVERY_NS (500 * NS_PER_MS)

static bool is_worth_telling(struct device *dev, enum device_fate fate)
{
	int64_t now;
	int64_t told;

	if (fate != FATE_accepted)
		return true;
	now = clock_mono();
	told = atomic_load_explicit(&dev->told_ns, memory_order_relaxed);
	return (!told || now - told >= TELL_EVERY_NS) &&
	       atomic_compare_exchange_strong(&dev->told_ns, &told, now);
}

/* Cut so that no character is torn. */
static void copy_text(char *to, size_t cap, struct sb_str from)
{
	(void)text_show(to, cap, from);
}

void registry_fate(struct registry *reg, struct device *dev, enum device_fate fate, uint64_t n,
                   const char *reason)
{
	atomic_fetch_add_explicit(&dev->fates[fate], n, memory_order_relaxed);
	if (reason) {
		struct device_reason *reasons;
		registry_lock(reg);
		reasons = device_reasons(dev);
		if (reasons) {
			dev->noted = true;
			reasons[fate].at_ns = clock_utc();
			copy_text(reasons[fate].text, sizeof(reasons[fate].text),
			          sb_str_of(reason, strlen(reason)));
		}
		registry_unlock(reg);
	}
	if (reg->listeners && is_worth_telling(dev, fate))
		registry_changed(reg, dev, DEVICE_CHANGED_FATE);
}

static void keep(struct device *dev, struct sb_str subject, struct sb_bytes payload,
                 const char *why)
{
	struct device_quarantine *ring = device_quarantine(dev);
	struct device_quarantine *q;

	if (!ring)
		return;
	dev->noted = true;
	q = &ring[dev->quarantine_at];
	dev->quarantine_at = (dev->quarantine_at + 1) % DEVICE_QUARANTINE_KEPT;
	*q = (struct device_quarantine){ .at_ns = clock_utc() };
	copy_text(q->subject, sizeof(q->subject), subject);
	copy_text(q->why, sizeof(q->why), sb_str_of(why, strlen(why)));
	q->head_len = (uint32_t)MIN(payload.n, sizeof(q->head));
	q->total = (uint32_t)MIN(payload.n, UINT32_MAX);
	if (q->head_len)
		memcpy(q->head, payload.p, q->head_len);
}

void registry_quarantine(struct registry *reg, struct device *dev, struct sb_str subject,
                         struct sb_bytes payload, const char *why)
{
	registry_lock(reg);
	keep(dev, subject, payload, why);
	registry_unlock(reg);
	registry_fate(reg, dev, FATE_quarantined, 1, why);
}
