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
