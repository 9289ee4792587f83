#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include <signalbox/error.h>
#include <signalbox/services.h>

#include "check.h"
#include "model/record.h"
#include "series/catalog.h"
#include "series/fake_docs.h"
#include "series/kind.h"

struct defined { /* what went to the journal */
	struct sb_bytes at[8192];
	_Atomic uint32_t n;
	int fail;
};

static int define(void *ud, struct sb_bytes record)
{
	struct defined *d = ud;
	if (d->fail)
		return d->fail;
	uint8_t *copy = malloc(record.n);
	memcpy(copy, record.p, record.n);
	d->at[d->n++] = (struct sb_bytes){ copy, record.n };
	return 0;
}

static void defined_fini(struct defined *d)
{
	for (uint32_t i = 0; i < d->n; i++)
		free((void *)(uintptr_t)d->at[i].p);
}

static struct defined defined;
static struct catalog *cat;

static int setup(void **state)
{
	(void)state;
	memset(&defined, 0, sizeof(defined));
	return catalog_new(&cat, define, &defined);
}

static int teardown(void **state)
{
	(void)state;
	cat = catalog_free(cat);
	defined_fini(&defined);
	return 0;
}

static struct series *resolve(struct series_set *set, const char *name, const char *unit)
{
	struct series *s = NULL;
	assert_int_equal(series_set_resolve(set, sb_str_of(name, strlen(name)),
	                                    sb_str_of(unit, strlen(unit)), true, 2048, &s),
	                 0);
	return s;
}

static int place(struct series *s, uint8_t type)
{
	return catalog_place(cat, &s, &type, 1);
}

static void a_series_is_made_once_and_defined_before_it_is_seen(void **state)
{
	(void)state;
	struct series_set *set = catalog_set(cat, 7);
	struct series *s = NULL;
	assert_int_equal(series_set_resolve(set, SB_STR("temp"), SB_STR("Cel"), false, 9, &s),
	                 SB_E_NOT_FOUND);
	s = resolve(set, "temp", "Cel");
	assert_int_equal(defined.n, 0);
	assert_null(series_set_first(set));
	assert_int_equal(place(s, SB_T_F64), 0);
	assert_ptr_equal(series_set_first(set), s);
	assert_int_equal(defined.n, 1);
	assert_int_equal(defined.at[0].p[0], RECORD_SERIES);
	assert_ptr_equal(resolve(set, "temp", ""), s);
	assert_int_equal(defined.n, 1);
	assert_ptr_equal(catalog_series(cat, series_handle(s)), s);
	assert_null(catalog_series(cat, series_handle(s) + 1));
	assert_null(catalog_series(cat, s->no));
	assert_int_equal(s->device_no, 7);
}

static void a_series_without_a_value_leaves_nothing_behind(void **state)
{
	(void)state;
	static struct docs docs;
	struct series_set *set = catalog_set(cat, 1);
	struct series *stored = resolve(set, "good", "");
	struct series *s = resolve(set, "of a message that was refused", "V");
	assert_int_equal(place(stored, SB_T_F64), 0);
	assert_int_equal(series_set_count(set), 1);
	assert_null(stored->next_of_device);
	assert_int_equal(catalog_save(cat, &docs), 0);
	struct catalog *other = NULL;
	assert_int_equal(catalog_new(&other, define, &defined), 0);
	assert_int_equal(catalog_load(other, &docs), 0);
	for (uint32_t i = 0; i < defined.n; i++)
		assert_int_equal(catalog_apply(other, defined.at[i]), 0);
	assert_int_equal(series_set_resolve(catalog_set(other, 1), s->name, SB_STR(""), false, 9,
	                                    &s),
	                 SB_E_NOT_FOUND);
	assert_int_equal(series_set_count(catalog_set(other, 1)), 1);
	catalog_free(other);
	/* Its first value is what it takes, and its unit is known then. */
	s = resolve(set, "of a message that was refused", "");
	assert_int_equal(place(s, SB_T_I64), 0);
	assert_int_equal(series_set_count(set), 2);
	assert_ptr_equal(stored->next_of_device, s);
	assert_true(text_is(series_unit(s), "V"));
	assert_int_equal(place(s, SB_T_F64), 0);
	assert_int_equal(series_set_count(set), 2);
	fake_docs_fini(&docs);
}

