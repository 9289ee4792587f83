#include "api/load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/load_cbor.h"
#include "api/load_csv.h"
#include "api/load_json.h"
#include "base/own.h"
#include "base/text.h"
#include "model/row.h"
#include "registry/registry.h"
#include "series/catalog.h"

#define NAME_MAX_BYTES 512 /* more is no name of a series */

int load_fail(struct load *ld, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(ld->why_text, sizeof(ld->why_text), format, ap);
	va_end(ap);
	return SB_E_MALFORMED;
}

struct load_value *load_add(struct load *ld)
{
	struct load_record *rec = &ld->record;

	if (rec->n == LOAD_VALUES) {
		load_fail(ld, "more than %d values in one record", LOAD_VALUES);
		return NULL;
	}
	rec->values[rec->n] = (struct load_value){ 0 };
	return &rec->values[rec->n++];
}

/* ---- the group: what goes to the disk together */

static int group_room(struct load *ld, uint32_t n)
{
	if (ld->n + n <= ld->cap)
		return 0;
	uint32_t cap = MAX(2 * ld->cap, ld->n + n);
	struct import_point *more = realloc(ld->group, cap * sizeof(*more));

	if (!more)
		return -ENOMEM;
	ld->group = more;
	ld->cap = cap;
	return 0;
}

static int group_flush(struct load *ld)
{
	int r = 0;

	if (ld->n && ld->import)
		r = import_give(ld->import, ld->dev, ld->ts_ns, ld->rx_ns, ld->flags, ld->group,
		                ld->n);
	if (r == 0)
		ld->points += ld->n;
	ld->n = 0;
	return r;
}

/* ---- one record */

static int find_device(struct load *ld, struct sb_str id)
{
	char shown[150];

	if (ld->dev && strlen(ld->dev->id) == id.n && memcmp(ld->dev->id, id.p, id.n) == 0)
		return 0;
	struct device *dev = NULL;
	int r = group_flush(ld);

	if (r == 0)
		r = registry_find(ld->registry, id, &dev);
	if (r == SB_E_UNKNOWN_DEVICE && ld->unknown == LOAD_CREATE && ld->import)
		r = registry_meet_as(ld->registry, id, PROVISION_ACTIVE, &dev);
	if (r == 0)
		ld->dev = dev;
	text_show(shown, sizeof(shown), id);
	if (r == SB_E_NAME)
		return load_fail(ld, "'%s' is no name for a device", shown);
	if (r == SB_E_QUOTA)
		return load_fail(ld, "there are as many devices as allowed; %s is not made", shown);
	if (r == SB_E_UNKNOWN_DEVICE && ld->unknown == LOAD_REFUSE)
		return load_fail(ld, "there is no device %s", shown);
	return r;
}

static int check_value(struct load *ld, const struct load_value *v)
{
	bool text = v->type == SB_T_STR;

	if (text_is_name(v->series, NAME_MAX_BYTES) &&
	    (!v->unit.n || text_is_name(v->unit, NAME_MAX_BYTES))) {
		if (v->type < SB_T_STR)
			return 0;
		if (v->v.blob.n > ROW_TEXT_MAX)
			return load_fail(ld, "a value is longer than 64 KiB");
		if (!text || text_is_utf8(sb_str_of((const char *)v->v.blob.p, v->v.blob.n)))
			return 0;
		return load_fail(ld, "a text is not UTF-8");
	}
	return load_fail(ld, v->series.n ? "the name or unit of a series is not allowed"
	                                 : "the name of the series is missing");
}

static int resolve(struct load *ld, const struct load_value *v, struct series **out)
{
	char shown[80];
	int r = import_series(ld->import, ld->dev, v->series, v->unit, out);

	if (r == SB_E_QUOTA || r == SB_E_NAME) {
		text_show(shown, sizeof(shown), v->series);
		return load_fail(ld, "series %s: %s", shown,
		                 r == SB_E_QUOTA ? "the device has as many as allowed"
		                                 : "this name or unit is not allowed");
	}
	return r;
}

static bool is_same_message(const struct load *ld, const struct load_record *rec)
{
	return ld->ts_ns == rec->ts_ns && ld->rx_ns == rec->rx_ns && ld->flags == rec->flags &&
	       ld->n + rec->n <= LOAD_VALUES;
}

static int values_add(struct load *ld, const struct load_record *rec)
{
	uint32_t n = ld->n;

	for (uint32_t i = 0; i < rec->n; i++) {
		const struct load_value *v = &rec->values[i];
		struct import_point *p = &ld->group[n];
		int r;

		if (v->type == SB_T_NULL)
			continue;
		*p = (struct import_point){ .type = v->type, .quality = v->quality };
		if (v->type >= SB_T_STR)
			p->v.blob = v->v.blob;
		else
			p->v.u = v->v.u;
		r = check_value(ld, v);
		if (r == 0 && ld->import)
			r = resolve(ld, v, &p->series);
		if (r < 0)
			return r;
		n++;
	}
	ld->n = n;
	return 0;
}

