#include "api/methods/named.h"

#include "base/text.h"
#include "series/catalog.h"

struct sb_str named_text(const json_t *value)
{
	return sb_str_of(json_string_value(value), json_string_length(value));
}

bool named_is(const json_t *names, const struct series *s)
{
	if (!names)
		return true;
	for (size_t i = 0; i < json_array_size(names); i++) {
		struct sb_str name = named_text(json_array_get(names, i));

		if (text_equal(name, s->name))
			return true;
	}
	return false;
}
