#define LOG_MODULE "registry"
#include "registry/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/own.h"
#include "base/text.h"
#include "registry/auth.h"
#include "registry/counts.h"
#include "registry/credential.h"
#include "registry/device.h"
#include "registry/inner.h"
#include "registry/proof.h"
#include "registry/record.h"
#include "registry/rights.h"
#include "registry/users.h"
#include "registry/writer.h"
#include "series/catalog.h"

/* Numbers are never used twice, so there is one generation so far. */
#define GENERATION 1u

static void registry_freep(struct registry **reg)
{
	registry_free(*reg);
}

int registry_new(struct registry **out, const struct registry_config *config)
{
	_own_(registry_freep) struct registry *reg = calloc(1, sizeof(*reg));
	int r;

	if (!reg)
		return -ENOMEM;
	reg->config = *config;
	pthread_mutex_init(&reg->make, NULL);
	pthread_mutex_init(&reg->lock, NULL);
	pthread_mutex_init(&reg->watchers_lock, NULL);
	pthread_rwlock_init(&reg->ids_lock, NULL);
	r = map_new(&reg->ids);
	if (r == 0)
		r = map_new(&reg->certificates);
	if (r == 0)
		r = counts_new(&reg->counts, reg);
	if (r == 0)
		r = writer_new(&reg->writer, reg);
	if (r == 0)
		r = auth_new(&reg->auth, reg);
	if (r == 0 && config->host)
		r = registry_serve(reg);
	if (r < 0)
		return r;
	if (config->users)
		users_tell(config->users, rights_withdraw_user, reg);
	*out = steal(reg);
	return 0;
}

static void devices_free(struct registry *reg)
{
	for (size_t i = 0; i < TABLE_CHUNKS; i++) {
		struct device_chunk *chunk = atomic_load(&reg->chunks[i]);
		for (size_t j = 0; chunk && j < TABLE_CHUNK; j++)
			device_free(atomic_load(&chunk->at[j]));
		free(chunk);
	}
}

struct registry *registry_free(struct registry *reg)
{
	if (!reg)
		return NULL;
	if (reg->config.users)
		users_tell(reg->config.users, NULL, NULL);
	auth_free(reg->auth);
	writer_free(reg->writer);
	counts_free(reg->counts);
	map_free(reg->ids);
	map_free(reg->certificates);
	devices_free(reg);
	rights_fini(reg);
	pthread_mutex_destroy(&reg->watchers_lock);
	pthread_rwlock_destroy(&reg->ids_lock);
	pthread_mutex_destroy(&reg->lock);
	pthread_mutex_destroy(&reg->make);
	free(reg);
	return NULL;
}

void registry_lock(struct registry *reg)
{
	pthread_mutex_lock(&reg->lock);
}

void registry_unlock(struct registry *reg)
{
	pthread_mutex_unlock(&reg->lock);
}

/* ---- looking up */

struct device *registry_at(const struct registry *reg, uint32_t no)
{
	struct device_chunk *chunk;

	if (no / TABLE_CHUNK >= TABLE_CHUNKS)
		return NULL;
	chunk = atomic_load_explicit(&reg->chunks[no / TABLE_CHUNK], memory_order_acquire);
	return chunk ? atomic_load_explicit(&chunk->at[no % TABLE_CHUNK], memory_order_acquire)
	             : NULL;
}

struct device *registry_get(const struct registry *reg, sb_device handle)
{
	return handle >> 32 == GENERATION ? registry_at(reg, (uint32_t)handle) : NULL;
}

sb_device registry_handle(const struct device *dev)
{
	return (sb_device)GENERATION << 32 | dev->no;
}

uint32_t registry_count(const struct registry *reg)
{
	return atomic_load_explicit(&reg->count, memory_order_relaxed);
}

struct device *registry_next(const struct registry *reg, uint32_t *no)
{
	uint32_t last = atomic_load_explicit(&reg->last_no, memory_order_acquire);

	while (*no < last) {
		struct device *dev = registry_at(reg, ++*no);
		if (dev)
			return dev;
	}
	return NULL;
}

static struct device *find(struct registry *reg, struct sb_str id)
{
	struct device *dev;

	pthread_rwlock_rdlock(&reg->ids_lock);
	dev = map_find(reg->ids, id);
	pthread_rwlock_unlock(&reg->ids_lock);
	return dev;
}

int registry_find(struct registry *reg, struct sb_str id, struct device **out)
{
	struct device *dev;

	if (!text_is_device_id(id))
		return SB_E_NAME;
	dev = find(reg, id);
	if (!dev)
		return SB_E_UNKNOWN_DEVICE;
	*out = dev;
	return 0;
}

/* ---- making */

int registry_add(struct registry *reg, struct device *dev)
{
	struct device_chunk *chunk;
	int r;

	if (!dev->no || dev->no / TABLE_CHUNK >= TABLE_CHUNKS)
		return SB_E_CORRUPT;
	chunk = atomic_load(&reg->chunks[dev->no / TABLE_CHUNK]);
	if (!chunk) {
		chunk = calloc(1, sizeof(*chunk));
		if (!chunk)
			return -ENOMEM;
		atomic_store_explicit(&reg->chunks[dev->no / TABLE_CHUNK], chunk,
		                      memory_order_release);
	}
	if (atomic_load(&chunk->at[dev->no % TABLE_CHUNK]))
		return SB_E_CORRUPT;
	if (reg->config.catalog) {
		dev->series = catalog_set(reg->config.catalog, dev->no);
		if (!dev->series)
			return -ENOMEM;
	}
	r = credential_learn(reg, dev, dev->credential);
	if (r == 0)
		r = credential_learn(reg, dev, dev->next_credential);
	if (r < 0) {
		credential_forget(reg, dev, dev->credential);
		return r;
	}
	/* Who finds it by its id finds it by its number too. */
	pthread_rwlock_wrlock(&reg->ids_lock);
	r = map_put(reg->ids, device_id(dev), dev);
	if (r >= 0)
		atomic_store_explicit(&chunk->at[dev->no % TABLE_CHUNK], dev, memory_order_release);
	pthread_rwlock_unlock(&reg->ids_lock);
	if (r < 0) {
		credential_forget(reg, dev, dev->credential);
		credential_forget(reg, dev, dev->next_credential);
		return r;
	}
	if (dev->no > atomic_load(&reg->last_no))
		atomic_store_explicit(&reg->last_no, dev->no, memory_order_release);
	atomic_fetch_add(&reg->count, 1);
	return 0;
}

