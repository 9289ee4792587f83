#include "oracle.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kit/json.h>

#include "fake.h"

enum { NAME_MAX_BYTES = 512, NAMES_MAX = 1024, TEXT_MAX_BYTES = 65536, NESTING = 4 };

/* One point as the model expects it. */
struct expected {
	char *name;
	size_t name_len;
	json_t *value; /* borrowed */
	json_t *ts;    /* borrowed; NULL: unknown */
	int quality;
};

struct model {
	struct expected points[FAKE_POINTS];
	size_t n;
	char *names[NAMES_MAX + 1]; /* of the row, prefixes included */
	size_t lens[NAMES_MAX + 1];
	size_t n_names;
	json_t *ts;
};

static void forget_row(struct model *m)
{
	for (size_t i = 0; i < m->n_names; i++)
		free(m->names[i]);
	m->n_names = 0;
}

static void model_fini(struct model *m)
{
	forget_row(m);
	for (size_t i = 0; i < m->n; i++)
		free(m->points[i].name);
}

/* False: too long, given before, or one too many. */
static bool note_name(struct model *m, const char *name, size_t len)
{
	char *copy = NULL;

	if (len > NAME_MAX_BYTES || m->n_names == NAMES_MAX)
		return false;
	for (size_t i = 0; i < m->n_names; i++)
		if (m->lens[i] == len && memcmp(m->names[i], name, len) == 0)
			return false;
	copy = malloc(len + 1);
	if (!copy)
		abort();
	memcpy(copy, name, len);
	m->lens[m->n_names] = len;
	m->names[m->n_names++] = copy;
	return true;
}

static bool add_scalar(struct model *m, const char *name, size_t len, json_t *value, int quality)
{
	struct expected *e = &m->points[m->n];

	if (json_is_null(value))
		return true;
	if (json_is_object(value) || json_is_array(value))
		return false;
	if (json_is_string(value) && json_string_length(value) > TEXT_MAX_BYTES)
		return false;
	*e = (struct expected){ malloc(len + 1), len, value, m->ts, quality };
	if (!e->name)
		abort();
	memcpy(e->name, name, len);
	m->n++;
	return true;
}

static int quality_of(json_t *q)
{
	static const struct {
		const char *word;
		int quality;
	} words[] = { { "good", 0 }, { "uncertain", 0x40 }, { "bad", 0x80 } };

	if (json_is_integer(q) && json_integer_value(q) >= 0 && json_integer_value(q) <= 255)
		return (int)json_integer_value(q);
	for (size_t i = 0; json_is_string(q) && i < 3; i++)
		if (json_string_length(q) == strlen(words[i].word) &&
		    strcmp(json_string_value(q), words[i].word) == 0)
			return words[i].quality;
	return -1;
}

static bool add_described(struct model *m, const char *name, size_t len, json_t *object)
{
	json_t *unit = json_object_get(object, "unit");
	json_t *quality = json_object_get(object, "quality");
	size_t known = 1 + (unit ? 1 : 0) + (quality ? 1 : 0);

	if (json_object_size(object) != known)
		return false;
	if (unit && (!json_is_string(unit) || json_string_length(unit) > 64))
		return false;
	if (quality && quality_of(quality) < 0)
		return false;
	return add_scalar(m, name, len, json_object_get(object, "value"),
	                  quality ? quality_of(quality) : 0);
}

static bool add_member(struct model *m, const char *prefix, size_t prefix_len, const char *key,
                       size_t key_len, json_t *value, int level)
{
	char name[2 * NAME_MAX_BYTES + 2];
	size_t len = prefix_len;
	const char *sub = NULL;
	size_t sub_len = 0;
	json_t *sub_value = NULL;

	if (key_len > NAME_MAX_BYTES)
		return false;
	memcpy(name, prefix, prefix_len);
	if (level > 1)
		name[len++] = '.';
	memcpy(name + len, key, key_len);
	len += key_len;
	if (!note_name(m, name, len))
		return false;
	if (!json_is_object(value))
		return add_scalar(m, name, len, value, 0);
	if (json_object_get(value, "value"))
		return add_described(m, name, len, value);
	if (level == NESTING)
		return false;
	json_object_keylen_foreach(value, sub, sub_len, sub_value)
	{
		if (!add_member(m, name, len, sub, sub_len, sub_value, level + 1))
			return false;
	}
	return true;
}

static bool add_members(struct model *m, json_t *object)
{
	const char *key = NULL;
	size_t len = 0;
	json_t *value = NULL;

	json_object_keylen_foreach(object, key, len, value)
	{
		if (!add_member(m, "", 0, key, len, value, 1))
			return false;
	}
	return true;
}

/* From the unit of a time to nanoseconds. */
static int64_t factor_of(json_t *ts)
{
	double size = fabs(json_number_value(ts));

	return size < 1e11 ? 1000000000 : size < 1e14 ? 1000000 : size < 1e17 ? 1000 : 1;
}

static bool add_element(struct model *m, json_t *element)
{
	json_t *ts = json_object_get(element, "ts");
	json_t *values = json_object_get(element, "values");

	forget_row(m);
	m->ts = NULL;
	if (!json_is_object(element))
		return false;
	if (!ts && !values)
		return add_members(m, element);
	if (json_object_size(element) != (ts ? 2u : 1u) || !json_is_object(values))
		return false;
	if (ts && !json_is_number(ts) && !json_is_null(ts))
		return false;
	if (json_is_number(ts) && fabs(json_number_value(ts)) * (double)factor_of(ts) > 0x1p63)
		return false;
	m->ts = json_is_number(ts) ? ts : NULL;
	return add_members(m, values);
}

