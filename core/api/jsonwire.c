#include "api/jsonwire.h"

#include <stdint.h>

static void object_give(struct wire *w, const json_t *object)
{
	/* jansson's iteration wants a mutable object but changes nothing. */
	void *at = json_object_iter((json_t *)(uintptr_t)object);

	wire_map(w);
	for (; at; at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
		wire_key(w, json_object_iter_key(at));
		jsonwire_give(w, json_object_iter_value(at));
	}
	wire_map_end(w);
}

void jsonwire_give(struct wire *w, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		object_give(w, value);
		return;
	case JSON_ARRAY:
		wire_array(w);
		for (size_t i = 0; i < json_array_size(value); i++)
			jsonwire_give(w, json_array_get(value, i));
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
