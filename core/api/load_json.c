#include "api/load_json.h"

#include <string.h>

#include <signalbox/error.h>
#include <signalbox/kit/json.h>

#include "api/load.h"
#include "api/load_text.h"
#include "base/text.h"

struct line {                              /* of one value; its members may stand in any order */
	struct sb_str series, unit, value; /* value: as it stands */
	uint8_t type;
	uint64_t quality;
	struct sb_str values;
};

/* Escapes are resolved in place: that is never longer. */
static struct sb_str text_take(struct sb_json *j)
{
	struct sb_json_text text;

	if (!sb_json_string(j, &text))
		return SB_STR("");
	if (text.escaped)
		text.n = (size_t)sb_json_unescape(&text, (char *)(uintptr_t)text.p, text.n);
	return sb_str_of(text.p, text.n);
}

static struct sb_str skip(struct sb_json *j)
{
	(void)sb_json_peek(j);
	const char *begin = j->p;

	(void)sb_json_skip(j);
	return sb_str_of(begin, j->fault ? 0 : (size_t)(j->p - begin));
}

/* ---- values */

static int string_value(struct load *ld, struct load_value *v, struct sb_str text, uint8_t type)
{
	if (type == SB_T_NULL)
		type = SB_T_STR;
	if (type == SB_T_BOOL)
		return load_fail(ld, "a value of type bool is true or false");
	return load_text_value(ld, v, text, type);
}

static int value_take(struct load *ld, struct load_value *v, struct sb_json *j, uint8_t type)
{
	struct sb_str text;
	bool flag;

	switch (sb_json_peek(j)) {
	case '"':
		text = text_take(j);
		return string_value(ld, v, text, type);
	case '0':
		text = skip(j);
		if (type == SB_T_BOOL || type >= SB_T_STR)
			return load_fail(ld, "the value is a number, but its type is not");
		return text.n ? load_text_value(ld, v, text, type) : 0;
	case 't':
	case 'f':
		if (!sb_json_bool(j, &flag) || (type != SB_T_NULL && type != SB_T_BOOL))
			return load_fail(ld, "the value is a boolean, but its type is not");
		v->type = SB_T_BOOL;
		v->v.i = flag;
		return 0;
	case 'n':
		(void)sb_json_null(j);
		return type == SB_T_NULL ? 0 : load_fail(ld, "the value is null");
	default:
		return load_fail(ld, "a value is a number, text, true, false or null");
	}
}

static struct sb_json reader_of(struct sb_str text, uint32_t depth)
{
	return sb_json_on((struct sb_bytes){ (const uint8_t *)text.p, text.n }, depth);
}

static int one_value(struct load *ld, const struct line *l)
{
	struct sb_json j = reader_of(l->value, 2);
	struct load_value *v = load_add(ld);

	if (!v)
		return SB_E_MALFORMED;
	v->series = l->series;
	v->unit = l->unit;
	v->quality = (uint8_t)l->quality;
	return value_take(ld, v, &j, l->type);
}

/* {"value": 21.5, "unit": "Cel"}, as devices say it the first time. */
static int with_unit(struct load *ld, struct load_value *v, struct sb_json *j)
{
	struct sb_json_text key;
	int r = 0;

	sb_json_object(j);
	while (r == 0 && sb_json_key(j, &key)) {
		struct sb_str name = sb_str_of(key.p, key.n);

		if (text_is(name, "value"))
			r = value_take(ld, v, j, SB_T_NULL);
		else if (text_is(name, "unit"))
			v->unit = text_take(j);
		else
			r = load_fail(ld, "a value with more than value and unit");
	}
	return r;
}

static int many_values(struct load *ld, const struct line *l)
{
	struct sb_json j = reader_of(l->values, 3);
	struct sb_json_text key;
	int r = 0;

	if (!sb_json_object(&j))
		return load_fail(ld, "values is an object: names and their values");
	while (r == 0 && sb_json_key(&j, &key)) {
		struct load_value *v = load_add(ld);

		if (!v)
			return SB_E_MALFORMED;
		if (key.escaped)
			key.n = (size_t)sb_json_unescape(&key, (char *)(uintptr_t)key.p, key.n);
		v->series = sb_str_of(key.p, key.n);
		v->unit = l->unit;
		v->quality = (uint8_t)l->quality;
		r = sb_json_peek(&j) == '{' ? with_unit(ld, v, &j)
		                            : value_take(ld, v, &j, SB_T_NULL);
	}
	return r;
}

/* ---- members */

static int time_take(struct load *ld, struct sb_json *j, bool rx, int64_t unit_ns)
{
	struct load_record *rec = &ld->record;
	int64_t *to = rx ? &rec->rx_ns : &rec->ts_ns;

	*(rx ? &rec->has_rx : &rec->has_ts) = true;
	if (sb_json_peek(j) == '"') {
		struct sb_str text = text_take(j);

		return unit_ns ? load_fail(ld, "a time in units is a number")
		               : load_text_iso(ld, text, to);
	}
	struct sb_str text = skip(j);

	if (!unit_ns)
		return load_fail(ld, "time is text like 2026-01-02T03:04:05Z; "
		                     "numbers have names: time_ms, time_ns");
	return j->fault ? 0 : load_text_time(ld, text, unit_ns, to);
}

static int number_take(struct load *ld, struct sb_json *j, uint64_t max, uint64_t *out)
{
	struct sb_str text = skip(j);

	return j->fault ? 0 : load_text_small(ld, text, max, out);
}

static int member_take(struct load *ld, struct sb_json *j, struct sb_str name, struct line *l)
{
	struct load_record *rec = &ld->record;
	int64_t unit_ns;
	uint64_t flags = 0;
	bool rx;
	int r = 0;

	if (text_is(name, "device")) {
		rec->device = text_take(j);
	} else if (text_is(name, "series")) {
		l->series = text_take(j);
	} else if (text_is(name, "unit")) {
		l->unit = text_take(j);
	} else if (text_is(name, "type")) {
		r = load_text_type(ld, text_take(j), &l->type);
	} else if (text_is(name, "value")) {
		l->value = skip(j);
	} else if (text_is(name, "values")) {
		l->values = skip(j);
	} else if (text_is(name, "quality")) {
		r = number_take(ld, j, UINT8_MAX, &l->quality);
	} else if (text_is(name, "flags")) {
		r = number_take(ld, j, UINT16_MAX, &flags);
		rec->flags = (uint16_t)flags;
		rec->has_flags = true;
	} else if (load_text_time_name(name, &rx, &unit_ns)) {
		r = time_take(ld, j, rx, unit_ns);
	} else {
		r = load_fail(ld, "a member is not known: %.*s", (int)(name.n < 80 ? name.n : 80),
		              name.p);
	}
	return r;
}

int load_json(struct load *ld, uint8_t *p, size_t n)
{
	struct sb_json j = sb_json_on((struct sb_bytes){ p, n }, 8);
	struct sb_json_text key;
	struct line l = { 0 };
	int r = 0;

	sb_json_object(&j);
	while (r == 0 && sb_json_key(&j, &key))
		r = member_take(ld, &j, key.escaped ? SB_STR("?") : sb_str_of(key.p, key.n), &l);
	if (r == 0)
		sb_json_end(&j);
	if (r == 0 && j.fault)
		return load_fail(ld, "%s at byte %zu", j.fault, sb_json_at(&j) + 1);
	if (r == 0 && !l.value.p == !l.values.p)
		return load_fail(ld, "one of value and values is needed");
	if (r < 0)
		return r;
	return l.value.p ? one_value(ld, &l) : many_values(ld, &l);
}
