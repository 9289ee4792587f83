#include "api/form.h"

#include <stdbool.h>

#include "api/cborform.h"

/* jansson itself would go 2,048 levels deep. */
static bool is_too_deep(const char *p, size_t n)
{
	uint32_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		if (quoted) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				quoted = false;
		} else if (p[i] == '"') {
			quoted = true;
		} else if (p[i] == '[' || p[i] == '{') {
			if (++depth > FORM_DEPTH_MAX)
				return true;
		} else if ((p[i] == ']' || p[i] == '}') && depth) {
			depth--;
		}
	}
	return false;
}

static json_t *json_take(const char *p, size_t n, const char **why)
{
	json_error_t error;

	*why = "nested too deeply, 32 levels at most";
	if (is_too_deep(p, n))
		return NULL;
	json_t *value = json_loadb(p, n, JSON_REJECT_DUPLICATES, &error);

	*why = value ? NULL : "not valid JSON";
	if (!value && json_error_code(&error) == json_error_duplicate_key)
		*why = "a key stands twice";
	if (!value && json_error_code(&error) == json_error_numeric_overflow)
		*why = "a number is out of range";
	return value;
}

json_t *form_take(enum wire_form form, const void *p, size_t n, const char **why)
{
	return form == WIRE_JSON ? json_take(p, n, why) : cborform_take(p, n, why);
}

static void object_give(struct wire *w, const json_t *object)
{
	/* jansson's iteration wants a mutable object but changes nothing. */
	void *at = json_object_iter((json_t *)(uintptr_t)object);

	wire_map(w);
	for (; at; at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
		wire_key(w, json_object_iter_key(at));
		form_give(w, json_object_iter_value(at));
	}
	wire_map_end(w);
}

void form_give(struct wire *w, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		object_give(w, value);
		return;
	case JSON_ARRAY:
		wire_array(w);
		for (size_t i = 0; i < json_array_size(value); i++)
			form_give(w, json_array_get(value, i));
		wire_array_end(w);
		return;
	case JSON_STRING:
		wire_str(w, sb_str_of(json_string_value(value), json_string_length(value)));
		return;
	case JSON_INTEGER:
		wire_i64(w, json_integer_value(value));
		return;
	case JSON_REAL:
		wire_f64(w, json_real_value(value));
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		wire_bool(w, json_is_true(value));
		return;
	case JSON_NULL:
		wire_null(w);
		return;
	}
}
