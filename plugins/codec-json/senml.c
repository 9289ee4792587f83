#include "senml.h"

#include "decoding.h"
#include "stamp.h"

/* Times below 2^28 seconds count from now (RFC 8428, 4.5.3). */
#define RELATIVE_NS ((1LL << 28) * 1000000000LL)

enum field { /* bits: which were seen in a record */
	     BASE_NAME = 1 << 0,
	     BASE_TIME = 1 << 1,
	     BASE_UNIT = 1 << 2,
	     BASE_VALUE = 1 << 3,
	     BASE_SUM = 1 << 4,
	     VERSION = 1 << 5,
	     NAME = 1 << 6,
	     UNIT = 1 << 7,
	     TIME = 1 << 8,
	     UPDATE = 1 << 9,
	     SUM = 1 << 10,
	     VALUE = 1 << 11,
	     TEXT = 1 << 12,
	     FLAG = 1 << 13,
	     DATA = 1 << 14,
};
#define VALUES (VALUE | TEXT | FLAG | DATA)

static const struct {
	const char *label;
	enum field field;
} labels[] = {
	{ "n", NAME },        { "u", UNIT },       { "v", VALUE },      { "t", TIME },
	{ "bn", BASE_NAME },  { "bt", BASE_TIME }, { "bu", BASE_UNIT }, { "vs", TEXT },
	{ "vb", FLAG },       { "vd", DATA },      { "s", SUM },        { "ut", UPDATE },
	{ "bv", BASE_VALUE }, { "bs", BASE_SUM },  { "bver", VERSION },
};

struct pack { /* what holds from record to record */
	struct sb_str name, unit;
	int64_t time_ns;
	double value;
	bool has_value;
	char name_buf[DECODING_NAME], unit_buf[DECODING_UNIT];
};

struct record {
	struct sb_str name, unit;
	int64_t time_ns;
	uint32_t seen;
	struct sb_json value; /* where it stands: it is read when all else is known */
	char name_buf[DECODING_NAME], unit_buf[DECODING_UNIT];
};

bool senml_is(const struct decoding *d)
{
	struct sb_json ahead = d->json;
	struct sb_str label;
	char buf[DECODING_LABEL];

	if (!sb_json_array(&ahead) || !sb_json_item(&ahead) || sb_json_peek(&ahead) != '{')
		return false;
	sb_json_object(&ahead);
	while (decoding_label(&ahead, buf, &label)) {
		if ((decoding_is(label, "n") || decoding_is(label, "bn")) &&
		    sb_json_peek(&ahead) == '"')
			return true;
		sb_json_skip(&ahead);
	}
	return false;
}

static uint32_t field_of(struct sb_str label)
{
	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++)
		if (decoding_is(label, labels[i].label))
			return labels[i].field;
	return 0;
}

static int32_t take_text(struct decoding *d, char *buf, size_t cap, struct sb_str *out)
{
	struct sb_json_text text;

	if (!sb_json_string(&d->json, &text))
		return decoding_check(d);
	if (!decoding_text(&text, buf, cap, out))
		return decoding_fail(d, SB_E_RANGE, SB_STR(""), "the name or unit is too long");
	return 0;
}

static int32_t take_time(struct decoding *d, int64_t *out)
{
	struct sb_number number = { 0 };

	if (!sb_json_number(&d->json, &number))
		return decoding_check(d);
	if (stamp_seconds(&number, out) < 0)
		return decoding_fail(d, SB_E_RANGE, SB_STR(""), "the time is out of range");
	return 0;
}

static int32_t take_base_value(struct decoding *d, struct pack *pack)
{
	struct sb_number number = { 0 };

	if (!sb_json_number(&d->json, &number))
		return decoding_check(d);
	pack->has_value = true;
	if (sb_number_f64(&number, &pack->value) < 0)
		return decoding_fail(d, SB_E_RANGE, SB_STR(""), "bv is too large");
	return 0;
}

static int32_t take_version(struct decoding *d)
{
	struct sb_number number = { 0 };

	if (!sb_json_number(&d->json, &number))
		return decoding_check(d);
	if (!number.exact || !number.integer || number.negative || number.mantissa > 10)
		return decoding_fail(d, SB_E_RANGE, SB_STR(""),
		                     "SenML of version 10 is known at most");
	return 0;
}

static int32_t take_field(struct decoding *d, struct pack *pack, struct record *rec, uint32_t field)
{
	switch (field) {
	case BASE_NAME:
		return take_text(d, pack->name_buf, sizeof(pack->name_buf), &pack->name);
	case BASE_UNIT:
		return take_text(d, pack->unit_buf, sizeof(pack->unit_buf), &pack->unit);
	case BASE_TIME:
		return take_time(d, &pack->time_ns);
	case BASE_VALUE:
		return take_base_value(d, pack);
	case VERSION:
		return take_version(d);
	case NAME:
		return take_text(d, rec->name_buf, sizeof(rec->name_buf), &rec->name);
	case UNIT:
		return take_text(d, rec->unit_buf, sizeof(rec->unit_buf), &rec->unit);
	case TIME:
		return take_time(d, &rec->time_ns);
	case VALUE:
	case TEXT:
	case FLAG:
	case DATA:
		rec->value = d->json;
		sb_json_skip(&d->json);
		return 0;
	default: /* update time, sums, what others invented */
		sb_json_skip(&d->json);
		return 0;
	}
}