static void names_and_units_from_outside_are_checked(void **state)
{
	(void)state;
	struct series_set *set = catalog_set(cat, 1);
	struct series *s = NULL;
	char lengthy[200];
	memset(lengthy, 'x', sizeof(lengthy));
	assert_int_equal(series_set_resolve(set, SB_STR(""), SB_STR(""), true, 9, &s), SB_E_NAME);
	assert_int_equal(series_set_resolve(set, SB_STR("a\nb"), SB_STR(""), true, 9, &s),
	                 SB_E_NAME);
	assert_int_equal(series_set_resolve(set, sb_str_of(lengthy, 129), SB_STR(""), true, 9, &s),
	                 SB_E_NAME);
	assert_int_equal(series_set_resolve(set, SB_STR("a"), sb_str_of(lengthy, 33), true, 9, &s),
	                 SB_E_NAME);
	assert_int_equal(series_set_resolve(set, sb_str_of(lengthy, 128), sb_str_of(lengthy, 32),
	                                    true, 9, &s),
	                 0);
	assert_int_equal(place(s, SB_T_F64), 0);
	assert_int_equal(series_set_count(set), 1);
}

static void a_device_may_have_only_so_many_series(void **state)
{
	(void)state;
	struct series_set *set = catalog_set(cat, 1);
	struct series *s = NULL;
	for (int i = 0; i < 5; i++) {
		char name[8];
		int n = snprintf(name, sizeof(name), "m%d", i);
		int r = series_set_resolve(set, sb_str_of(name, (size_t)n), SB_STR(""), true, 3,
		                           &s);
		assert_int_equal(r, i < 3 ? 0 : SB_E_QUOTA);
		if (r == 0 && i != 1)
			assert_int_equal(place(s, SB_T_F64), 0);
	}
	assert_int_equal(series_set_count(set), 2); /* names are counted, whoever makes them */
}

static void a_unit_may_come_later_but_only_once(void **state)
{
	(void)state;
	struct series_set *set = catalog_set(cat, 1);
	struct series *s = resolve(set, "temp", "");
	assert_int_equal(place(s, SB_T_F64), 0);
	assert_int_equal(series_unit(s).n, 0);
	resolve(set, "temp", "Cel");
	assert_int_equal(defined.n, 2);
	assert_true(text_is(series_unit(s), "Cel"));
	struct series *kelvin = resolve(set, "temp", "K");
	assert_true(text_is(series_unit(s), "Cel"));
	assert_int_equal(defined.n, 2);
	/* Values of two units never stand side by side: the other goes on beside it. */
	assert_ptr_not_equal(kelvin, s);
	assert_true(text_is(kelvin->name, "temp@K"));
	assert_true(text_is(series_unit(kelvin), "K"));
	assert_ptr_equal(resolve(set, "temp", "K"), kelvin);
	assert_ptr_equal(resolve(set, "temp", "Cel"), s);
	assert_ptr_equal(resolve(set, "temp", ""), s);
}

static void units_that_flip_run_into_the_limit_of_the_device(void **state)
{
	(void)state;
	struct series_set *set = catalog_set(cat, 1);
	struct series *s;
	int refused = 0;
	for (int i = 0; i < 1000; i++) {
		char unit[16];
		int n = snprintf(unit, sizeof(unit), "u%d", i);
		int r = series_set_resolve(set, SB_STR("m"), sb_str_of(unit, (size_t)n), true, 10,
		                           &s);
		assert_true(r == 0 || r == SB_E_QUOTA);
		refused += r < 0;
	}
	assert_int_equal(refused, 990);
}