/* Nothing in the journal may refer to a device it does not know. */
static int define(struct registry *reg, const struct device *dev)
{
	struct buffer b = { 0 };
	int r;

	if (!reg->config.define)
		return 0;
	record_give_definition(&b, dev);
	r = b.bad ? -ENOMEM : reg->config.define(reg->config.ud, (struct sb_bytes){ b.p, b.n });
	buffer_fini(&b);
	return r;
}

static void device_freep(struct device **dev)
{
	device_free(*dev);
}

static int make(struct registry *reg, struct sb_str id, enum device_admin admin,
                struct device **out)
{
	_own_(device_freep) struct device *dev = NULL;
	uint32_t no = atomic_load(&reg->last_no) + 1;
	int r;

	if (find(reg, id))
		return SB_E_EXISTS;
	if (registry_count(reg) >= registry_max_devices(reg) || no / TABLE_CHUNK >= TABLE_CHUNKS)
		return SB_E_QUOTA;
	r = device_new(&dev, no, id);
	if (r < 0)
		return r;
	dev->admin = admin;
	dev->created_ns = clock_utc();
	dev->rev = 1;
	r = define(reg, dev);
	if (r == 0)
		r = registry_add(reg, dev);
	if (r < 0)
		return r;
	*out = steal(dev);
	return 0;
}

int registry_make(struct registry *reg, struct sb_str id, enum device_admin admin,
                  struct device **out)
{
	struct device *dev = NULL;
	int r;

	/* Saving takes the lock too: a definition in the journal is always one it knows of. */
	pthread_mutex_lock(&reg->make);
	r = make(reg, id, admin, &dev);
	if (r == 0)
		writer_dirty(reg->writer, dev);
	pthread_mutex_unlock(&reg->make);
	if (r < 0)
		return r;
	registry_changed(reg, dev, DEVICE_CHANGED_RECORD);
	*out = dev;
	return 0;
}

static void admit(struct registry *reg, struct device *dev, enum device_admin from)
{
	if (atomic_load_explicit(&dev->admin, memory_order_relaxed) != from ||
	    !atomic_compare_exchange_strong(&dev->admin, &from, DEVICE_ACTIVE))
		return;
	writer_dirty(reg->writer, dev);
	registry_changed(reg, dev, DEVICE_CHANGED_RECORD);
}

void registry_admit(struct registry *reg, enum provisioning how, uint32_t max_devices)
{
	__atomic_store_n(&reg->config.max_devices, max_devices, __ATOMIC_RELAXED);
	__atomic_store_n(&reg->config.provisioning, how, __ATOMIC_RELAXED);
}

void registry_believe(struct registry *reg, enum certificates whom)
{
	__atomic_store_n(&reg->config.certificates, whom, __ATOMIC_RELAXED);
}

uint32_t registry_max_devices(const struct registry *reg)
{
	return __atomic_load_n(&reg->config.max_devices, __ATOMIC_RELAXED);
}

int registry_meet_as(struct registry *reg, struct sb_str id, enum provisioning how,
                     struct device **out)
{
	int r = registry_find(reg, id, out);

	if (r == SB_E_UNKNOWN_DEVICE && how != PROVISION_OFF) {
		r = registry_make(reg, id, how == PROVISION_ACTIVE ? DEVICE_ACTIVE : DEVICE_PENDING,
		                  out);
		if (r == SB_E_EXISTS) /* another thread met it first */
			r = registry_find(reg, id, out);
	}
	if (r == 0) /* people registered it: that it shows up is all that was missing */
		admit(reg, *out, DEVICE_EXPECTED);
	return r;
}

int registry_configured(struct registry *reg, struct sb_str id, struct device **out)
{
	int r = registry_find(reg, id, out);

	if (r == SB_E_UNKNOWN_DEVICE) {
		r = registry_make(reg, id, DEVICE_ACTIVE, out);
		if (r == SB_E_EXISTS)
			r = registry_find(reg, id, out);
	}
	if (r == 0) {
		admit(reg, *out, DEVICE_EXPECTED);
		admit(reg, *out, DEVICE_PENDING);
	}
	return r;
}

int registry_meet(struct registry *reg, struct sb_str id, struct device **out)
{
	enum provisioning how = __atomic_load_n(&reg->config.provisioning, __ATOMIC_RELAXED);

	return registry_meet_as(reg, id, how, out);
}

uint32_t registry_psk(struct registry *reg, struct sb_str identity, uint8_t key[static 64])
{
	return proof_psk(reg, identity, key);
}

void registry_auth_stats(const struct registry *reg, struct auth_stats *out)
{
	auth_stats(reg->auth, out);
}

/* ---- live */

void registry_listen(struct registry *reg, struct registry_listener *l)
{
	l->next = reg->listeners;
	reg->listeners = l;
}

void registry_changed(struct registry *reg, struct device *dev, uint32_t what)
{
	for (struct registry_listener *l = reg->listeners; l; l = l->next)
		l->changed(l->ud, dev, what);
}
