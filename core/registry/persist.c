#define LOG_MODULE "registry"
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/text.h"
#include "host/docs.h"
#include "registry/counts.h"
#include "registry/device.h"
#include "registry/inner.h"
#include "registry/notes.h"
#include "registry/record.h"
#include "registry/registry.h"
#include "registry/writer.h"

static int add_record(struct registry *reg, const struct record *rec, struct device **out)
{
	struct device *dev = NULL;
	int r = device_new(&dev, rec->no, rec->id);

	if (r == 0)
		r = record_apply(rec, dev);
	if (r == 0)
		r = registry_add(reg, dev);
	if (r < 0) {
		device_free(dev);
		return r;
	}
	*out = dev;
	return 0;
}

/* A damaged document is a fault, not a loss to live with: its device would get a new number at the
 * next contact, and its history would belong to nobody. */
static int load(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	struct registry *reg = ud;
	struct device *dev;
	struct record rec;
	char shown[160];
	int r = record_take(doc, &rec);

	(void)rev;
	text_show(shown, sizeof(shown), key);
	if (r == SB_E_ABI)
		return log_error(r,
		                 "device %s was written by a newer version: use that, or a backup",
		                 shown);
	if (r == 0 && !text_equal(key, rec.id))
		r = SB_E_CORRUPT;
	if (r == 0 && registry_find(reg, rec.id, &dev) == 0)
		return dev->no == rec.no
		               ? 0
		               : log_error(SB_E_CORRUPT, "device %s has two numbers", shown);
	if (r == 0)
		r = add_record(reg, &rec, &dev);
	return r < 0 ? log_error(r, "cannot read device %s", shown) : 0;
}

int registry_load(struct registry *reg)
{
	int r;

	if (!reg->config.docs)
		return 0;
	r = docs_scan_wait(reg->config.docs, SB_STR("device"), load, reg);
	if (r == 0)
		r = counts_load(reg->counts);
	if (r == 0)
		r = notes_load(reg);
	if (r < 0)
		return r;
	reg->is_loaded = true;
	log_info("%u devices", registry_count(reg));
	return 0;
}

int registry_apply(struct registry *reg, struct sb_bytes record)
{
	struct device *dev;
	struct record rec;
	int r = record_take_definition(record, &rec);

	if (r < 0)
		return log_error(r, "cannot read the definition of a device in the journal");
	if (registry_find(reg, rec.id, &dev) == 0) {
		if (dev->no == rec.no)
			return 0;
		return log_error(SB_E_CORRUPT, "device %s is number %u, but the journal says %u",
		                 dev->id, dev->no, rec.no);
	}
	r = add_record(reg, &rec, &dev);
	if (r < 0)
		return log_error(r, "cannot take over device number %u from the journal", rec.no);
	writer_dirty(reg->writer, dev);
	return 0;
}

int registry_save(struct registry *reg)
{
	/* A device that is being made may be in the journal, but not in the writer's queue yet. */
	pthread_mutex_lock(&reg->make);
	pthread_mutex_unlock(&reg->make);
	return writer_save(reg->writer);
}

void registry_replayed(struct registry *reg, uint32_t device_no, const struct row *row,
                       uint64_t seq)
{
	counts_replayed(reg->counts, device_no, row, seq);
}

void registry_flushed(struct registry *reg, const struct series_count *counts, size_t n,
                      uint64_t seq)
{
	counts_flushed(reg->counts, counts, n, seq);
}
