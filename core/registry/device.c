#include "registry/device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "registry/inner.h"
#include "registry/registry.h"

const char *const device_admin_names[] = { "expected",  "pending", "active",
	                                   "suspended", "retired", NULL };

#define FATE_NAME(name, help) #name,
const char *const device_fate_names[FATE_COUNT] = { DEVICE_FATES(FATE_NAME) };
#undef FATE_NAME

/* What a device without trouble points to. */
static const struct device_reason no_reasons[FATE_COUNT];
static const struct device_quarantine no_quarantine[DEVICE_QUARANTINE_KEPT];

/* The pointers in struct device are const for everybody else. */
static void *own(const void *p)
{
	union {
		const void *theirs;
		void *ours;
	} cast = { .theirs = p };
	return cast.ours;
}

int device_new(struct device **out, uint32_t no, struct sb_str id)
{
	struct device *dev;

	if (!id.n || id.n >= sizeof(dev->id))
		return SB_E_NAME;
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	dev->no = no;
	memcpy(dev->id, id.p, id.n);
	dev->reasons = no_reasons;
	dev->quarantine = no_quarantine;
	pthread_mutex_init(&dev->hot.lock, NULL);
	*out = dev;
	return 0;
}

struct device *device_free(struct device *dev)
{
	if (!dev)
		return NULL;
	pthread_mutex_destroy(&dev->hot.lock);
	if (dev->reasons != no_reasons)
		free(own(dev->reasons));
	if (dev->quarantine != no_quarantine)
		free(own(dev->quarantine));
	free(dev->credential);
	free(dev->next_credential);
	free(dev);
	return NULL;
}

struct sb_str device_id(const struct device *dev)
{
	return sb_str_of(dev->id, strlen(dev->id));
}

/* The kind in the top byte keeps ids of devices and users apart. */
struct sb_principal device_principal(const struct device *dev)
{
	return (struct sb_principal){
		.kind = SB_PRINCIPAL_DEVICE,
		.device = registry_handle(dev),
		.id = (uint64_t)SB_PRINCIPAL_DEVICE << 56 | dev->no,
	};
}

int device_suspended(const struct device *dev)
{
	enum device_admin admin = atomic_load_explicit(&dev->admin, memory_order_relaxed);

	return admin == DEVICE_SUSPENDED || admin == DEVICE_RETIRED ? SB_E_SUSPENDED : 0;
}

struct device_reason *device_reasons(struct device *dev)
{
	if (dev->reasons == no_reasons) {
		struct device_reason *fresh = calloc(FATE_COUNT, sizeof(*fresh));
		if (!fresh)
			return NULL;
		dev->reasons = fresh;
	}
	return own(dev->reasons);
}

struct device_quarantine *device_quarantine(struct device *dev)
{
	if (dev->quarantine == no_quarantine) {
		struct device_quarantine *fresh = calloc(DEVICE_QUARANTINE_KEPT, sizeof(*fresh));
		if (!fresh)
			return NULL;
		dev->quarantine = fresh;
	}
	return own(dev->quarantine);
}

int device_fresh(const struct device *dev, int64_t now_ns)
{
	int64_t data_ns = atomic_load_explicit(&dev->data_ns, memory_order_relaxed);
	int64_t interval_ns = atomic_load_explicit(&dev->interval_ns, memory_order_relaxed);

	if (!data_ns || interval_ns <= 0)
		return -1;
	/* One message may be lost and the next one late; fast senders get a second of patience. */
	return now_ns - data_ns <= interval_ns / 2 * 5 + NS_PER_S;
}
