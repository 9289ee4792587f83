#define LOG_MODULE "registry"
#include "registry/rights.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "host/instance.h"
#include "registry/inner.h"

struct rights_watcher {
	struct rights_watcher *next;
	struct instance *in;
	sb_device_fn device_fn; /* one of the two */
	sb_user_fn user_fn;
	void *ud;
};

struct withdrawal {
	struct registry *reg;
	struct instance *in;
	sb_device device; /* 0: it is about the user */
	uint64_t user;
};

static int may_act(const struct sb_principal *who, const struct device *dev)
{
	enum device_admin admin = dev->admin;
	bool is_device = who->kind == SB_PRINCIPAL_DEVICE;

	if (who->kind == SB_PRINCIPAL_USER)
		return who->role >= SB_ROLE_OPERATOR ? 0 : -EACCES;
	if (!is_device && who->kind != SB_PRINCIPAL_ANONYMOUS)
		return -EACCES;
	if (is_device ? who->device != registry_handle(dev) : dev->credential != NULL)
		return -EACCES;
	return admin == DEVICE_SUSPENDED || admin == DEVICE_RETIRED ? SB_E_SUSPENDED : 0;
}

int rights_check(struct registry *reg, const struct sb_principal *who, struct sb_str id)
{
	struct device *dev;
	int r = registry_find(reg, id, &dev);

	if (r == SB_E_UNKNOWN_DEVICE)
		return 0;
	if (r < 0)
		return r;
	registry_lock(reg);
	r = may_act(who, dev);
	registry_unlock(reg);
	return r;
}

/* Takes the place of what this instance watched of this kind. */
static int watch(struct registry *reg, const struct rights_watcher *fresh, bool users, bool ends)
{
	struct rights_watcher *w = ends ? NULL : malloc(sizeof(*w));

	if (!ends && !w)
		return -ENOMEM;
	pthread_mutex_lock(&reg->watchers_lock);
	for (struct rights_watcher **at = &reg->watchers; *at;) {
		struct rights_watcher *old = *at;
		if (old->in != fresh->in || !old->device_fn != users) {
			at = &old->next;
			continue;
		}
		*at = old->next;
		free(old);
	}
	if (w) {
		*w = *fresh;
		w->next = reg->watchers;
		reg->watchers = w;
	}
	pthread_mutex_unlock(&reg->watchers_lock);
	return 0;
}

int rights_watch(struct registry *reg, struct instance *in, sb_device_fn fn, void *ud)
{
	struct rights_watcher w = { .in = in, .device_fn = fn, .ud = ud };

	return watch(reg, &w, false, !fn);
}

int rights_watch_users(struct registry *reg, struct instance *in, sb_user_fn fn, void *ud)
{
	struct rights_watcher w = { .in = in, .user_fn = fn, .ud = ud };

	return watch(reg, &w, true, !fn);
}

/* [inst] Who watched when this was posted may have stopped since. */
static void tell(void *ud)
{
	struct withdrawal *job = ud;
	struct registry *reg = job->reg;
	struct rights_watcher found = { 0 };

	pthread_mutex_lock(&reg->watchers_lock);
	for (const struct rights_watcher *w = reg->watchers; w; w = w->next)
		if (w->in == job->in && !w->device_fn == !job->device)
			found = *w;
	pthread_mutex_unlock(&reg->watchers_lock);
	if (found.device_fn)
		found.device_fn(found.ud, job->device);
	if (found.user_fn)
		found.user_fn(found.ud, job->user);
	free(job);
}

static void withdraw(struct registry *reg, const struct withdrawal *what, const char *name)
{
	atomic_fetch_add_explicit(&reg->rights, 1, memory_order_release);
	pthread_mutex_lock(&reg->watchers_lock);
	for (const struct rights_watcher *w = reg->watchers; w; w = w->next) {
		if (!w->device_fn != !what->device)
			continue;
		struct withdrawal *job = malloc(sizeof(*job));
		int r = -ENOMEM;
		if (job) {
			*job = *what;
			job->in = w->in;
			r = instance_post(w->in, tell, job);
		}
		if (r == 0)
			continue;
		free(job);
		log_error(r < 0 ? r : SB_E_OVERLOAD, "%s: its open sessions go on", name);
	}
	pthread_mutex_unlock(&reg->watchers_lock);
}

void rights_withdraw(struct registry *reg, const struct device *dev)
{
	struct withdrawal what = { .reg = reg, .device = registry_handle(dev) };

	withdraw(reg, &what, dev->id);
}

void rights_withdraw_user(void *ud, uint64_t id, const char *name)
{
	struct withdrawal what = { .reg = ud, .user = id };

	withdraw(ud, &what, name);
}

void rights_fini(struct registry *reg)
{
	while (reg->watchers) {
		struct rights_watcher *w = reg->watchers;
		reg->watchers = w->next;
		free(w);
	}
}
