#include "api/live.h"

#include <errno.h>
#include <stdlib.h>

#include <signalbox/error.h>

#include "api/describe.h"
#include "api/server.h"
#include "api/socket.h"
#include "api/tap.h"
#include "base/clock.h"
#include "base/own.h"
#include "registry/registry.h"

#define SUBSCRIPTIONS_MAX 32
#define EVENT_MAX         (4U << 20)
#define DEVICES_PER_FRAME 500
#define DEVICES_PER_TICK  100000 /* looked at for all clients: the thread has other things to do */
#define SUBSCRIPTIONS_ALL 4096   /* each costs 64 KiB of address space */
#define DEVICE_TICKS      5      /* device.changed leaves twice a second */

struct live {
	struct api *api;
	struct registry_listener listener;
	struct tap *tap;
	struct marks changed;
	_Atomic uint32_t watchers; /* of devices */
	uint32_t subscriptions, ticks;
	uint32_t *numbers; /* what changed, while a tick runs */
	uint32_t n, cap;
	uint32_t looked; /* at devices, in this tick */
};

/* Any thread. */
static void device_changed(void *ud, struct device *dev, uint32_t what)
{
	struct live *live = ud;

	(void)what;
	if (atomic_load_explicit(&live->watchers, memory_order_relaxed))
		marks_set(&live->changed, dev->no);
}

int live_new(struct live **out, struct api *api)
{
	struct live *live = calloc(1, sizeof(*live));
	int r = live ? tap_new(&live->tap, api) : -ENOMEM;

	if (r < 0) {
		free(live);
		return r;
	}
	live->api = api;
	live->listener.changed = device_changed;
	live->listener.ud = live;
	registry_listen(api->config.registry, &live->listener);
	*out = live;
	return 0;
}

struct live *live_free(struct live *live)
{
	if (!live)
		return NULL;
	tap_free(live->tap);
	marks_fini(&live->changed);
	free(live->numbers);
	free(live);
	return NULL;
}

bool live_is_needed(const struct live *live)
{
	return live->subscriptions > 0;
}

/* ---- subscriptions */

int live_new_subscription(struct session *s, enum live_kind kind, struct subscription **out)
{
	if (s->n_subscriptions >= SUBSCRIPTIONS_MAX ||
	    s->api->live->subscriptions >= SUBSCRIPTIONS_ALL)
		return SB_E_QUOTA;
	struct subscription *sub = calloc(1, sizeof(*sub));

	if (!sub)
		return -ENOMEM;
	sub->session = s;
	sub->kind = kind;
	sub->id = ++s->last_subscription;
	sub->out.max = EVENT_MAX;
	sub->next = s->subscriptions;
	s->subscriptions = sub;
	s->n_subscriptions++;
	s->api->live->subscriptions++;
	*out = sub;
	return 0;
}

void live_watch(struct subscription *sub)
{
	struct live *live = sub->session->api->live;

	if (sub->kind == LIVE_TELEMETRY)
		tap_changed(live->tap);
	else
		live->watchers++;
	server_tick_soon(live->api);
}

static void subscription_free(struct subscription *sub)
{
	marks_fini(&sub->shown);
	marks_fini(&sub->devices);
	json_decref(sub->names);
	buffer_fini(&sub->out);
	free(sub);
}

/* Takes *at out of its session's list. */
static void live_drop(struct subscription **at)
{
	struct subscription *sub = *at;
	struct live *live = sub->session->api->live;

	*at = sub->next;
	sub->session->n_subscriptions--;
	live->subscriptions--;
	if (sub->kind == LIVE_TELEMETRY)
		tap_changed(live->tap);
	else
		live->watchers--;
	subscription_free(sub);
}

int live_cancel(struct session *s, uint32_t id)
{
	for (struct subscription **at = &s->subscriptions; *at; at = &(*at)->next)
		if ((*at)->id == id) {
			live_drop(at);
			return 0;
		}
	return SB_E_NOT_FOUND;
}

void live_forget(struct session *s)
{
	while (s->subscriptions)
		live_drop(&s->subscriptions);
}

/* ---- events */

void live_begin(struct subscription *sub, const char *name)
{
	static const uint8_t pre[SESSION_HEAD];

	buffer_reset(&sub->out);
	buffer_give(&sub->out, pre, sizeof(pre));
	sub->w = wire_on(&sub->out, sub->session->form);
	wire_map(&sub->w);
	wire_key(&sub->w, "jsonrpc");
	wire_text(&sub->w, "2.0");
	wire_key(&sub->w, "method");
	wire_text(&sub->w, name);
	wire_key(&sub->w, "params");
	wire_map(&sub->w);
	wire_key(&sub->w, "subscription");
	wire_u64(&sub->w, sub->id);
	wire_key(&sub->w, "seq");
	wire_u64(&sub->w, sub->seq + 1);
}

