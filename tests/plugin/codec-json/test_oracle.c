/* Generated documents, whole and damaged, against jansson and the model of our forms. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "fake.h"
#include "oracle.h"

struct doc {
	uint64_t seed;
	size_t n;
	char text[8192];
};

static uint64_t draw(struct doc *d, uint64_t below)
{
	uint64_t z = d->seed += 0x9E3779B97F4A7C15u;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return (z ^ (z >> 31)) % below;
}

static void put(struct doc *d, const char *text)
{
	size_t n = strlen(text);

	if (n > sizeof(d->text) - d->n)
		return;
	memcpy(d->text + d->n, text, n);
	d->n += n;
}

static void put_space(struct doc *d)
{
	static const char *const spaces[] = { " ", "\n", "\t", "\r\n  " };

	if (draw(d, 4) == 0)
		put(d, spaces[draw(d, 4)]);
}

static void put_number(struct doc *d)
{
	char text[64];
	double v = (double)(int64_t)(draw(d, 2000000) - 1000000);

	switch (draw(d, 8)) {
	case 0:
		snprintf(text, sizeof(text), "%.17g", v / 3);
		break;
	case 1:
		snprintf(text, sizeof(text), "%lld", (long long)draw(d, UINT64_MAX));
		break;
	case 2:
		snprintf(text, sizeof(text), "%ge%d", v, (int)draw(d, 700) - 350);
		break;
	case 3:
		snprintf(text, sizeof(text), "%llu.%llu", (unsigned long long)draw(d, UINT64_MAX),
		         (unsigned long long)draw(d, UINT64_MAX));
		break;
	case 4:
		snprintf(text, sizeof(text), "-0");
		break;
	default:
		snprintf(text, sizeof(text), "%.*f", (int)draw(d, 5), v / 100);
	}
	put(d, text);
}

static void put_text(struct doc *d)
{
	static const char *const parts[] = {
		"a",        "temp",         "\\n",       "\\u00fc",
		"\xc3\xbc", "\\\"",         "\\\\",      "\\ud83d\\ude00",
		" ",        "\xe2\x82\xac", "\\u0041",   "mode...",
		"/",        "\\/",          "0123456789"
	};

	put(d, "\"");
	for (uint64_t i = draw(d, 5); i > 0; i--)
		put(d, parts[draw(d, sizeof(parts) / sizeof(*parts))]);
	put(d, "\"");
}

static void put_key(struct doc *d)
{
	static const char *const keys[] = { "\"temp\"", "\"hum\"",   "\"a.b\"", "\"a\"",
		                            "\"b\"",    "\"value\"", "\"unit\"" };

	if (draw(d, 3))
		put_text(d);
	else
		put(d, keys[draw(d, sizeof(keys) / sizeof(*keys))]);
	put_space(d);
	put(d, ":");
	put_space(d);
}

static void put_object(struct doc *d, int level);

static void put_value(struct doc *d, int level)
{
	static const char *const words[] = { "true", "false", "null" };

	switch (draw(d, level < 5 ? 10 : 8)) {
	case 0:
		put(d, words[draw(d, 3)]);
		return;
	case 1:
	case 2:
		put_text(d);
		return;
	case 8:
		put_object(d, level + 1);
		return;
	case 9:
		if (draw(d, 8) == 0)
			put(d, "[1,{}]");
		else
			put(d, "{\"value\":1.5,\"unit\":\"bar\",\"quality\":64}");
		return;
	default:
		put_number(d);
	}
}

static void put_object(struct doc *d, int level)
{
	put(d, "{");
	for (uint64_t i = draw(d, 6); i > 0; i--) {
		put_key(d);
		put_value(d, level);
		put_space(d);
		if (i > 1)
			put(d, ",");
	}
	put(d, "}");
}

static void put_element(struct doc *d)
{
	if (draw(d, 2)) {
		put_object(d, 1);
		return;
	}
	put(d, "{\"ts\":");
	if (draw(d, 4))
		put(d, "1790000000123");
	else
		put_number(d);
	put(d, ",\"values\":");
	put_object(d, 1);
	put(d, "}");
}

static void make(struct doc *d)
{
	d->n = 0;
	put_space(d);
	if (draw(d, 3)) {
		put_element(d);
		return;
	}
	put(d, "[");
	put_element(d);
	for (uint64_t i = draw(d, 4); i > 0; i--) {
		put(d, ",");
		put_element(d);
	}
	put(d, "]");
}

static void damage(struct doc *d)
{
	static const char odd[] = "{}[]\",:\\0-+.eEtfn \x01\x80\xff";
	size_t at = (size_t)draw(d, d->n);

	switch (draw(d, 3)) {
	case 0:
		d->text[at] = odd[draw(d, sizeof(odd))];
		return;
	case 1:
		d->n = at;
		return;
	default:
		memmove(d->text + at, d->text + at + 1, d->n - at - 1);
		d->n--;
	}
}

static void expect_agreement(struct fake *f, const struct doc *d)
{
	const char *fault = oracle_check(f, (const uint8_t *)d->text, d->n);

	if (fault)
		fail_msg("%s (%s): %.*s", fault, f->decode.why, (int)d->n, d->text);
}

static void generated_documents_are_read_as_by_jansson(void **state)
{
	static struct doc d = { .seed = 11 };
	struct fake *f = fake_new();
	int taken = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		make(&d);
		expect_agreement(f, &d);
		taken += f->decode.why[0] == 0;
	}
	assert_true(taken > 5000);
	fake_free(f);
}

static void damaged_documents_are_refused_as_by_jansson(void **state)
{
	static struct doc d = { .seed = 12 };
	struct fake *f = fake_new();

	(void)state;
	for (int i = 0; i < 30000; i++) {
		make(&d);
		for (uint64_t k = draw(&d, 3); k > 0 && d.n > 1; k--)
			damage(&d);
		expect_agreement(f, &d);
	}
	fake_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generated_documents_are_read_as_by_jansson),
		cmocka_unit_test(damaged_documents_are_refused_as_by_jansson),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
