/* series.*: what a device measures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>
#include <signalbox/services.h>

#include "api/describe.h"
#include "api/rpc.h"
#include "api/server.h"
#include "base/text.h"
#include "host/docs.h"
#include "methods.gen.h"
#include "registry/audit.h"
#include "registry/registry.h"
#include "series/catalog.h"
#include "series/kind.h"

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

static int audited(struct call *c, const struct series *s, const char *before, const char *after)
{
	char subject[300];
	char was[64];
	char is[64];
	struct audit audit = { 0 };
	int n = snprintf(subject, sizeof(subject), "%.*s/%.*s", (int)call_str(c, "device").n,
	                 call_str(c, "device").p, (int)s->name.n, s->name.p);
	int b = snprintf(was, sizeof(was), "{\"kind\":\"%s\"}", before);
	int a = snprintf(is, sizeof(is), "{\"kind\":\"%s\"}", after);
	int r = audit_init(&audit, &(struct audit_facts){
					   .who = c->who.subject,
					   .what = "series.update",
					   .subject = sb_str_of(subject, (size_t)n),
					   .before = { (const uint8_t *)was, (size_t)b },
					   .after = { (const uint8_t *)is, (size_t)a },
				   });
	struct sb_doc_put put = audit_put(&audit);

	if (r >= 0)
		r = docs_put_wait(c->api->config.docs, &put, 1);
	audit_fini(&audit);
	return r;
}

int series_update_call(struct call *c)
{
	const struct api_config *config = &c->api->config;
	struct sb_str name = call_str(c, "kind");
	int kind = text_is(name, "auto") ? SB_KIND_UNKNOWN : kind_find(name);
	struct device *dev;
	struct series *s = NULL;
	int r = registry_find(config->registry, call_str(c, "device"), &dev);

	r = call_fault(c, r == SB_E_NAME ? SB_E_UNKNOWN_DEVICE : r, "/device");
	if (r)
		return r;
	r = dev->series
	            ? series_set_resolve(dev->series, call_str(c, "name"), SB_STR(""), false, 0, &s)
	            : SB_E_NOT_FOUND;
	if (r < 0)
		return call_refuse(c, RPC_NOT_FOUND, "/name", "the device has no such series");
	const char *before = s->kind ? kind_name(s->kind) : "auto";

	r = catalog_kind(config->catalog, s, (uint8_t)kind, true);
	if (r >= 0)
		r = catalog_save(config->catalog, config->docs);
	if (r >= 0)
		r = audited(c, s, before, kind ? kind_name((uint8_t)kind) : "auto");
	if (r < 0)
		return call_fault(c, r, NULL);
	registry_changed(config->registry, dev, DEVICE_CHANGED_SERIES);
	wire_map(&c->result);
	wire_key(&c->result, "series");
	describe_series(&c->result, c->api, s);
	wire_map_end(&c->result);
	return 0;
}
