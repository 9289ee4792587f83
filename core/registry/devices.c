/* The service "sb.devices/1". */
#define LOG_MODULE "registry"
#include <errno.h>
#include <string.h>

#include <signalbox/services.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "host/host.h"
#include "host/instance.h"
#include "registry/auth.h"
#include "registry/inner.h"
#include "registry/may.h"
#include "registry/registry.h"
#include "registry/rights.h"

/* Services get nothing but the instance's handle, so the registry hangs in a slot of each instance,
 * and the slot's number has to be known here. It is the same for every host of the process. */
static uint32_t slot;

static struct registry *registry_of(struct sb_host *handle)
{
	return instance_get(instance_of(handle), slot);
}

static int32_t authenticate(struct sb_host *handle, const struct sb_credentials *cred,
                            sb_auth_fn fn, void *ud, sb_token token)
{
	struct registry *reg = registry_of(handle);
	struct sb_credentials known = { 0 };

	if (!reg || !cred || !fn)
		return SB_E_FAIL;
	memcpy(&known, cred, MIN(cred->size, sizeof(known)));
	return auth_check(reg->auth, instance_of(handle), &known, fn, ud, token);
}

static int32_t resolve(struct sb_host *handle, struct sb_str id, sb_device *out)
{
	struct registry *reg = registry_of(handle);
	struct device *dev;
	int r = reg ? registry_meet(reg, id, &dev) : SB_E_FAIL;

	if (r == 0)
		*out = registry_handle(dev);
	return r;
}

static int32_t configured(struct sb_host *handle, struct sb_str id, sb_device *out)
{
	struct registry *reg = registry_of(handle);
	struct device *dev;
	int r = reg ? registry_configured(reg, id, &dev) : SB_E_FAIL;

	if (r == 0)
		*out = registry_handle(dev);
	return r;
}

static int32_t session_up(struct sb_host *handle, sb_device device, const struct sb_kv *attrs,
                          uint32_t n)
{
	struct registry *reg = registry_of(handle);
	struct device *dev = reg ? registry_get(reg, device) : NULL;
	int64_t now = clock_utc();

	(void)attrs;
	(void)n;
	if (!dev)
		return SB_E_STALE;
	registry_lock(reg);
	if (dev->sessions++ == 0)
		atomic_store(&dev->session_since_ns, now);
	registry_unlock(reg);
	atomic_store_explicit(&dev->seen_ns, now, memory_order_relaxed);
	registry_changed(reg, dev, DEVICE_CHANGED_SESSION);
	return 0;
}

static int32_t session_down(struct sb_host *handle, sb_device device, int32_t why,
                            struct sb_str detail)
{
	static const char *const whys[] = { "closed", "timed out", "failed", "was kicked" };
	struct registry *reg = registry_of(handle);
	struct device *dev = reg ? registry_get(reg, device) : NULL;

	if (!dev)
		return SB_E_STALE;
	registry_lock(reg);
	if (dev->sessions && --dev->sessions == 0)
		atomic_store(&dev->session_since_ns, 0);
	registry_unlock(reg);
	log_debug("session of %s %s: %.*s", dev->id,
	          why >= 0 && why < (int32_t)ARRAY_LEN(whys) ? whys[why] : "ended", (int)detail.n,
	          detail.n ? detail.p : "");
	registry_changed(reg, dev, DEVICE_CHANGED_SESSION);
	return 0;
}

static void seen(struct sb_host *handle, sb_device device)
{
	struct registry *reg = registry_of(handle);
	struct device *dev = reg ? registry_get(reg, device) : NULL;

	if (dev)
		atomic_store_explicit(&dev->seen_ns, clock_utc(), memory_order_relaxed);
}

static void fate(struct sb_host *handle, sb_device device, int32_t which, struct sb_str reason)
{
	static const enum device_fate fates[] = {
		[SB_FATE_REFUSED] = FATE_refused,
		[SB_FATE_THROTTLED] = FATE_throttled,
		[SB_FATE_DROPPED] = FATE_dropped,
	};
	struct registry *reg = registry_of(handle);
	struct device *dev = reg ? registry_get(reg, device) : NULL;
	char text[sizeof(((struct device_reason *)0)->text)];

	if (!dev || which < 0 || which >= (int32_t)ARRAY_LEN(fates))
		return;
	registry_fate(reg, dev, fates[which], 1,
	              reason.n ? text_show(text, sizeof(text), reason) : NULL);
}

static int32_t id_of(struct sb_host *handle, sb_device device, char *buf, uint32_t cap)
{
	struct registry *reg = registry_of(handle);
	struct device *dev = reg ? registry_get(reg, device) : NULL;
	size_t n = dev ? strlen(dev->id) + 1 : 0;

	if (!dev)
		return SB_E_STALE;
	if (n > cap)
		return -ERANGE;
	memcpy(buf, dev->id, n);
	return 0;
}

static int32_t may_act(struct sb_host *handle, const struct sb_principal *who, struct sb_str id)
{
	struct registry *reg = registry_of(handle);

	return reg && who ? rights_check(reg, who, id) : SB_E_FAIL;
}

static int32_t watch(struct sb_host *handle, sb_device_fn fn, void *ud)
{
	struct registry *reg = registry_of(handle);

	return reg ? rights_watch(reg, instance_of(handle), fn, ud) : SB_E_FAIL;
}

static int32_t may(struct sb_host *handle, const struct sb_principal *who, int32_t action,
                   struct sb_str topic)
{
	struct registry *reg = registry_of(handle);

	return reg && who ? may_check(reg, who, action, topic) : SB_E_FAIL;
}

static uint64_t rights(struct sb_host *handle)
{
	struct registry *reg = registry_of(handle);

	return reg ? may_generation(reg) : 0;
}

static int32_t renew(struct sb_host *handle, struct sb_principal *who)
{
	struct registry *reg = registry_of(handle);

	return reg && who ? may_renew(reg, who) : SB_E_FAIL;
}

static int32_t known(struct sb_host *handle, struct sb_str id)
{
	struct registry *reg = registry_of(handle);
	struct device *dev;

	return reg && registry_find(reg, id, &dev) == 0;
}

static int32_t watch_users(struct sb_host *handle, sb_user_fn fn, void *ud)
{
	struct registry *reg = registry_of(handle);

	return reg ? rights_watch_users(reg, instance_of(handle), fn, ud) : SB_E_FAIL;
}

static const struct sb_devices table = {
	.size = sizeof(table),
	.authenticate = authenticate,
	.resolve = resolve,
	.session_up = session_up,
	.session_down = session_down,
	.seen = seen,
	.fate = fate,
	.id_of = id_of,
	.may_act = may_act,
	.watch = watch,
	.may = may,
	.rights = rights,
	.renew = renew,
	.known = known,
	.configured = configured,
	.watch_users = watch_users,
};

static int starting(void *ud, struct instance *in)
{
	instance_set(in, slot, ud);
	return 0;
}

static void stopped(void *ud, struct instance *in)
{
	struct registry *reg = ud;
	auth_forget(reg->auth, in);
	(void)rights_watch(reg, in, NULL, NULL);
	(void)rights_watch_users(reg, in, NULL, NULL);
}

int registry_serve(struct registry *reg)
{
	int r;

	slot = host_slot(reg->config.host);
	r = host_provide(reg->config.host, "sb.devices/1", &table);
	if (r == 0)
		r = host_observe(reg->config.host, &(struct host_observer){ .starting = starting,
		                                                            .stopped = stopped,
		                                                            .ud = reg });
	return r;
}