/* A whole record. SB_E_MALFORMED: it is wrong. */
static int record_take(struct load *ld)
{
	struct load_record *rec = &ld->record;

	if (!rec->has_rx)
		rec->rx_ns = ld->now_ns;
	if (!rec->has_flags)
		rec->flags = SB_P_REPLAYED;
	if (!rec->device.n)
		rec->device = ld->device;
	if (!rec->device.n)
		return load_fail(ld, "the device is missing");
	if (!rec->has_ts)
		return load_fail(ld, "the time is missing");
	int r = find_device(ld, rec->device);

	if (r == SB_E_UNKNOWN_DEVICE) {
		ld->unknown_points += rec->n;
		if (ld->unknown == LOAD_SKIP)
			return 0;
		for (uint32_t i = 0; i < rec->n && r != SB_E_MALFORMED; i++)
			if (check_value(ld, &rec->values[i]) < 0)
				return SB_E_MALFORMED;
		ld->points += rec->n; /* it would be made */
		return 0;
	}
	if (r == 0 && !is_same_message(ld, rec)) {
		r = group_flush(ld);
		ld->ts_ns = rec->ts_ns;
		ld->rx_ns = rec->rx_ns;
		ld->flags = rec->flags;
	}
	if (r == 0)
		r = group_room(ld, rec->n);
	return r == 0 ? values_add(ld, rec) : r;
}

static void note_problem(struct load *ld)
{
	struct load_problem *p = &ld->problems[ld->n_problems];

	ld->bad++;
	if (ld->n_problems == LOAD_PROBLEMS)
		return;
	ld->n_problems++;
	p->record = ld->at;
	snprintf(p->text, sizeof(p->text), "%s", ld->why_text);
}

/* ---- records one after the other */

/* The end of a line outside of quotes; NULL: it is not here. */
static uint8_t *line_end(const struct load *ld, uint8_t *p, uint8_t *end, uint64_t *lines)
{
	bool quoted = false;

	*lines = 1;
	if (ld->kind == LOAD_JSONL)
		return memchr(p, '\n', (size_t)(end - p));
	for (; p < end; p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '\n' && !quoted)
			return p;
		else if (*p == '\n')
			++*lines;
	}
	return NULL;
}

/* One record at p: how many bytes it has with its end, 0: it is not complete. *r: what is wrong
 * with it. */
static size_t record_read(struct load *ld, uint8_t *p, size_t n, bool last, int *r)
{
	uint8_t *end = p + n;
	uint64_t lines = 1;

	if (ld->kind == LOAD_CBOR)
		return load_cbor(ld, p, n, last, r);
	uint8_t *stop = line_end(ld, p, end, &lines);

	if (!stop && !last)
		return 0;
	size_t used = stop ? (size_t)(stop - p) + 1 : n;
	size_t len = stop ? (size_t)(stop - p) : n;

	ld->lines += lines;
	while (len && (p[len - 1] == '\r' || (ld->kind == LOAD_JSONL && p[len - 1] == ' ')))
		len--;
	if (len == 0) {
		*r = SB_AGAIN; /* an empty line */
		return used;
	}
	*r = ld->kind == LOAD_CSV ? load_csv(ld, p, len) : load_json(ld, p, len);
	return used;
}

int load_take(struct load *ld, uint8_t *p, size_t n, bool last)
{
	int r = 0;

	ld->used = 0;
	while (ld->used < n && r >= 0) {
		ld->record.n = 0;
		ld->record.has_ts = ld->record.has_rx = ld->record.has_flags = false;
		ld->record.device = SB_STR("");
		ld->at = ld->kind == LOAD_CBOR ? ld->records + 1 : ld->lines + 1;
		r = 0;
		size_t used = record_read(ld, p + ld->used, n - ld->used, last, &r);

		if (used == 0)
			break;
		ld->records += r != SB_AGAIN;
		if (r == 0)
			r = record_take(ld);
		if (r == SB_E_MALFORMED) {
			note_problem(ld);
			ld->ended = ld->lost || (!ld->skip_bad && ld->import);
			r = ld->ended ? r : 0;
		}
		if (r >= 0)
			ld->used += used;
	}
	int flushed = r >= 0 || r == SB_E_MALFORMED ? group_flush(ld) : 0;

	return flushed < 0 ? flushed : r == SB_E_MALFORMED || r >= 0 ? 0 : r;
}

int load_header(struct load *ld, struct sb_str line)
{
	return load_csv_header(ld, line);
}

int load_new(struct load **out)
{
	struct load *ld = calloc(1, sizeof(*ld));

	if (!ld)
		return -ENOMEM;
	*out = ld;
	return 0;
}

struct load *load_free(struct load *ld)
{
	if (!ld)
		return NULL;
	free(ld->columns);
	free(ld->group);
	free(ld);
	return NULL;
}