static void a_kind_is_what_people_say_else_what_a_plugin_said_first(void **state)
{
	(void)state;
	static struct docs docs;
	struct catalog *other = NULL;
	struct series *s = resolve(catalog_set(cat, 1), "energy", "");
	assert_int_equal(catalog_kind(cat, s, SB_KIND_COUNTER, false), 0);
	assert_int_equal(defined.n, 0);
	assert_int_equal(place(s, SB_T_F64), 0);
	assert_int_equal(catalog_kind(cat, s, SB_KIND_GAUGE, false), 0);
	assert_int_equal(s->kind, SB_KIND_COUNTER);
	assert_int_equal(catalog_kind(cat, s, 77, false), 0); /* of a later host */
	assert_int_equal(catalog_kind(cat, s, 77, true), SB_E_RANGE);
	assert_int_equal(defined.n, 1);
	assert_int_equal(catalog_kind(cat, s, SB_KIND_STATE, true), 0);
	assert_int_equal(catalog_save(cat, &docs), 0);
	assert_int_equal(defined.n, 2);
	assert_int_equal(catalog_new(&other, define, &defined), 0);
	assert_int_equal(catalog_load(other, &docs), 0);
	assert_int_equal(catalog_series(other, series_handle(s))->kind, SB_KIND_STATE);
	for (uint32_t i = 0; i < defined.n; i++)
		assert_int_equal(catalog_apply(other, defined.at[i]), 0);
	assert_int_equal(catalog_series(other, series_handle(s))->kind, SB_KIND_STATE);
	catalog_free(other);
	/* Nobody said anything again. */
	assert_int_equal(catalog_kind(cat, s, SB_KIND_UNKNOWN, true), 0);
	assert_int_equal(kind_of(s), SB_KIND_GAUGE);
	defined.fail = -EIO;
	assert_int_equal(catalog_kind(cat, s, SB_KIND_EVENT, true), -EIO);
	assert_int_equal(s->kind, SB_KIND_UNKNOWN);
	defined.fail = 0;
	fake_docs_fini(&docs);
}

static void a_record_from_before_there_were_kinds_is_read(void **state)
{
	(void)state;
	assert_int_equal(place(resolve(catalog_set(cat, 1), "old", ""), SB_T_BOOL), 0);
	uint8_t *p = (uint8_t *)(uintptr_t)defined.at[0].p;
	p[1] = 1; /* its version; the kind is in bits that were 0 */
	struct catalog *other = NULL;
	assert_int_equal(catalog_new(&other, define, &defined), 0);
	assert_int_equal(catalog_apply(other, defined.at[0]), 0);
	assert_int_equal(kind_of(series_set_first(catalog_set(other, 1))), SB_KIND_STATE);
	p[1] = 3; /* and one of later */
	assert_int_equal(catalog_apply(other, defined.at[0]), SB_E_CORRUPT);
	catalog_free(other);
}

static void an_aggregate_fits_or_the_kind_tells_which_do(void **state)
{
	(void)state;
	char fits[200];
	assert_true(kind_fits(SB_KIND_COUNTER, AGGREGATE_INCREASE));
	assert_false(kind_fits(SB_KIND_GAUGE, AGGREGATE_INCREASE));
	assert_string_equal(kind_fitting(SB_KIND_STATE, fits, sizeof(fits)),
	                    "count, first, last, duration, transitions");
	assert_string_equal(kind_fitting(SB_KIND_COUNTER, fits, sizeof(fits)),
	                    "count, min, max, first, last, increase, rate");
	for (int a = 0; a < AGGREGATES; a++) {
		const char *name = kind_aggregate_name((enum aggregate)a);
		assert_int_equal(kind_aggregate(sb_str_of(name, strlen(name))), a);
	}
	assert_int_equal(kind_aggregate(SB_STR("median")), -1);
	assert_int_equal(kind_find(SB_STR("absolute")), SB_KIND_ABSOLUTE);
	assert_int_equal(kind_find(SB_STR("unknown")), -1);
}

static void nothing_is_seen_that_the_journal_did_not_take(void **state)
{
	(void)state;
	struct series_set *set = catalog_set(cat, 1);
	struct series *s = resolve(set, "a", "");
	struct series *t = NULL;
	const uint8_t types[] = { SB_T_F64 };
	defined.fail = -EIO;
	assert_int_equal(catalog_place(cat, &s, types, 1), -EIO);
	assert_int_equal(s->places[SB_T_F64].stream, 0);
	assert_int_equal(series_set_count(set), 0);
	defined.fail = 0;
	assert_int_equal(series_set_resolve(set, SB_STR("c"), SB_STR(""), true, 9, &t), 0);
	assert_int_equal(t->no, 2);
	assert_int_equal(catalog_place(cat, &t, types, 1), 0);
	assert_int_equal(t->places[SB_T_F64].stream, 1);
	assert_int_equal(t->places[SB_T_F64].column, 0);
}