static bool add_document(struct model *m, json_t *doc)
{
	if (json_is_object(doc))
		return add_element(m, doc);
	if (!json_is_array(doc))
		return false;
	for (size_t i = 0; i < json_array_size(doc); i++)
		if (!add_element(m, json_array_get(doc, i)))
			return false;
	return true;
}

static bool is_senml(json_t *doc)
{
	json_t *first = json_array_get(doc, 0);

	return json_is_string(json_object_get(first, "n")) ||
	       json_is_string(json_object_get(first, "bn"));
}

static bool same_number(const struct sb_point *p, json_t *value)
{
	int64_t i = json_integer_value(value);
	double real = json_real_value(value);

	if (json_is_real(value))
		return p->type == SB_T_F64 && memcmp(&p->v.f, &real, sizeof(real)) == 0;
	if (i <= 1LL << 53 && i >= -(1LL << 53))
		return p->type == SB_T_F64 && p->v.f == (double)i;
	return p->type == SB_T_I64 && p->v.i == i;
}

static bool same_value(const struct fake *f, const struct sb_point *p, json_t *value)
{
	if (json_is_number(value))
		return same_number(p, value);
	if (json_is_boolean(value))
		return p->type == SB_T_BOOL && p->v.i == json_is_true(value);
	return p->type == SB_T_STR && p->v.blob.len == json_string_length(value) &&
	       memcmp(f->blob + p->v.blob.off, json_string_value(value), p->v.blob.len) == 0;
}

static bool same_time(int64_t ns, json_t *ts)
{
	double v = json_number_value(ts);
	int64_t factor = 0;

	if (!ts)
		return ns == SB_TS_UNKNOWN;
	factor = factor_of(ts);
	if (json_is_integer(ts))
		return ns == json_integer_value(ts) * factor;
	return fabs((double)ns - v * (double)factor) <= 2 + fabs(v * (double)factor) * 0x1p-51;
}

static const char *compare_points(const struct fake *f, const struct model *m)
{
	if (f->batch.count != m->n)
		return "another number of points";
	for (size_t i = 0; i < m->n; i++) {
		const struct sb_point *p = &f->points[i];
		const struct expected *e = &m->points[i];
		size_t handle = p->series - 1;

		if (f->name_lens[handle] != e->name_len ||
		    memcmp(f->names[handle], e->name, e->name_len) != 0)
			return "another name";
		if (!same_value(f, p, e->value))
			return "another value";
		if (!same_time(p->ts_ns, e->ts))
			return "another time";
		if (p->quality != e->quality || p->msg != 7 || p->flags != SB_P_REPLAYED)
			return "another quality, message or flag";
	}
	return NULL;
}

/* The reader alone: it must take what jansson takes and nothing else. */
static const char *check_reader(const uint8_t *p, size_t n, const json_t *doc,
                                enum json_error_code code)
{
	struct sb_json j = sb_json_on((struct sb_bytes){ p, n }, SB_JSON_DEPTH_MAX);
	bool taken = sb_json_skip(&j) && sb_json_end(&j);

	if (j.fault && strcmp(j.fault, "nested too deeply") == 0)
		return NULL;
	if (!doc && (code == json_error_duplicate_key || code == json_error_numeric_overflow ||
	             code == json_error_null_byte_in_key))
		return NULL;
	if (taken != (doc != NULL))
		return taken ? "the reader takes what jansson refuses" : "the reader refuses it";
	return NULL;
}

static const char *check_codec(struct fake *f, const uint8_t *p, size_t n, json_t *doc,
                               enum json_error_code code)
{
	struct model *m = NULL;
	const char *fault = NULL;
	int32_t r = fake_decode(f, p, n, "");

	if (r < 0 && !f->decode.why[0] && r != -ENOBUFS)
		return "refused without a reason";
	if (r == -ENOBUFS || is_senml(doc))
		return NULL;
	if (!doc) {
		if (code == json_error_numeric_overflow || code == json_error_null_byte_in_key)
			return NULL;
		/* In SenML, keys that nobody knows may repeat. */
		return r == 0 && code != json_error_duplicate_key ? "the codec takes broken JSON"
		                                                  : NULL;
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		abort();
	if (!add_document(m, doc))
		fault = r == 0 ? "the codec takes what the model refuses" : NULL;
	else
		fault = r < 0 ? "the codec refuses what the model takes" : compare_points(f, m);
	model_fini(m);
	free(m);
	return fault;
}

const char *oracle_check(struct fake *f, const uint8_t *p, size_t n)
{
	json_error_t error;
	json_t *doc = json_loadb((const char *)p, n,
	                         JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	enum json_error_code code = doc ? json_error_unknown : json_error_code(&error);
	const char *fault = NULL;

	if (doc && memchr(p, 0, n)) { /* jansson reads over zero bytes behind a number */
		json_decref(doc);
		return fake_decode(f, p, n, "") == 0 ? "the codec takes a zero byte" : NULL;
	}
	fault = check_reader(p, n, doc, code);
	if (!fault)
		fault = check_codec(f, p, n, doc, code);
	json_decref(doc);
	return fault;
}