static int32_t take_number(struct decoding *d, const struct pack *pack, struct metric *m)
{
	struct sb_number number = { 0 };
	int32_t r = 0;

	if (!sb_json_number(&d->json, &number))
		return decoding_check(d);
	if (!pack->has_value) {
		r = sb_number_value(&number, &m->type, &m->v);
	} else {
		m->type = SB_T_F64;
		r = sb_number_f64(&number, &m->v.f);
		m->v.f += pack->value;
		r = isinf(m->v.f) ? SB_E_RANGE : r;
	}
	return r < 0 ? decoding_fail(d, r, m->name, "the number is too large") : decoding_put(d, m);
}

static int32_t take_value(struct decoding *d, const struct pack *pack, uint32_t field,
                          struct metric *m)
{
	struct sb_json_text text;
	bool flag = false;

	if (field == VALUE)
		return take_number(d, pack, m);
	if (field == FLAG) {
		m->type = SB_T_BOOL;
		if (!sb_json_bool(&d->json, &flag))
			return decoding_check(d);
		m->v.i = flag;
		return decoding_put(d, m);
	}
	if (!sb_json_string(&d->json, &text))
		return decoding_check(d);
	m->type = field == TEXT ? SB_T_STR : SB_T_BYTES;
	return field == TEXT ? decoding_put_text(d, m, &text) : decoding_put_base64(d, m, &text);
}

static int32_t join_name(struct decoding *d, struct sb_str base, struct sb_str own,
                         struct sb_str *out)
{
	*out = base.n ? base : own;
	if (base.n && own.n) {
		if (base.n > sizeof(d->path) - own.n)
			return decoding_fail(d, SB_E_RANGE, SB_STR(""),
			                     "the name is longer than 512 bytes");
		memcpy(d->path, base.p, base.n);
		memcpy(d->path + base.n, own.p, own.n);
		*out = sb_str_of(d->path, base.n + own.n);
	}
	return out->n ? 0 : decoding_fail(d, SB_E_MALFORMED, SB_STR(""), "a record without a name");
}

static int32_t join_time(struct decoding *d, int64_t base_ns, int64_t own_ns, int64_t *out)
{
	bool over = __builtin_add_overflow(base_ns, own_ns, out);

	if (!over && *out == 0)
		*out = SB_TS_UNKNOWN;
	else if (!over && *out > -RELATIVE_NS && *out < RELATIVE_NS)
		over = __builtin_add_overflow(decoding_now(d), *out, out);
	return over ? decoding_fail(d, SB_E_RANGE, SB_STR(""), "the time is out of range") : 0;
}

static int32_t finish_record(struct decoding *d, const struct pack *pack, struct record *rec)
{
	struct metric m = { .unit = rec->unit.n ? rec->unit : pack->unit };
	uint32_t value = rec->seen & VALUES;
	struct sb_json behind = d->json;
	int32_t r = 0;

	if (value == 0 && !(rec->seen & (NAME | SUM)))
		return 0; /* base values alone */
	if (value == 0 || (value & (value - 1)))
		return decoding_fail(d, SB_E_TYPE, rec->name, "one of v, vs, vb, vd is expected");
	r = join_name(d, pack->name, rec->name, &m.name);
	if (r == 0)
		r = join_time(d, pack->time_ns, rec->time_ns, &m.ts_ns);
	if (r < 0)
		return r;
	d->json = rec->value;
	r = take_value(d, pack, value, &m);
	if (r == 0)
		d->json = behind;
	return r;
}

static int32_t take_record(struct decoding *d, struct pack *pack)
{
	__attribute__((uninitialized)) struct record rec;
	char buf[DECODING_LABEL];
	struct sb_str label;
	int32_t r = 0;

	rec.name = rec.unit = SB_STR("");
	rec.time_ns = 0;
	rec.seen = 0;
	sb_json_object(&d->json);
	while (r == 0 && decoding_label(&d->json, buf, &label)) {
		uint32_t field = field_of(label);

		if (rec.seen & field)
			return decoding_fail(d, SB_E_MALFORMED, label, "is given twice");
		if (field == 0 && label.n && label.p[label.n - 1] == '_')
			return decoding_fail(d, SB_E_MALFORMED, label,
			                     "must be understood, but is not");
		rec.seen |= field;
		r = take_field(d, pack, &rec, field);
	}
	if (r == 0)
		r = decoding_check(d);
	return r < 0 ? r : finish_record(d, pack, &rec);
}

int32_t senml_decode(struct decoding *d)
{
	__attribute__((uninitialized)) struct pack pack;
	int32_t r = 0;

	pack.name = pack.unit = SB_STR("");
	pack.time_ns = 0;
	pack.has_value = false;
	sb_json_array(&d->json);
	while (r == 0 && sb_json_item(&d->json))
		r = take_record(d, &pack);
	if (r < 0)
		return r;
	sb_json_end(&d->json);
	return decoding_check(d);
}
