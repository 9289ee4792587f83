/* series.*: what a device measures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/describe.h"
#include "api/rpc.h"
#include "api/server.h"
#include "methods.gen.h"
#include "registry/registry.h"
#include "series/catalog.h"

/* The cursor is how many were shown: series of a device are never removed, new ones go to the end.
 */
static int take_cursor(struct call *c, uint32_t *skip)
{
	struct sb_str text = call_str(c, "cursor");
	char digits[16] = "";
	char *end;

	*skip = 0;
	if (!text.p)
		return 0;
	if (text.n == 0 || text.n >= sizeof(digits))
		return call_refuse(c, RPC_INVALID_PARAMS, "/cursor", "one that a page before gave");
	memcpy(digits, text.p, text.n);
	*skip = (uint32_t)strtoul(digits, &end, 10);
	return *end ? call_refuse(c, RPC_INVALID_PARAMS, "/cursor", "one that a page before gave")
	            : 0;
}

int series_list_call(struct call *c)
{
	int64_t limit = call_int(c, "limit", 100);
	struct device *dev;
	uint32_t skip;
	int r = registry_find(c->api->config.registry, call_str(c, "device"), &dev);

	r = call_fault(c, r == SB_E_NAME ? SB_E_UNKNOWN_DEVICE : r, "/device");
	if (r == 0)
		r = take_cursor(c, &skip);
	if (r)
		return r;
	const struct series *s = dev->series ? series_set_first(dev->series) : NULL;
	uint32_t at = 0;

	wire_map(&c->result);
	wire_key(&c->result, "series");
	wire_array(&c->result);
	for (; s && at < skip + limit; s = s->next_of_device, at++)
		if (at >= skip)
			describe_series(&c->result, c->api, s);
	wire_array_end(&c->result);
	if (s) {
		char cursor[16];

		snprintf(cursor, sizeof(cursor), "%u", at);
		wire_key(&c->result, "cursor");
		wire_text(&c->result, cursor);
	}
	wire_map_end(&c->result);
	return 0;
}
