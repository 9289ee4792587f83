#include "api/load_cbor.h"

#include <math.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/load.h"
#include "api/load_text.h"
#include "base/clock.h"
#include "base/text.h"

#define DEPTH 8

enum major { UINT, NINT, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };
enum { FALSE_ = 20, TRUE_ = 21, NULL_ = 22, HALF = 25, FLOAT = 26, DOUBLE = 27, INDEFINITE = 31 };

struct reader {
	const uint8_t *p, *end;
	bool short_of; /* it ends in the middle */
	bool broken;
};

struct item {
	enum major major;
	uint8_t info;
	uint64_t v;        /* argument */
	struct sb_bytes s; /* of strings */
	bool is_break;
};

/* ---- one head, with its string; tags are read over */

static bool argument(struct reader *rd, struct item *it)
{
	size_t n = it->info < 24 || it->info == INDEFINITE ? 0 : (size_t)1 << (it->info - 24);

	it->v = it->info < 24 ? it->info : 0;
	if (it->info > 27 && it->info != INDEFINITE) {
		rd->broken = true;
		return false;
	}
	if ((size_t)(rd->end - rd->p) < n) {
		rd->short_of = true;
		return false;
	}
	for (; n; n--)
		it->v = it->v << 8 | *rd->p++;
	return true;
}

static bool string(struct reader *rd, struct item *it)
{
	if (it->info == INDEFINITE || it->v > UINT32_MAX) {
		rd->broken = true; /* in pieces, or longer than anything we take */
		return false;
	}
	if (it->v > (uint64_t)(rd->end - rd->p)) {
		rd->short_of = true;
		return false;
	}
	it->s = (struct sb_bytes){ rd->p, (size_t)it->v };
	rd->p += it->v;
	return true;
}

static bool next(struct reader *rd, struct item *it)
{
	*it = (struct item){ .major = TAG };
	for (int tags = 0; it->major == TAG; tags++) {
		if (rd->p == rd->end || rd->broken || tags > DEPTH) {
			rd->broken = rd->broken || tags > DEPTH;
			rd->short_of = !rd->broken;
			return false;
		}
		it->major = (enum major)(*rd->p >> 5);
		it->info = *rd->p++ & 31;
		if (!argument(rd, it))
			return false;
	}
	it->is_break = it->major == SIMPLE && it->info == INDEFINITE;
	if (it->info == INDEFINITE && it->major != ARRAY && it->major != MAP && !it->is_break) {
		rd->broken = true;
		return false;
	}
	return it->major != BYTES && it->major != TEXT ? true : string(rd, it);
}

/* Reads over what stands inside an item that was begun. */
static void skip_inside(struct reader *rd, const struct item *it, int depth)
{
	uint64_t n = it->major == MAP ? 2 * it->v : it->v;
	bool open = it->info == INDEFINITE;
	struct item inner;

	if (it->major != ARRAY && it->major != MAP)
		return;
	if (depth == 0 || it->v > UINT32_MAX) {
		rd->broken = true;
		return;
	}
	while ((open || n-- > 0) && next(rd, &inner)) {
		if (inner.is_break) {
			rd->broken = rd->broken || !open;
			return;
		}
		skip_inside(rd, &inner, depth - 1);
	}
}

/* ---- values */

static double half_of(uint64_t bits)
{
	int exponent = (int)(bits >> 10 & 31);
	double fraction = (double)(bits & 1023);
	double v = exponent == 0    ? ldexp(fraction, -24)
	           : exponent != 31 ? ldexp(fraction + 1024, exponent - 25)
	           : fraction > 0   ? (double)NAN
	                            : (double)INFINITY;

	return bits >> 15 ? -v : v;
}

static bool float_of(const struct item *it, double *out)
{
	uint32_t bits32 = (uint32_t)it->v;
	float narrow;

	if (it->major != SIMPLE || it->info < HALF || it->info > DOUBLE)
		return false;
	memcpy(&narrow, &bits32, sizeof(narrow));
	if (it->info == HALF)
		*out = half_of(it->v);
	else if (it->info == FLOAT)
		*out = (double)narrow;
	else
		memcpy(out, &it->v, sizeof(*out));
	return true;
}

static bool integer_of(const struct item *it, int64_t *out)
{
	if (it->major > NINT || it->v > INT64_MAX)
		return false;
	*out = it->major == UINT ? (int64_t)it->v : -1 - (int64_t)it->v;
	return true;
}

static int number(struct load *ld, struct load_value *v, const struct item *it, uint8_t type)
{
	v->type = type;
	if (type == SB_T_NULL)
		v->type = it->major == UINT && it->v > INT64_MAX ? SB_T_U64
		          : it->major <= NINT                    ? SB_T_I64
		                                                 : SB_T_F64;
	if (v->type == SB_T_U64 && it->major == UINT) {
		v->v.u = it->v;
		return 0;
	}
	if (v->type == SB_T_I64 && integer_of(it, &v->v.i))
		return 0;
	if (v->type == SB_T_F64 && float_of(it, &v->v.f))
		return 0;
	if (v->type == SB_T_F64 && it->major <= NINT) {
		v->v.f = it->major == UINT ? (double)it->v : -1.0 - (double)it->v;
		return 0;
	}
	return load_fail(ld, "the value does not fit its type");
}

