#include "telemetry.h"

#include "decoding.h"
#include "senml.h"
#include "stamp.h"

/* An object with metrics: {"temp": 21.5} or {"ts": …, "values": {…}}. */
struct element {
	int64_t ts_ns;
	uint32_t first; /* its first point in the batch */
	enum { UNDECIDED, PLAIN, WRAPPED } form;
	bool has_ts, has_values;
};

/* The name of a key on the first level, which usually stands so in the payload. */
static inline int32_t top_name(struct decoding *d, const struct sb_json_text *key,
                               struct sb_str *out)
{
	if (key->escaped || key->n > DECODING_NAME)
		return decoding_name(d, NULL, key, out);
	*out = sb_str_of(key->p, key->n);
	return 0;
}

/* A value that is neither object nor array; kind is what sb_json_peek() said. */
static int32_t take_scalar(struct decoding *d, struct metric *m, char kind)
{
	struct sb_json_text text;
	struct sb_number number;
	bool flag = false;

	switch (kind) {
	case '0':
		if (!sb_json_number(&d->json, &number))
			return decoding_check(d);
		if (sb_number_value(&number, &m->type, &m->v) < 0)
			return decoding_fail(d, SB_E_RANGE, m->name, "the number is too large");
		return decoding_put(d, m);
	case '"':
		m->type = SB_T_STR;
		if (!sb_json_string(&d->json, &text))
			return decoding_check(d);
		return decoding_put_text(d, m, &text);
	case 't':
	case 'f':
		m->type = SB_T_BOOL;
		if (!sb_json_bool(&d->json, &flag))
			return decoding_check(d);
		m->v.i = flag;
		return decoding_put(d, m);
	case 'n':
		sb_json_null(&d->json); /* nothing was measured */
		return decoding_check(d);
	case 0:
		return decoding_check(d);
	default:
		return decoding_fail(d, SB_E_TYPE, m->name,
		                     "a number, a text, true, false or null is expected");
	}
}

static int32_t take_quality(struct decoding *d, struct metric *m)
{
	static const struct {
		const char *word;
		uint8_t quality;
	} words[] = { { "good", SB_Q_GOOD }, { "uncertain", SB_Q_UNCERTAIN }, { "bad", SB_Q_BAD } };
	struct sb_json_text text;
	struct sb_number number;

	if (sb_json_peek(&d->json) == '0') {
		if (!sb_json_number(&d->json, &number))
			return decoding_check(d);
		m->quality = (uint8_t)number.mantissa;
		if (!number.integer || number.negative || !number.exact ||
		    number.mantissa > UINT8_MAX)
			return decoding_fail(d, SB_E_RANGE, m->name, "quality is 0 to 255");
		return 0;
	}
	if (!sb_json_string(&d->json, &text))
		return decoding_check(d);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (decoding_is(sb_str_of(text.p, text.n), words[i].word)) {
			m->quality = words[i].quality;
			return 0;
		}
	}
	return decoding_fail(d, SB_E_RANGE, m->name, "quality is good, uncertain or bad");
}

static int32_t take_unit(struct decoding *d, struct metric *m, char buf[DECODING_UNIT])
{
	struct sb_json_text text;

	if (!sb_json_string(&d->json, &text))
		return decoding_check(d);
	if (!decoding_text(&text, buf, DECODING_UNIT, &m->unit))
		return decoding_fail(d, SB_E_RANGE, m->name, "the unit is longer than 64 bytes");
	return 0;
}

/* Does the object that stands next describe one value: has it a member "value"? */
static bool is_described(const struct decoding *d)
{
	struct sb_json ahead = d->json;
	struct sb_str label;
	char buf[DECODING_LABEL];

	sb_json_object(&ahead);
	while (decoding_label(&ahead, buf, &label)) {
		if (decoding_is(label, "value"))
			return true;
		sb_json_skip(&ahead);
	}
	return false;
}

/* {"value": 21.5, "unit": "Cel", "quality": "good"}; the value is read last, when all is known. */
static int32_t take_described(struct decoding *d, struct metric *m)
{
	enum { VALUE = 1, UNIT = 2, QUALITY = 4 };
	struct sb_json value = { 0 };
	struct sb_json behind;
	struct sb_str label;
	char buf[DECODING_LABEL];
	char unit[DECODING_UNIT];
	int32_t r = 0;
	int seen = 0;

	sb_json_object(&d->json);
	while (r == 0 && decoding_label(&d->json, buf, &label)) {
		int now = decoding_is(label, "value")     ? VALUE
		          : decoding_is(label, "unit")    ? UNIT
		          : decoding_is(label, "quality") ? QUALITY
		                                          : 0;

		if (now == 0 || (seen & now))
			return decoding_fail(d, SB_E_MALFORMED, m->name,
			                     "value, unit and quality are expected, once each");
		seen |= now;
		if (now == VALUE) {
			value = d->json;
			sb_json_skip(&d->json);
		} else {
			r = now == UNIT ? take_unit(d, m, unit) : take_quality(d, m);
		}
	}
	if (r == 0)
		r = decoding_check(d);
	if (r < 0)
		return r;
	behind = d->json;
	d->json = value;
	r = take_scalar(d, m, sb_json_peek(&d->json));
	if (r == 0)
		d->json = behind;
	return r;
}