static void series_of_one_message_share_a_stream_until_it_is_full(void **state)
{
	(void)state;
	struct series_set *set = catalog_set(cat, 3);
	struct series *series[100];
	uint8_t types[100];
	for (int i = 0; i < 100; i++) {
		char name[8];
		(void)snprintf(name, sizeof(name), "m%d", i);
		series[i] = resolve(set, name, "");
		types[i] = SB_T_F64;
	}
	assert_int_equal(catalog_place(cat, series, types, 10), 0);
	assert_int_equal(catalog_place(cat, series + 9, types, 91), 0);
	for (int i = 0; i < 100; i++) {
		const struct series_place *p = &series[i]->places[SB_T_F64];
		assert_int_equal(p->stream, i < 64 ? 1 : 2);
		assert_int_equal(p->column, i % 64);
		assert_ptr_equal(catalog_at(cat, p->stream, p->column), series[i]);
	}
	assert_int_equal(catalog_stream_device(cat, 1), 3);
	assert_int_equal(catalog_stream_device(cat, 3), 0);
	types[0] = SB_T_STR;
	assert_int_equal(catalog_place(cat, series, types, 2), 0);
	assert_int_equal(series[0]->places[SB_T_STR].stream, 3);
	assert_int_equal(series[0]->places[SB_T_F64].stream, 1);
}

static void devices_never_share_a_stream(void **state)
{
	(void)state;
	struct series *s[2] = { resolve(catalog_set(cat, 1), "a", ""),
		                resolve(catalog_set(cat, 2), "a", "") };
	const uint8_t types[] = { SB_T_I64, SB_T_I64 };
	assert_int_equal(catalog_place(cat, s, types, 2), SB_E_TYPE);
	assert_int_equal(catalog_place(cat, s, types, 1), 0);
	assert_int_equal(catalog_place(cat, s + 1, types, 1), 0);
	assert_int_not_equal(s[0]->places[SB_T_I64].stream, s[1]->places[SB_T_I64].stream);
}

static void check_same(struct catalog *other)
{
	for (uint32_t dev = 1; dev <= 3; dev++) {
		struct series *a = series_set_first(catalog_set(cat, dev));
		struct series *b = series_set_first(catalog_set(other, dev));
		for (; a && b; a = a->next_of_device, b = b->next_of_device) {
			assert_int_equal(a->no, b->no);
			assert_true(text_equal(a->name, b->name));
			assert_true(text_equal(series_unit(a), series_unit(b)));
			for (int t = 0; t < SERIES_TYPES; t++) {
				assert_int_equal(a->places[t].stream, b->places[t].stream);
				assert_int_equal(a->places[t].column, b->places[t].column);
			}
		}
		assert_ptr_equal(a, b);
	}
}

static void fill_some(void)
{
	for (uint32_t dev = 1; dev <= 3; dev++) {
		struct series_set *set = catalog_set(cat, dev);
		struct series *s[3] = { resolve(set, "temp", ""), resolve(set, "hum", "%"),
			                resolve(set, "text", "") };
		const uint8_t types[] = { SB_T_F64, SB_T_I64, SB_T_STR };
		assert_int_equal(catalog_place(cat, s, types, dev), 0);
		resolve(set, "temp", "Cel");
	}
}

static void replaying_definitions_any_number_of_times_gives_the_same(void **state)
{
	(void)state;
	struct catalog *other = NULL;
	fill_some();
	assert_int_equal(catalog_new(&other, define, &defined), 0);
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < defined.n; i++)
			assert_int_equal(catalog_apply(other, defined.at[i]), 0);
	check_same(other);
	struct series *s = NULL;
	assert_int_equal(series_set_resolve(catalog_set(other, 1), SB_STR("new"), SB_STR(""), true,
	                                    9, &s),
	                 0);
	assert_int_equal(s->no, 10);
	catalog_free(other);
}

