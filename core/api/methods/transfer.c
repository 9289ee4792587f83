/* telemetry.export and telemetry.import: points as they are, out and in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/describe.h"
#include "api/dump.h"
#include "api/load.h"
#include "api/methods/chosen.h"
#include "api/rpc.h"
#include "api/server.h"
#include "base/base64url.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "methods.gen.h"

#define PAGE_POINTS 50000
#define PAGE_BYTES  (4u << 20)

/* ---- out */

static bool is_cancelled(void *ud)
{
	return ((struct call *)ud)->cancelled;
}

static enum dump_kind kind_of(const struct call *c)
{
	struct sb_str format = call_str(c, "format");

	return text_is(format, "jsonl")  ? DUMP_JSONL
	       : text_is(format, "cbor") ? DUMP_CBOR
	                                 : DUMP_CSV;
}

static void page_give(struct call *c, const struct dump *d, const struct buffer *out,
                      const char *cursor)
{
	struct wire *w = &c->result;

	wire_map(w);
	wire_key(w, "data");
	if (d->form.kind == DUMP_CBOR)
		wire_bytes(w, (struct sb_bytes){ out->p, out->n });
	else
		wire_str(w, sb_str_of((const char *)out->p, out->n));
	wire_key_u64(w, "points", d->points);
	if (cursor) {
		wire_key_text(w, "cursor", cursor);
		if (d->device)
			wire_key_text(w, "device", d->device);
		if (d->at.inside)
			describe_time(w, "at", d->at.ts_ns);
	}
	wire_map_end(w);
}

static int export_give(struct call *c, struct select *sel)
{
	_own_(buffer_fini) struct buffer out = { .max = PAGE_BYTES + (1u << 20) };
	char cursor[POSITION_TEXT];
	uint64_t question = position_question(c->params);
	struct dump d = {
		.select = sel,
		.series = c->api->config.series,
		.form = { .kind = kind_of(c),
		          .ns = text_is(call_str(c, "times"), "ns"),
		          .rx = call_bool(c, "rx") },
		.stop = is_cancelled,
		.ud = c,
		.points_max = (uint64_t)call_int(c, "page", PAGE_POINTS),
		.bytes_max = PAGE_BYTES,
	};
	int r = chosen_range(c, INT64_MAX, question, &d.at);

	if (r)
		return r;
	if (!call_str(c, "cursor").p)
		dump_form_head(&d.form, &out);
	r = dump_page(&d, &out);
	if (r == -ECANCELED || c->cancelled)
		return call_refuse(c, RPC_CANCELLED, NULL, NULL);
	if (r < 0)
		return r;
	position_give(cursor, &d.at, question);
	page_give(c, &d, &out, r > 0 ? cursor : NULL);
	return 0;
}

int telemetry_export_call(struct call *c)
{
	_own_(freep) struct select *sel = malloc(sizeof(*sel));

	if (!sel)
		return -ENOMEM;
	int r = chosen_take(c, sel, CHOSEN_ALL);

	if (r == 0)
		r = export_give(c, sel);
	select_fini(sel);
	return r;
}

/* ---- in */

static bool option_is(const struct call *c, const char *key, const char *value)
{
	return text_is(call_str(c, key), value);
}

static void load_set(struct call *c, struct load *ld)
{
	ld->registry = c->api->config.registry;
	ld->kind = option_is(c, "format", "jsonl")  ? LOAD_JSONL
	           : option_is(c, "format", "cbor") ? LOAD_CBOR
	                                            : LOAD_CSV;
	ld->unknown = option_is(c, "unknown", "skip")     ? LOAD_SKIP
	              : option_is(c, "unknown", "create") ? LOAD_CREATE
	                                                  : LOAD_REFUSE;
	ld->skip_bad = call_bool(c, "skip_bad");
	ld->now_ns = clock_utc();
	ld->device = call_str(c, "device");
}

static void loaded_give(struct call *c, const struct load *ld)
{
	struct wire *w = &c->result;

	wire_map(w);
	wire_key_u64(w, "used", ld->used);
	wire_key_u64(w, "records", ld->records);
	wire_key_u64(w, "lines", ld->lines);
	wire_key_u64(w, "points", ld->points);
	wire_key_u64(w, "bad", ld->bad);
	wire_key_u64(w, "unknown_points", ld->unknown_points);
	wire_key(w, "ended");
	wire_bool(w, ld->ended);
	wire_key(w, "problems");
	wire_array(w);
	for (uint32_t i = 0; i < ld->n_problems; i++) {
		wire_map(w);
		wire_key_u64(w, "record", ld->problems[i].record);
		wire_key_text(w, "text", ld->problems[i].text);
		wire_map_end(w);
	}
	wire_array_end(w);
	wire_map_end(w);
}

/* The text of the call is not ours to change. */
static int bytes_take(struct call *c, const struct load *ld, uint8_t **p, size_t *n)
{
	struct sb_str data = call_str(c, "data");
	int64_t len = (int64_t)data.n;

	*p = malloc(data.n + 1);
	if (!*p)
		return -ENOMEM;
	if (option_is(c, "encoding", "base64url") || ld->kind == LOAD_CBOR)
		len = base64url_take(*p, data.n, data);
	else if (data.n)
		memcpy(*p, data.p, data.n);
	if (len < 0)
		return call_refuse(c, RPC_INVALID_PARAMS, "/data", "base64url of bytes");
	*n = (size_t)len;
	return 0;
}

static int load_run(struct call *c, struct load *ld)
{
	_own_(freep) uint8_t *p = NULL;
	struct sb_str columns = call_str(c, "columns");
	size_t n = 0;
	int r = bytes_take(c, ld, &p, &n);

	if (r == 0 && ld->kind == LOAD_CSV)
		r = load_header(ld, columns);
	if (r == SB_E_MALFORMED)
		return call_refuse(c, RPC_INVALID_PARAMS, "/columns", ld->why_text);
	if (r == 0 && !call_bool(c, "dry_run"))
		r = import_new(&ld->import, c->api->config.ingest, c->api->config.series,
		               is_cancelled, c);
	if (r == 0)
		r = load_take(ld, p, n, call_bool(c, "last"));
	if (r == 0 && ld->import)
		r = import_sync(ld->import);
	ld->import = import_free(ld->import);
	return r;
}

int telemetry_import_call(struct call *c)
{
	struct load *ld;
	int r = load_new(&ld);

	if (r < 0)
		return r;
	load_set(c, ld);
	r = load_run(c, ld);
	if (r == 0)
		loaded_give(c, ld);
	load_free(ld);
	return r == -ECANCELED ? call_refuse(c, RPC_CANCELLED, NULL, NULL) : r;
}
