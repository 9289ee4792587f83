/* device.*: the registry as people see it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/describe.h"
#include "api/live.h"
#include "api/methods/wait.h"
#include "api/rpc.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "methods.gen.h"
#include "registry/registry.h"

static int find_device(struct call *c, const char *key, struct device **out)
{
	char pointer[40];
	int r = registry_find(c->api->config.registry, call_str(c, key), out);

	snprintf(pointer, sizeof(pointer), "/%s", key);
	return call_fault(c, r == SB_E_NAME ? SB_E_UNKNOWN_DEVICE : r, pointer);
}

/* ---- reading */

int device_get_call(struct call *c)
{
	struct subscription *sub = NULL;
	struct device *dev;
	int r = find_device(c, "id", &dev);

	if (r == 0 && call_bool(c, "live"))
		r = call_fault(c, live_new_subscription(c->session, LIVE_DEVICE, &sub), "/live");
	if (r)
		return r;
	wire_map(&c->result);
	wire_key(&c->result, "device");
	describe_detail(&c->result, c->api, dev);
	if (sub) {
		sub->device_no = dev->no;
		live_watch(sub);
		wire_key(&c->result, "subscription");
		wire_u64(&c->result, sub->id);
	}
	wire_map_end(&c->result);
	return 0;
}

/* A cursor is the number of the last device of the page, and nothing a client should build. */
static int take_cursor(struct call *c, uint32_t *no)
{
	struct sb_str text = call_str(c, "cursor");
	char digits[16] = "";
	char *end;

	*no = 0;
	if (!text.p)
		return 0;
	if (text.n < 2 || text.n >= sizeof(digits) || text.p[0] != 'n')
		return call_refuse(c, RPC_INVALID_PARAMS, "/cursor", "one that a page before gave");
	memcpy(digits, text.p + 1, text.n - 1);
	*no = (uint32_t)strtoul(digits, &end, 10);
	return *end ? call_refuse(c, RPC_INVALID_PARAMS, "/cursor", "one that a page before gave")
	            : 0;
}

struct listing {
	struct query query;
	bool retired; /* the query asks for them */
	uint32_t after, limit;
	uint32_t written, total, last, next;
	struct subscription *sub;
};

static bool list_matches(struct call *c, const struct listing *l, struct device *dev,
                         int64_t now_ns)
{
	if (dev->admin == DEVICE_RETIRED && !l->retired)
		return false;
	registry_lock(c->api->config.registry);
	bool matches = query_matches(&l->query, dev, now_ns);

	registry_unlock(c->api->config.registry);
	return matches;
}

static void list_write(struct call *c, struct listing *l)
{
	int64_t now_ns = clock_utc();
	struct device *dev;
	uint32_t no = 0;

	wire_key(&c->result, "devices");
	wire_array(&c->result);
	while ((dev = registry_next(c->api->config.registry, &no))) {
		if (!list_matches(c, l, dev, now_ns))
			continue;
		l->total++;
		if (l->sub)
			marks_set(&l->sub->shown, dev->no);
		if (dev->no <= l->after)
			continue;
		if (l->written < l->limit) {
			describe_device(&c->result, c->api, dev);
			l->written++;
			l->last = dev->no;
		} else if (!l->next) {
			l->next = l->last;
		}
	}
	wire_array_end(&c->result);
}

int device_list_call(struct call *c)
{
	struct sb_str text = call_str(c, "query");
	struct listing l = { .limit = (uint32_t)call_int(c, "limit", 100) };
	int r = take_cursor(c, &l.after);

	if (r == 0)
		r = query_parse(&l.query, text.p ? text : SB_STR("")) < 0
		            ? call_refuse_with(
				      c, RPC_INVALID_PARAMS, "/query", "512 bytes, 16 words",
				      "words; state:active, site:, model:, tag:, session:yes, "
				      "fresh:no; NOT before a word")
		            : 0;
	if (r == 0 && call_bool(c, "live"))
		r = call_fault(c, live_new_subscription(c->session, LIVE_LIST, &l.sub), "/live");
	if (r)
		return r;
	l.retired = text.p && memmem(text.p, text.n, "state:", 6);
	if (l.sub)
		query_parse(&l.sub->query, text.p ? text : SB_STR(""));
	wire_map(&c->result);
	list_write(c, &l);
	if (l.next) {
		char cursor[16];

		snprintf(cursor, sizeof(cursor), "n%u", l.next);
		wire_key(&c->result, "cursor");
		wire_text(&c->result, cursor);
	}
	wire_key(&c->result, "total");
	wire_u64(&c->result, l.total);
	if (l.sub) {
		live_watch(l.sub);
		wire_key(&c->result, "subscription");
		wire_u64(&c->result, l.sub->id);
	}
	wire_map_end(&c->result);
	return 0;
}

