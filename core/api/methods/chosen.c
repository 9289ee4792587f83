#include "api/methods/chosen.h"

#include <stdio.h>

#include <signalbox/services.h>

#include "api/describe.h"
#include "api/methods/named.h"
#include "api/position.h"
#include "api/rpc.h"
#include "api/select.h"
#include "api/server.h"
#include "base/clock.h"
#include "methods.gen.h"
#include "registry/registry.h"
#include "series/catalog.h"

static int device_take(struct call *c, struct select *sel, int which, struct sb_str id,
                       const char *pointer)
{
	int r = select_device(sel, id);

	return r == SB_E_UNKNOWN_DEVICE && which == CHOSEN_KNOWN ? 0 : call_fault(c, r, pointer);
}

static int devices_take(struct call *c, struct select *sel, int which)
{
	const json_t *ids = json_object_get(c->params, "devices");
	char pointer[40];
	int r = 0;

	for (size_t i = 0; i < json_array_size(ids) && r == 0; i++) {
		snprintf(pointer, sizeof(pointer), "/devices/%zu", i);
		r = device_take(c, sel, which, named_text(json_array_get(ids, i)), pointer);
	}
	return r;
}

static int query_take(struct call *c, struct select *sel, struct sb_str words)
{
	if (select_query(sel, words) == 0)
		return 0;
	return call_refuse_with(c, RPC_INVALID_PARAMS, "/query", "512 bytes, 16 words",
	                        "words; state:active, site:, model:, tag:, session:yes, fresh:no; "
	                        "NOT before a word");
}

/* Of one device, every name asked for must exist. */
static int name_check(struct call *c, struct sb_str name, const char *pointer)
{
	struct device *dev;
	struct series *s;

	if (!call_str(c, "device").p || select_is_glob(name) ||
	    registry_find(c->api->config.registry, call_str(c, "device"), &dev) < 0)
		return 0;
	if (dev->series && series_set_resolve(dev->series, name, SB_STR(""), false, 0, &s) == 0)
		return 0;
	return call_refuse(c, RPC_NOT_FOUND, pointer, "the device has no such series");
}

static int names_take(struct call *c, struct select *sel, int which)
{
	const json_t *names = json_object_get(c->params, "series");
	char pointer[40];
	int r = 0;

	for (size_t i = 0; i < json_array_size(names) && r == 0; i++) {
		struct sb_str name = named_text(json_array_get(names, i));

		snprintf(pointer, sizeof(pointer), "/series/%zu", i);
		r = which == CHOSEN_KNOWN ? 0 : name_check(c, name, pointer);
		if (r == 0)
			r = call_fault(c, select_name(sel, name), pointer);
	}
	return r;
}

int chosen_take(struct call *c, struct select *sel, int which)
{
	struct sb_str device = call_str(c, "device");
	struct sb_str words = call_str(c, "query");
	const json_t *devices = json_object_get(c->params, "devices");
	int r = 0;

	select_init(sel, c->api->config.registry);
	if ((device.p != NULL) + (words.p != NULL) + (devices != NULL) != 1)
		return call_refuse(c, RPC_INVALID_PARAMS, "/device",
		                   "one of device, devices and query");
	if (device.p)
		r = device_take(c, sel, which, device, "/device");
	else if (devices)
		r = devices_take(c, sel, which);
	else
		r = query_take(c, sel, words);
	return r == 0 ? names_take(c, sel, which) : r;
}

int64_t chosen_time(const struct call *c, const char *key, int64_t fallback)
{
	const json_t *value = json_object_get(c->params, key);

	return json_is_number(value) ? describe_ms_to_ns(json_number_value(value)) : fallback;
}

int chosen_range(struct call *c, int64_t back_ns, uint64_t question, struct position *at)
{
	int64_t now_ns = back_ns < INT64_MAX ? clock_utc() + NS_PER_MS : INT64_MAX;
	int64_t to_ns = chosen_time(c, "to", now_ns);
	bool before = back_ns < INT64_MAX && to_ns > INT64_MIN + back_ns;
	struct sb_str cursor = call_str(c, "cursor");

	*at = (struct position){ .to_ns = to_ns };
	at->from_ns = chosen_time(c, "from", before ? to_ns - back_ns : INT64_MIN);
	if (at->from_ns > at->to_ns)
		return call_refuse(c, RPC_INVALID_PARAMS, "/from", "must not be behind to");
	int r = cursor.p ? position_take(at, cursor, question) : 0;

	if (r == SB_E_CONFLICT)
		return call_refuse(c, RPC_INVALID_PARAMS, "/cursor",
		                   "it belongs to another question: repeat the parameters");
	return r < 0 ? call_refuse(c, RPC_INVALID_PARAMS, "/cursor", "one that a page before gave")
	             : 0;
}