static void documents_and_later_records_give_the_same(void **state)
{
	(void)state;
	static struct docs docs;
	struct catalog *other = NULL;
	fill_some();
	docs.fail = -EIO;
	assert_int_equal(catalog_save(cat, &docs), -EIO);
	docs.fail = 0;
	assert_int_equal(catalog_save(cat, &docs), 0);
	assert_int_equal(docs.puts, 3);
	assert_int_equal(catalog_save(cat, &docs), 0);
	assert_int_equal(docs.puts, 3);
	uint32_t saved = defined.n;
	assert_int_equal(place(resolve(catalog_set(cat, 2), "later", ""), SB_T_F64), 0);
	assert_int_equal(catalog_new(&other, define, &defined), 0);
	assert_int_equal(catalog_load(other, &docs), 0);
	for (uint32_t i = saved - 2; i < defined.n; i++)
		assert_int_equal(catalog_apply(other, defined.at[i]), 0);
	check_same(other);
	assert_int_equal(catalog_save(other, &docs), 0);
	assert_int_equal(docs.puts, 4);
	catalog_free(other);
	fake_docs_fini(&docs);
}

static void damaged_records_are_refused(void **state)
{
	(void)state;
	fill_some();
	for (uint32_t i = 0; i < defined.n; i++) {
		struct catalog *other = NULL;
		assert_int_equal(catalog_new(&other, define, &defined), 0);
		uint8_t copy[256];
		for (size_t n = 0; n < defined.at[i].n; n++) {
			memcpy(copy, defined.at[i].p, n);
			assert_int_equal(catalog_apply(other, (struct sb_bytes){ copy, n }),
			                 SB_E_CORRUPT);
		}
		catalog_free(other);
	}
}

/* ---- many threads */

#define THREADS 4
#define NAMES   600

static void *resolver(void *ud)
{
	struct series_set *set = catalog_set(cat, 5);
	uint32_t seed = *(uint32_t *)ud;
	for (int i = 0; i < NAMES * 3; i++) {
		char name[16];
		struct series *s = NULL;
		seed = seed * 1664525 + 1013904223;
		int n = snprintf(name, sizeof(name), "name%u", seed / 7 % NAMES);
		int r = series_set_resolve(set, sb_str_of(name, (size_t)n), SB_STR("V"), true,
		                           NAMES, &s);
		if (r < 0 || !text_is(s->name, name) || catalog_series(cat, series_handle(s)) != s)
			return ud; /* lost */
		uint8_t type = SB_T_F64;
		if (!s->places[type].stream && catalog_place(cat, &s, &type, 1) < 0)
			return ud; /* not placed */
		if (catalog_at(cat, s->places[type].stream, s->places[type].column) != s)
			return ud; /* misplaced */
	}
	return NULL;
}

static void threads_that_make_the_same_series_agree(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	uint32_t seeds[THREADS] = { 1, 2, 3, 4 };
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, resolver, &seeds[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		void *r = NULL;
		pthread_join(threads[i], &r);
		assert_null(r);
	}
	assert_in_range(series_set_count(catalog_set(cat, 5)), NAMES / 2, NAMES);
	assert_int_equal(defined.n, series_set_count(catalog_set(cat, 5)));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_series_is_made_once_and_defined_before_it_is_seen),
		T(a_series_without_a_value_leaves_nothing_behind),
		T(names_and_units_from_outside_are_checked),
		T(a_device_may_have_only_so_many_series),
		T(a_unit_may_come_later_but_only_once),
		T(units_that_flip_run_into_the_limit_of_the_device),
		T(a_kind_is_what_people_say_else_what_a_plugin_said_first),
		T(a_record_from_before_there_were_kinds_is_read),
		T(an_aggregate_fits_or_the_kind_tells_which_do),
		T(nothing_is_seen_that_the_journal_did_not_take),
		T(series_of_one_message_share_a_stream_until_it_is_full),
		T(devices_never_share_a_stream),
		T(replaying_definitions_any_number_of_times_gives_the_same),
		T(documents_and_later_records_give_the_same),
		T(damaged_records_are_refused),
		T(threads_that_make_the_same_series_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
