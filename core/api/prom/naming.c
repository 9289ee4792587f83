#include "api/prom/naming.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "promql/arena.h"
#include "promql/parse.h"
#include "promql/regex.h"
#include "registry/registry.h"
#include "series/catalog.h"

static struct sb_str str(const char *text)
{
	return sb_str_of(text, strlen(text));
}

/* ---- names */

/* "a b" as ",a,b," */
static void tags_copy(char *out, size_t cap, const char *tags)
{
	size_t n = 0;

	while (*tags == ' ')
		tags++;
	if (*tags)
		out[n++] = ',';
	while (*tags && n + 2 < cap) {
		out[n++] = *tags == ' ' ? ',' : *tags;
		if (*tags == ' ')
			while (tags[1] == ' ')
				tags++;
		tags++;
	}
	if (n > 1 && out[n - 1] != ',')
		out[n++] = ',';
	out[n] = '\0';
}

void naming_device(struct naming_device *out, struct registry *reg, const struct device *dev)
{
	out->labels = NULL;
	registry_lock(reg);
	(void)snprintf(out->id, sizeof(out->id), "%s", dev->id);
	(void)snprintf(out->name, sizeof(out->name), "%s", dev->name);
	(void)snprintf(out->model, sizeof(out->model), "%s", dev->model);
	(void)snprintf(out->site, sizeof(out->site), "%s", dev->site);
	tags_copy(out->tags, sizeof(out->tags), dev->tags);
	registry_unlock(reg);
}

bool naming_is_numeric(const struct series *s)
{
	static const uint8_t types[] = { SB_T_BOOL, SB_T_I64, SB_T_U64, SB_T_F64 };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (atomic_load_explicit(&s->places[types[i]].stream, memory_order_acquire))
			return true;
	return false;
}

size_t naming_metric(char out[NAMING_METRIC_MAX], struct sb_str name)
{
	size_t n = 0;

	if (name.n && name.p[0] >= '0' && name.p[0] <= '9')
		out[n++] = '_';
	for (size_t i = 0; i < name.n && n < NAMING_METRIC_MAX; i++) {
		char c = name.p[i];
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		            (c >= '0' && c <= '9') || c == '_' || c == ':';

		out[n++] = good ? c : '_';
	}
	return n;
}

/* ---- matching */

static bool matches(const struct matcher *m, struct sb_str value)
{
	switch (m->kind) {
	case MATCHER_EQUAL:
		return text_equal(m->value, value);
	case MATCHER_UNEQUAL:
		return !text_equal(m->value, value);
	case MATCHER_REGEX:
		return regex_matches(m->regex, value);
	case MATCHER_NO_REGEX:
		return !regex_matches(m->regex, value);
	}
	return false;
}

/* What the label is, if that is the device's matter. */
static bool device_label(const struct naming_device *dev, struct sb_str name, struct sb_str *value)
{
	const struct {
		const char *name, *value;
	} known[] = { { "device", dev->id },
		      { "name", dev->name },
		      { "model", dev->model },
		      { "site", dev->site },
		      { "tags", dev->tags } };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (text_is(name, known[i].name)) {
			*value = str(known[i].value);
			return true;
		}
	*value = SB_STR("");
	return !text_is(name, "__name__") && !text_is(name, "unit") && !text_is(name, "series");
}

bool naming_device_matches(const struct naming_device *dev, const struct node *selector)
{
	struct sb_str value;

	for (uint32_t i = 0; i < selector->n_matchers; i++)
		if (device_label(dev, selector->matchers[i].name, &value) &&
		    !matches(&selector->matchers[i], value))
			return false;
	return true;
}

static const struct labels *device_labels(struct naming_device *dev, struct arena *a)
{
	static const char *const names[] = { "device", "model", "name", "site", "tags" };
	struct labels_draft draft;
	struct sb_str value;

	if (dev->labels)
		return dev->labels;
	labels_begin(&draft, NULL);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		device_label(dev, str(names[i]), &value);
		labels_set(&draft, str(names[i]), arena_copy(a, value));
	}
	dev->labels = labels_make(&draft, a);
	return dev->labels;
}

const struct labels *naming_labels(struct naming_device *dev, const struct series *s,
                                   const struct node *selector, struct arena *a)
{
	char text[NAMING_METRIC_MAX];
	struct sb_str metric = sb_str_of(text, naming_metric(text, s->name));
	struct sb_str unit = series_unit(s);
	struct sb_str original = text_equal(metric, s->name) ? SB_STR("") : s->name;
	struct labels_draft draft;

	for (uint32_t i = 0; i < selector->n_matchers; i++) {
		const struct matcher *m = &selector->matchers[i];

		if ((text_is(m->name, "__name__") && !matches(m, metric)) ||
		    (text_is(m->name, "unit") && !matches(m, unit)) ||
		    (text_is(m->name, "series") && !matches(m, original)))
			return NULL;
	}
	const struct labels *labels = device_labels(dev, a);

	if (!labels)
		return NULL;
	labels_begin(&draft, labels);
	/* Names and units of series live as long as the catalogue. */
	labels_set(&draft, SB_STR("__name__"), original.n ? arena_copy(a, metric) : s->name);
	labels_set(&draft, SB_STR("unit"), unit);
	labels_set(&draft, SB_STR("series"), original);
	return labels_make(&draft, a);
}