static int32_t take_nested(struct decoding *d, int64_t ts_ns, struct sb_str name, int level);

/* Any value; level counts the parts of its name. */
static int32_t take_metric(struct decoding *d, int64_t ts_ns, struct sb_str name, int level)
{
	struct metric m = { .ts_ns = ts_ns, .name = name };
	int32_t r = decoding_once(d, name);
	char kind = r < 0 ? 0 : sb_json_peek(&d->json);

	if (r < 0)
		return r;
	if (kind != '{')
		return take_scalar(d, &m, kind);
	if (is_described(d))
		return take_described(d, &m);
	return take_nested(d, ts_ns, name, level);
}

/* "temp": {"supply": 21} is temp.supply. */
static int32_t take_nested(struct decoding *d, int64_t ts_ns, struct sb_str name, int level)
{
	size_t prefix = name.n;
	struct sb_json_text key;
	struct sb_str sub;
	int32_t r = 0;

	if (level == DECODING_NESTING)
		return decoding_fail(d, SB_E_RANGE, name, "names nest 4 levels deep at most");
	if (name.p != d->path)
		memcpy(d->path, name.p, name.n);
	sb_json_object(&d->json);
	while (r == 0 && sb_json_key(&d->json, &key)) {
		r = decoding_name(d, &prefix, &key, &sub);
		if (r == 0)
			r = take_metric(d, ts_ns, sub, level + 1);
	}
	return r < 0 ? r : decoding_check(d);
}

static int32_t take_ts(struct decoding *d, struct element *e)
{
	struct sb_number number;

	if (e->has_ts)
		return decoding_fail(d, SB_E_MALFORMED, SB_STR(""), "ts is given twice");
	e->has_ts = true;
	switch (sb_json_peek(&d->json)) {
	case 'n':
		sb_json_null(&d->json);
		return decoding_check(d);
	case '0':
		if (!sb_json_number(&d->json, &number))
			return decoding_check(d);
		if (stamp_take(&number, &e->ts_ns) < 0)
			return decoding_fail(d, SB_E_RANGE, SB_STR(""), "ts is out of range");
		return 0;
	case 0:
		return decoding_check(d);
	default:
		return decoding_fail(d, SB_E_TYPE, SB_STR(""), "ts is no number");
	}
}

static int32_t take_values(struct decoding *d, struct element *e)
{
	struct sb_json_text key;
	struct sb_str name;
	int32_t r = 0;

	if (e->has_values)
		return decoding_fail(d, SB_E_MALFORMED, SB_STR(""), "values is given twice");
	e->has_values = true;
	if (sb_json_peek(&d->json) != '{') {
		r = decoding_check(d);
		return r < 0 ? r : decoding_fail(d, SB_E_TYPE, SB_STR(""), "values is no object");
	}
	sb_json_object(&d->json);
	while (r == 0 && sb_json_key(&d->json, &key)) {
		r = top_name(d, &key, &name);
		if (r == 0)
			r = take_metric(d, e->ts_ns, name, 1);
	}
	return r < 0 ? r : decoding_check(d);
}

/* One member of the element; "ts" and "values" decide its form and belong to no other. */
static int32_t take_member(struct decoding *d, struct element *e, struct sb_str name)
{
	bool is_ts = decoding_is(name, "ts");
	bool wraps = is_ts || decoding_is(name, "values");

	if (e->form == UNDECIDED)
		e->form = wraps ? WRAPPED : PLAIN;
	if (wraps != (e->form == WRAPPED))
		return decoding_fail(d, SB_E_MALFORMED, name,
		                     "write {\"ts\": …, \"values\": {…}} or metrics alone");
	if (!wraps)
		return take_metric(d, e->ts_ns, name, 1);
	return is_ts ? take_ts(d, e) : take_values(d, e);
}

static int32_t take_element(struct decoding *d)
{
	struct element e = { .ts_ns = SB_TS_UNKNOWN, .first = d->in->out->count };
	struct sb_json_text key;
	struct sb_str name;
	int32_t r = 0;

	decoding_row(d);
	sb_json_object(&d->json);
	while (r == 0 && sb_json_key(&d->json, &key)) {
		r = top_name(d, &key, &name);
		if (r == 0)
			r = take_member(d, &e, name);
	}
	if (r == 0)
		r = decoding_check(d);
	if (r == 0 && e.form == WRAPPED && !e.has_values)
		return decoding_fail(d, SB_E_MALFORMED, SB_STR(""), "ts without values");
	/* The time may stand behind the values. */
	for (uint32_t i = e.first; r == 0 && e.has_ts && i < d->in->out->count; i++)
		d->in->out->points[i].ts_ns = e.ts_ns;
	return r;
}

int32_t telemetry_decode(struct decoding *d)
{
	int32_t r = 0;

	switch (sb_json_peek(&d->json)) {
	case '{':
		r = take_element(d);
		break;
	case '[':
		if (senml_is(d))
			return senml_decode(d);
		sb_json_array(&d->json);
		while (r == 0 && sb_json_item(&d->json))
			r = take_element(d);
		break;
	case 0:
		return decoding_check(d);
	default:
		return decoding_fail(d, SB_E_TYPE, SB_STR(""), "an object or an array is expected");
	}
	if (r < 0)
		return r;
	sb_json_end(&d->json);
	return decoding_check(d);
}