static int value_take(struct load *ld, struct load_value *v, const struct item *it, uint8_t type)
{
	bool text = it->major == TEXT;

	if (text || it->major == BYTES) {
		v->type = text ? SB_T_STR : SB_T_BYTES;
		v->v.blob = it->s;
	} else if (it->major == SIMPLE && (it->info == FALSE_ || it->info == TRUE_)) {
		v->type = SB_T_BOOL;
		v->v.i = it->info == TRUE_;
	} else if (it->major == SIMPLE && it->info == NULL_) {
		v->type = SB_T_NULL;
	} else if (it->major == ARRAY || it->major == MAP) {
		return load_fail(ld, "a value is a number, text, bytes, a boolean or null");
	} else {
		return number(ld, v, it, type);
	}
	return type == SB_T_NULL || type == v->type
	               ? 0
	               : load_fail(ld, "the value does not have its type");
}

/* ---- members */

struct map {
	struct sb_str series, unit;
	uint8_t type;
	uint8_t quality;
	struct item value;
	struct reader values; /* behind the head of the map */
	struct item values_item;
	bool has_value, has_values;
};

static struct sb_str str_of(const struct item *it)
{
	return sb_str_of(it->major == TEXT ? (const char *)it->s.p : "",
	                 it->major == TEXT ? it->s.n : 0);
}

static int time_take(struct load *ld, const struct item *it, bool rx, int64_t unit_ns)
{
	struct load_record *rec = &ld->record;
	int64_t *to = rx ? &rec->rx_ns : &rec->ts_ns;

	*(rx ? &rec->has_rx : &rec->has_ts) = true;
	if (it->major == TEXT && !unit_ns)
		return load_text_iso(ld, str_of(it), to);
	if (!unit_ns || !integer_of(it, to) || __builtin_mul_overflow(*to, unit_ns, to))
		return load_fail(ld, "a time is a whole number: time_ns, time_ms");
	return 0;
}

static int member_take(struct load *ld, struct sb_str name, const struct item *it, struct map *m)
{
	struct load_record *rec = &ld->record;
	bool is_small = it->major == UINT && it->v <= UINT16_MAX;
	int64_t unit_ns;
	bool rx;

	if (text_is(name, "device")) {
		rec->device = str_of(it);
	} else if (text_is(name, "series")) {
		m->series = str_of(it);
	} else if (text_is(name, "unit")) {
		m->unit = str_of(it);
	} else if (text_is(name, "type")) {
		return load_text_type(ld, str_of(it), &m->type);
	} else if (text_is(name, "value")) {
		m->value = *it;
		m->has_value = true;
	} else if (text_is(name, "quality") && is_small && it->v <= UINT8_MAX) {
		m->quality = (uint8_t)it->v;
	} else if (text_is(name, "flags") && is_small) {
		rec->flags = (uint16_t)it->v;
		rec->has_flags = true;
	} else if (load_text_time_name(name, &rx, &unit_ns)) {
		return time_take(ld, it, rx, unit_ns);
	} else {
		return load_fail(ld, "a member is not known or not right: %.*s",
		                 (int)(name.n < 80 ? name.n : 80), name.p);
	}
	return 0;
}

static int value_add(struct load *ld, const struct map *m, struct sb_str name,
                     const struct item *it, uint8_t type)
{
	struct load_value *v = load_add(ld);

	if (!v)
		return SB_E_MALFORMED;
	v->series = name;
	v->unit = m->unit;
	v->quality = m->quality;
	return value_take(ld, v, it, type);
}

static int values_add(struct load *ld, struct map *m)
{
	bool open = m->values_item.info == INDEFINITE;
	struct item key, it;
	int r = 0;

	for (uint64_t n = m->values_item.v; r == 0 && (open || n-- > 0);) {
		if (!next(&m->values, &key) || key.is_break || !next(&m->values, &it))
			break;
		r = value_add(ld, m, str_of(&key), &it, SB_T_NULL);
	}
	return r;
}

/* Members of the map that was begun. The first fault is kept, but everything is read. */
static int map_take(struct load *ld, struct reader *rd, const struct item *map, struct map *m)
{
	bool open = map->info == INDEFINITE;
	struct item key, it;
	int r = 0;

	for (uint64_t n = map->v; open || n-- > 0;) {
		if (!next(rd, &key) || key.is_break || !next(rd, &it))
			break;
		if (r == 0 && text_is(str_of(&key), "values") && it.major == MAP) {
			m->values = *rd;
			m->values_item = it;
			m->has_values = true;
		} else if (r == 0) {
			r = member_take(ld, str_of(&key), &it, m);
		}
		skip_inside(rd, &it, DEPTH);
	}
	return r;
}

size_t load_cbor(struct load *ld, const uint8_t *p, size_t n, bool last, int *r)
{
	struct reader rd = { .p = p, .end = p + n };
	struct map m = { 0 };
	struct item it;

	*r = 0;
	if (next(&rd, &it) && it.major == MAP)
		*r = map_take(ld, &rd, &it, &m);
	else if (!rd.short_of && !rd.broken) {
		skip_inside(&rd, &it, DEPTH);
		*r = load_fail(ld, "an item is not a map");
	}
	if (rd.short_of && !rd.broken && !last)
		return 0;
	if (rd.broken || rd.short_of) {
		ld->lost = rd.broken;
		*r = load_fail(ld, rd.broken ? "this is not CBOR, or strings in pieces"
		                             : "the file ends inside an item");
		return n;
	}
	if (*r == 0 && m.has_value == m.has_values)
		*r = load_fail(ld, "one of value and values is needed");
	if (*r == 0)
		*r = m.has_value ? value_add(ld, &m, m.series, &m.value, m.type)
		                 : values_add(ld, &m);
	return (size_t)(rd.p - p);
}