bool live_end(struct subscription *sub)
{
	struct api *api = sub->session->api;

	if (sub->gap) {
		wire_key(&sub->w, "gap");
		wire_u64(&sub->w, sub->gap);
	}
	wire_map_end(&sub->w);
	wire_map_end(&sub->w);
	if (!session_send(sub->session, &sub->out, true))
		return false;
	api->counts.events++;
	sub->seq++;
	sub->gap = 0;
	return true;
}

static void left_out(struct subscription *sub, uint64_t n)
{
	sub->gap += n;
	sub->session->api->counts.events_left_out += n;
}

static void keep_number(void *ud, uint32_t no)
{
	struct live *live = ud;

	if (live->n == live->cap) {
		uint32_t cap = MAX(live->cap * 2, 1024U);
		uint32_t *p = realloc(live->numbers, cap * sizeof(*p));

		if (!p)
			return;
		live->numbers = p;
		live->cap = cap;
	}
	live->numbers[live->n++] = no;
}

/* Matches now, or did when the client last heard of it. */
static bool list_wants(struct subscription *sub, struct device *dev, int64_t now_ns)
{
	struct registry *reg = sub->session->api->config.registry;

	registry_lock(reg);
	bool matches = query_matches(&sub->query, dev, now_ns);

	registry_unlock(reg);
	bool known = marks_has(&sub->shown, dev->no);

	if (matches)
		marks_set(&sub->shown, dev->no);
	else if (known)
		marks_unset(&sub->shown, dev->no);
	return matches || known;
}

static uint32_t list_frame(struct subscription *sub, struct live *live, uint32_t *at)
{
	const struct registry *reg = live->api->config.registry;
	int64_t now_ns = clock_utc();
	uint32_t n = 0;

	for (; *at < live->n && n < DEVICES_PER_FRAME; (*at)++) {
		struct device *dev = registry_at(reg, live->numbers[*at]);

		live->looked++;
		if (!dev || !list_wants(sub, dev, now_ns))
			continue;
		if (n++ == 0) {
			live_begin(sub, "device.changed");
			wire_key(&sub->w, "devices");
			wire_array(&sub->w);
		}
		describe_device(&sub->w, live->api, dev);
	}
	if (n)
		wire_array_end(&sub->w);
	return n;
}

static void list_tell(struct subscription *sub, struct live *live)
{
	uint32_t n = 1;

	for (uint32_t at = 0; at < live->n && n;) {
		if (session_is_slow(sub->session) || live->looked >= DEVICES_PER_TICK) {
			left_out(sub, live->n - at);
			return;
		}
		n = list_frame(sub, live, &at);
		if (n && !live_end(sub))
			left_out(sub, n);
	}
}

static void detail_tell(struct subscription *sub, const struct live *live)
{
	struct device *dev = NULL;

	for (uint32_t i = 0; i < live->n && !dev; i++)
		if (live->numbers[i] == sub->device_no)
			dev = registry_at(live->api->config.registry, sub->device_no);
	if (!dev)
		return;
	if (session_is_slow(sub->session)) {
		left_out(sub, 1);
		return;
	}
	live_begin(sub, "device.changed");
	wire_key(&sub->w, "detail");
	describe_detail(&sub->w, live->api, dev);
	if (!live_end(sub))
		left_out(sub, 1);
}

static void session_tell(struct session *s, struct live *live)
{
	for (struct subscription *sub = s->subscriptions; sub; sub = sub->next) {
		if (sub->kind == LIVE_LIST)
			list_tell(sub, live);
		else if (sub->kind == LIVE_DEVICE)
			detail_tell(sub, live);
	}
}

/* Another session is the first every time: when there is too much for one tick, all get some. */
static void devices_tick(struct live *live)
{
	struct api *api = live->api;
	struct session *first = api->first_session;

	live->n = live->looked = 0;
	marks_take(&live->changed, keep_number, live);
	for (uint32_t i = live->ticks / DEVICE_TICKS % MAX(api->sessions, 1U); first && i; i--)
		first = first->next;
	for (struct session *s = first; s && live->n; s = s->next)
		session_tell(s, live);
	for (struct session *s = api->first_session; s != first && live->n; s = s->next)
		session_tell(s, live);
}

void live_tick(struct live *live)
{
	tap_tick(live->tap);
	if (++live->ticks % DEVICE_TICKS == 0)
		devices_tick(live);
}
