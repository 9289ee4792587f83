#include "api/load_csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "api/load.h"
#include "api/load_text.h"
#include "base/own.h"
#include "base/text.h"

enum column { DEVICE, SERIES, UNIT, TYPE, VALUE, QUALITY, FLAGS, TIME, RX, METRIC };

static const char *const names[] = {
	"device", "series", "unit", "type", "value", "quality", "flags"
};

struct load_columns {
	uint32_t n;
	bool is_long; /* one value a line */
	struct {
		uint8_t kind;
		int64_t unit_ns; /* of times; 0: ISO */
		struct sb_str name, unit;
	} at[LOAD_COLUMNS];
	char text[]; /* the names */
};

/* ---- fields */

/* The next field, its quotes resolved in place; *more: a comma follows. -EINVAL: quotes stand
 * wrong. */
static int field_take(uint8_t **at, uint8_t *end, struct sb_str *out, bool *more)
{
	uint8_t *p = *at;
	uint8_t *to = p;
	uint8_t *begin = p;

	if (p < end && *p == '"') {
		to = begin = ++p;
		for (;; p++) {
			if (p == end)
				return -EINVAL;
			if (*p == '"' && (p + 1 == end || p[1] != '"'))
				break;
			p += *p == '"';
			*to++ = *p;
		}
		p++;
		if (p < end && *p != ',')
			return -EINVAL;
	} else {
		uint8_t *comma = memchr(p, ',', (size_t)(end - p));

		p = to = comma ? comma : end;
		if (memchr(begin, '"', (size_t)(p - begin)))
			return -EINVAL;
	}
	*out = sb_str_of((const char *)begin, (size_t)(to - begin));
	*more = p < end;
	*at = p + *more;
	return 0;
}

/* ---- the line of names */

static void column_of(struct load_columns *c, struct sb_str name)
{
	uint32_t i = c->n++;
	bool rx = false;

	c->at[i].kind = METRIC;
	c->at[i].name = name;
	for (uint8_t k = 0; k < ARRAY_LEN(names); k++)
		if (text_is(name, names[k]))
			c->at[i].kind = k;
	if (load_text_time_name(name, &rx, &c->at[i].unit_ns))
		c->at[i].kind = rx ? RX : TIME;
}

static void split_unit(struct load_columns *c, uint32_t i)
{
	struct sb_str name = c->at[i].name;
	const char *open = memchr(name.p, '[', name.n);

	if (c->at[i].kind != METRIC || !open || open == name.p || name.p[name.n - 1] != ']')
		return;
	c->at[i].unit = sb_str_of(open + 1, (size_t)(name.p + name.n - open) - 2);
	c->at[i].name = text_trim(sb_str_of(name.p, (size_t)(open - name.p)));
}

static bool has(const struct load_columns *c, enum column kind)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->at[i].kind == kind)
			return true;
	return false;
}

static int columns_check(struct load *ld, struct load_columns *c)
{
	c->is_long = has(c, VALUE);
	if (!has(c, TIME))
		return load_fail(ld, "the first line names no column time, time_ms or time_ns");
	if (c->is_long && !has(c, SERIES))
		return load_fail(ld, "there is a column value, but no column series");
	for (uint32_t i = 0; i < c->n; i++) {
		if (c->is_long && c->at[i].kind == METRIC)
			return load_fail(ld, "beside the column value no other is understood: %.*s",
			                 (int)MIN(c->at[i].name.n, (size_t)80), c->at[i].name.p);
		if (!c->is_long && (c->at[i].kind == SERIES || c->at[i].kind == UNIT))
			return load_fail(ld, "there is a column series, but no column value");
		for (uint32_t k = 0; k < i; k++)
			if (c->at[k].kind == c->at[i].kind &&
			    (c->at[i].kind != METRIC || text_equal(c->at[k].name, c->at[i].name)))
				return load_fail(ld, "two columns are the same: %.*s",
				                 (int)MIN(c->at[i].name.n, (size_t)80),
				                 c->at[i].name.p);
	}
	return has(c, c->is_long ? VALUE : METRIC) ? 0 : load_fail(ld, "no column holds values");
}