/* ---- changing */

static void change_give(struct call *c, struct sb_str id)
{
	struct device *dev = NULL;
	uint64_t rev = 0;

	if (registry_find(c->api->config.registry, id, &dev) == 0) {
		registry_lock(c->api->config.registry);
		rev = dev->rev;
		registry_unlock(c->api->config.registry);
	}
	wire_map(&c->result);
	wire_key(&c->result, "id");
	wire_str(&c->result, id);
	wire_key(&c->result, "rev");
	wire_u64(&c->result, rev);
	wire_key(&c->result, "dry_run");
	wire_bool(&c->result, call_bool(c, "dry_run"));
	wire_map_end(&c->result);
}

static int tags_take(struct call *c, char *out, size_t cap, struct sb_str *tags)
{
	const json_t *list = json_object_get(c->params, "tags");
	size_t n = 0;

	if (!list)
		return 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *tag = json_array_get(list, i);
		struct sb_str text = sb_str_of(json_string_value(tag), json_string_length(tag));

		if (!text_is_name(text, 64) || memchr(text.p, ' ', text.n))
			return call_refuse_with(c, RPC_INVALID_PARAMS, "/tags", "64 bytes",
			                        "a tag has no spaces and no control characters");
		if (n + text.n + 1 >= cap)
			return call_refuse_with(c, RPC_TOO_LARGE, "/tags", "255 bytes in all",
			                        NULL);
		if (n)
			out[n++] = ' ';
		memcpy(out + n, text.p, text.n);
		n += text.n;
	}
	*tags = sb_str_of(out, n);
	return 0;
}

struct edit {
	struct device_change change;
	char tags[256];
};

static int edit_take(struct call *c, struct edit *e)
{
	e->change = (struct device_change){
		.name = call_str(c, "name"),
		.model = call_str(c, "model"),
		.site = call_str(c, "site"),
		.password = call_str(c, "password"),
		.certificate = call_str(c, "certificate"),
		.psk = call_str(c, "psk"),
		.as_next = call_bool(c, "next"),
		.promote = call_bool(c, "promote"),
		.admin = -1,
		.if_rev = (uint64_t)call_int(c, "if_rev", -1),
		.who = c->who.subject,
		.dry_run = call_bool(c, "dry_run"),
	};
	if (!!e->change.password.p + !!e->change.certificate.p + !!e->change.psk.p +
	            e->change.promote >
	    1)
		return call_refuse(c, RPC_INVALID_PARAMS, "/password",
		                   "one of password, certificate, psk and promote");
	return tags_take(c, e->tags, sizeof(e->tags), &e->change.tags);
}

/* What is wrong with a credential. 0: something else is. */
static int credential_refusal(struct call *c, const struct edit *e, int r)
{
	const char *field = e->change.certificate.p ? "/certificate" : "/psk";

	if (r == SB_E_MALFORMED && e->change.certificate.p)
		return call_refuse(c, RPC_INVALID_PARAMS, field,
		                   "a certificate as PEM, or its sha256 fingerprint in hex");
	if (r == SB_E_MALFORMED)
		return call_refuse_with(c, RPC_INVALID_PARAMS, field, "16 to 64 bytes", "hex");
	if (r == SB_E_EXISTS && e->change.certificate.p)
		return call_refuse(c, RPC_EXISTS, field, "another device has this certificate");
	if (r == SB_E_NOT_FOUND && e->change.promote)
		return call_refuse(c, RPC_NOT_FOUND, "/promote",
		                   "there is no next credential: set one with next");
	return 0;
}

