/* telemetry.*: values, newest and live. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/describe.h"
#include "api/live.h"
#include "api/methods/chosen.h"
#include "api/methods/named.h"
#include "api/rpc.h"
#include "api/select.h"
#include "api/server.h"
#include "base/own.h"
#include "methods.gen.h"
#include "registry/registry.h"

/* ---- newest */

int telemetry_latest_call(struct call *c)
{
	_own_(freep) struct select *sel = malloc(sizeof(*sel));
	struct device *dev;
	struct series *s;

	if (!sel)
		return -ENOMEM;
	int r = chosen_take(c, sel, CHOSEN_KNOWN);

	if (r == 0) {
		wire_map(&c->result);
		wire_key(&c->result, "points");
		wire_array(&c->result);
		while (!c->cancelled && !c->out.bad && (r = select_next(sel, &dev, &s)) > 0)
			describe_latest_point(&c->result, c->api, dev, s);
		wire_array_end(&c->result);
		wire_map_end(&c->result);
	}
	select_fini(sel);
	if (r >= 0 && c->cancelled)
		return call_refuse(c, RPC_CANCELLED, NULL, NULL);
	return r > 0 && !c->error.code ? 0 : r;
}

/* ---- live */

static int devices_take(struct call *c, struct subscription *sub, const json_t *ids)
{
	char pointer[40];

	for (size_t i = 0; i < json_array_size(ids); i++) {
		struct device *dev;
		int r = registry_find(c->api->config.registry, named_text(json_array_get(ids, i)),
		                      &dev);

		snprintf(pointer, sizeof(pointer), "/devices/%zu", i);
		if (r < 0)
			return call_fault(c, r == SB_E_NAME ? SB_E_UNKNOWN_DEVICE : r, pointer);
		marks_set(&sub->devices, dev->no);
	}
	return 0;
}

int telemetry_subscribe_call(struct call *c)
{
	const json_t *ids = json_object_get(c->params, "devices");
	struct subscription *sub;
	int r = call_fault(c, live_new_subscription(c->session, LIVE_TELEMETRY, &sub), NULL);

	if (r)
		return r;
	sub->all = ids == NULL;
	sub->names = json_incref(json_object_get(c->params, "series"));
	r = devices_take(c, sub, ids);
	if (r) {
		live_cancel(c->session, sub->id);
		return r;
	}
	live_watch(sub);
	wire_map(&c->result);
	wire_key(&c->result, "subscription");
	wire_u64(&c->result, sub->id);
	wire_map_end(&c->result);
	return 0;
}