int load_csv_header(struct load *ld, struct sb_str line)
{
	struct load_columns *c = calloc(1, sizeof(*c) + line.n + 1);
	bool more = true;

	free(ld->columns);
	ld->columns = c;
	if (!c)
		return -ENOMEM;
	while (line.n && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n'))
		line.n--;
	if (line.n >= 3 && memcmp(line.p, "\xEF\xBB\xBF", 3) == 0)
		line = sb_str_of(line.p + 3, line.n - 3);
	if (line.n == 0)
		return load_fail(ld, "the first line names no columns");
	memcpy(c->text, line.p, line.n);
	uint8_t *at = (uint8_t *)c->text;
	uint8_t *end = at + line.n;

	while (more) {
		struct sb_str name;

		if (c->n == LOAD_COLUMNS)
			return load_fail(ld, "more than %d columns", LOAD_COLUMNS);
		if (field_take(&at, end, &name, &more) < 0)
			return load_fail(ld, "a quote stands inside a field of the first line");
		column_of(c, text_trim(name));
		split_unit(c, c->n - 1);
	}
	return columns_check(ld, c);
}

/* ---- lines */

static int time_take(struct load *ld, int64_t unit_ns, struct sb_str text, int64_t *out, bool *has)
{
	if (text.n == 0)
		return 0;
	*has = true;
	return unit_ns ? load_text_time(ld, text, unit_ns, out) : load_text_iso(ld, text, out);
}

struct line { /* columns of a line with one value, which may stand in any order */
	struct sb_str series, unit, value;
	uint8_t type;
	bool has_value;
	uint64_t quality;
};

static int metric_take(struct load *ld, uint32_t i, struct sb_str text)
{
	struct load_value *v;

	if (text.n == 0)
		return 0;
	v = load_add(ld);
	if (!v)
		return SB_E_MALFORMED;
	v->series = ld->columns->at[i].name;
	v->unit = ld->columns->at[i].unit;
	return load_text_value(ld, v, text, SB_T_NULL);
}

static int column_take(struct load *ld, struct line *l, uint32_t i, struct sb_str text)
{
	struct load_record *rec = &ld->record;
	int64_t unit_ns = ld->columns->at[i].unit_ns;
	uint64_t flags;
	int r = 0;

	switch ((enum column)ld->columns->at[i].kind) {
	case DEVICE:
		rec->device = text;
		return 0;
	case SERIES:
		l->series = text;
		return 0;
	case UNIT:
		l->unit = text;
		return 0;
	case TYPE:
		return load_text_type(ld, text, &l->type);
	case VALUE:
		l->value = text;
		l->has_value = true;
		return 0;
	case QUALITY:
		return load_text_small(ld, text, UINT8_MAX, &l->quality);
	case FLAGS:
		r = load_text_small(ld, text, UINT16_MAX, &flags);
		rec->has_flags = text.n > 0;
		rec->flags = (uint16_t)flags;
		return r;
	case TIME:
		return time_take(ld, unit_ns, text, &rec->ts_ns, &rec->has_ts);
	case RX:
		return time_take(ld, unit_ns, text, &rec->rx_ns, &rec->has_rx);
	case METRIC:
		return metric_take(ld, i, text);
	}
	return 0;
}

static int line_end(struct load *ld, const struct line *l)
{
	struct load_value *v;

	if (!ld->columns->is_long) {
		for (uint32_t i = 0; i < ld->record.n; i++)
			ld->record.values[i].quality = (uint8_t)l->quality;
		return 0;
	}
	v = load_add(ld);
	if (!v)
		return SB_E_MALFORMED;
	v->series = l->series;
	v->unit = l->unit;
	v->quality = (uint8_t)l->quality;
	return load_text_value(ld, v, l->value, l->type);
}

int load_csv(struct load *ld, uint8_t *p, size_t n)
{
	uint8_t *at = p;
	struct line l = { 0 };
	bool more = true;
	uint32_t i = 0;
	int r = 0;

	if (!ld->columns)
		return load_fail(ld, "the line of names is missing");
	for (; more && r == 0; i++) {
		struct sb_str text;

		if (i == ld->columns->n)
			return load_fail(ld, "more fields than the first line has names");
		if (field_take(&at, p + n, &text, &more) < 0)
			return load_fail(ld, "a quote stands wrong in field %u", i + 1);
		r = column_take(ld, &l, i, text);
	}
	if (r == 0 && i < ld->columns->n)
		return load_fail(ld, "%u fields, but the first line has %u names", i,
		                 ld->columns->n);
	return r == 0 ? line_end(ld, &l) : r;
}