typedef int (*change_fn)(struct registry *reg, struct sb_str id, const struct device_change *change,
                         registry_done_fn done, void *ud);

static int change_run(struct call *c, struct sb_str id, const struct edit *e, change_fn fn)
{
	struct wait wait = WAIT_NULL;
	int r = fn(c->api->config.registry, id, &e->change, wait_done, &wait);

	if (r == SB_PENDING) {
		wait_expect(&wait);
		r = wait_for(&wait);
	}
	int refused = credential_refusal(c, e, r);

	r = refused ? refused : call_fault(c, r, "/id");
	if (r == 0)
		change_give(c, id);
	return r;
}

int device_create_call(struct call *c)
{
	struct edit e;
	struct sb_str id = call_str(c, "id");
	int r = edit_take(c, &e);

	if (r == 0 && !text_is_device_id(id))
		r = call_refuse_with(c, RPC_INVALID_PARAMS, "/id", "128 bytes",
		                     "no / + # $, no control characters, no space at its ends");
	return r ? r : change_run(c, id, &e, registry_create);
}

int device_update_call(struct call *c)
{
	struct edit e;
	struct sb_str state = call_str(c, "state");
	struct device *dev;
	int r = find_device(c, "id", &dev);

	if (r == 0)
		r = edit_take(c, &e);
	if (r)
		return r;
	if (state.p)
		e.change.admin = text_is(state, "active") ? DEVICE_ACTIVE : DEVICE_SUSPENDED;
	if (state.p && dev->admin == DEVICE_RETIRED)
		return call_refuse(c, RPC_CONFLICT, "/state", "it is retired: create it anew");
	return change_run(c, call_str(c, "id"), &e, registry_change);
}

int device_remove_call(struct call *c)
{
	struct edit e;
	struct device *dev;
	int r = find_device(c, "id", &dev);

	if (r == 0)
		r = edit_take(c, &e);
	if (r)
		return r;
	e.change.admin = DEVICE_RETIRED;
	return change_run(c, call_str(c, "id"), &e, registry_change);
}

/* Nothing is changed unless all of them can be. */
static int approve_check(struct call *c, const json_t *ids)
{
	char pointer[40];

	for (size_t i = 0; i < json_array_size(ids); i++) {
		const json_t *id = json_array_get(ids, i);
		struct device *dev;
		int r = registry_find(c->api->config.registry,
		                      sb_str_of(json_string_value(id), json_string_length(id)),
		                      &dev);

		snprintf(pointer, sizeof(pointer), "/ids/%zu", i);
		if (r < 0)
			return call_fault(c, r == SB_E_NAME ? SB_E_UNKNOWN_DEVICE : r, pointer);
		if (dev->admin == DEVICE_SUSPENDED || dev->admin == DEVICE_RETIRED)
			return call_refuse(c, RPC_CONFLICT, pointer,
			                   "it is suspended or retired: use device.update");
	}
	return 0;
}

int device_approve_call(struct call *c)
{
	const json_t *ids = json_object_get(c->params, "ids");
	struct edit e;
	struct wait wait = WAIT_NULL;
	int r = edit_take(c, &e);

	if (r == 0)
		r = approve_check(c, ids);
	e.change.admin = DEVICE_ACTIVE;
	for (size_t i = 0; r == 0 && i < json_array_size(ids); i++) {
		const json_t *id = json_array_get(ids, i);

		r = registry_change(c->api->config.registry,
		                    sb_str_of(json_string_value(id), json_string_length(id)),
		                    &e.change, wait_done, &wait);
		if (r == SB_PENDING) {
			wait_expect(&wait);
			r = 0;
		}
	}
	int waited = wait_for(&wait); /* those that were begun, whatever became of the others */

	r = r ? r : waited;
	r = r < 0 ? call_fault(c, r, "/ids") : r;
	if (r)
		return r;
	wire_map(&c->result);
	wire_key(&c->result, "changes");
	wire_array(&c->result);
	for (size_t i = 0; i < json_array_size(ids); i++) {
		const json_t *id = json_array_get(ids, i);

		change_give(c, sb_str_of(json_string_value(id), json_string_length(id)));
	}
	wire_array_end(&c->result);
	wire_map_end(&c->result);
	return 0;
}
