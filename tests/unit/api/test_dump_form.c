/* What is written (dump_form) and read again (load_text, load_csv, load_json, load_cbor) is the
 * same. */
#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/dump_form.h"
#include "api/load.h"
#include "api/load_cbor.h"
#include "api/load_csv.h"
#include "api/load_json.h"
#include "api/load_text.h"
#include "check.h"
#include "series/catalog.h"
#include "series/series.h"

static uint64_t random_state = 7;

static uint64_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static int set_up(void **state)
{
	struct load *ld;
	if (load_new(&ld) < 0)
		return -1;
	*state = ld;
	return 0;
}

static int tear_down(void **state)
{
	load_free(*state);
	return 0;
}

static void time_round(struct load *ld, int64_t ns)
{
	char text[DUMP_TIME];
	size_t n = dump_form_time(text, ns);
	int64_t back = 0;
	assert_true(n <= DUMP_TIME);
	assert_int_equal(load_text_iso(ld, sb_str_of(text, n), &back), 0);
	assert_true(back == ns);
}

static void every_time_of_64_bits_comes_back(void **state)
{
	static const int64_t edges[] = { 0,
		                         1,
		                         -1,
		                         999999999,
		                         -999999999,
		                         INT64_MIN,
		                         INT64_MAX,
		                         951782400000000000,
		                         -2208988800000000000 };
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		time_round(*state, edges[i]);
	for (int i = 0; i < 100000; i++)
		time_round(*state, (int64_t)(rnd() >> (i % 3 * 20)) / (i % 2 ? 1 : 1000000) *
		                           (i % 2 ? 1 : 1000000));
}

static void a_time_has_the_digits_it_needs(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} known[] = { { 0, "1970-01-01T00:00:00Z" },
		      { -1, "1969-12-31T23:59:59.999999999Z" },
		      { 1582934400500000000, "2020-02-29T00:00:00.500Z" },
		      { INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
		      { INT64_MIN, "1677-09-21T00:12:43.145224192Z" } };
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char text[DUMP_TIME];
		text[dump_form_time(text, known[i].ns)] = '\0';
		assert_string_equal(text, known[i].text);
	}
}

static void times_of_people_are_understood_or_refused(void **state)
{
	static const struct {
		const char *text;
		int64_t s;
	} good[] = { { "2026-01-02", 1767312000 },
		     { "2026-01-02 03:04", 1767323040 },
		     { "2026-01-02T03:04:05+01:30", 1767317645 },
		     { "2026-01-02T03:04:05-0100", 1767326645 },
		     { "2026-01-02T03:04:05,000z", 1767323045 } };
	static const char *const bad[] = { "",
		                           "2026",
		                           "2026-13-01",
		                           "2026-02-29",
		                           "2026-01-02T",
		                           "2026-01-02T25:00",
		                           "2026-01-02T03:04:05.",
		                           "2026-01-02T03:04:05.1234567891",
		                           "2026-01-02T03:04:60Z",
		                           "2026-01-02T03:04Zx",
		                           "2026-01-02T03:04+1",
		                           "1677-09-21T00:12:43.145224191Z",
		                           "2262-04-11T23:47:16.854775808Z",
		                           "9999-01-01" };
	int64_t ns;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(load_text_iso(*state,
		                               sb_str_of(good[i].text, strlen(good[i].text)), &ns),
		                 0);
		assert_true(ns == good[i].s * 1000000000);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(load_text_iso(*state, sb_str_of(bad[i], strlen(bad[i])), &ns),
		                 SB_E_MALFORMED);
	assert_int_equal(load_text_time(*state, SB_STR("-5.25"), 1000000, &ns), 0);
	assert_true(ns == -5250000);
	assert_int_equal(load_text_time(*state, SB_STR("1.1234567"), 1000000, &ns), SB_E_MALFORMED);
	assert_int_equal(load_text_time(*state, SB_STR("9223372036855"), 1000000, &ns),
	                 SB_E_MALFORMED);
}

/* One point through one format. */
static void point_round(struct load *ld, const struct dump_form *f, const struct series_point *p)
{
	struct series s = { .name = SB_STR("na,\"me"), .unit = SB_STR("[ppm]") };
	struct buffer out = { 0 };
	struct load_record *rec = &ld->record;
	int r;
	dump_form_head(f, &out);
	size_t head = out.n;
	if (head)
		assert_int_equal(load_header(ld, sb_str_of((const char *)out.p, head)), 0);
	dump_form_point(f, &out, "d\xc3\xa9v", &s, p);
	rec->n = 0;
	rec->has_ts = rec->has_rx = rec->has_flags = false;
	if (f->kind == DUMP_CSV)
		r = load_csv(ld, out.p + head, out.n - head - 1);
	else if (f->kind == DUMP_JSONL)
		r = load_json(ld, out.p, out.n - 1);
	else
		assert_int_equal(load_cbor(ld, out.p, out.n, false, &r), out.n);
	assert_int_equal(r, 0);
	assert_int_equal(rec->n, 1);
	assert_true(rec->ts_ns == p->ts_ns && rec->rx_ns == p->rx_ns && rec->flags == p->flags);
	const struct load_value *v = &rec->values[0];
	assert_int_equal(v->type, p->type);
	assert_int_equal(v->quality, p->quality);
	assert_int_equal(v->series.n, s.name.n);
	assert_memory_equal(v->series.p, s.name.p, s.name.n);
	assert_int_equal(v->unit.n, s.unit.n);
	if (p->type >= SB_T_STR) {
		assert_int_equal(v->v.blob.n, p->v.blob.n);
		if (p->v.blob.n)
			assert_memory_equal(v->v.blob.p, p->v.blob.p, p->v.blob.n);
	} else {
		assert_true(v->v.u == p->v.u);
	}
	buffer_fini(&out);
}

static struct series_point random_point(uint8_t bytes[static 64])
{
	struct series_point p = { .ts_ns = (int64_t)rnd(),
		                  .rx_ns = (int64_t)rnd(),
		                  .type = (uint8_t)(SB_T_BOOL + rnd() % 6),
		                  .quality = (uint8_t)rnd(),
		                  .flags = (uint16_t)rnd() };
	size_t n = rnd() % 64;
	if (p.type == SB_T_BOOL) {
		p.v.i = (int64_t)(rnd() & 1);
	} else if (p.type < SB_T_STR) {
		p.v.u = rnd() >> rnd() % 64;
		if (p.type == SB_T_F64 && rnd() % 4 == 0)
			p.v.u |= 0x7ff0000000000000u; /* infinities, all kinds of NaN */
	} else {
		for (size_t i = 0; i < n; i++)
			bytes[i] = p.type == SB_T_STR
			                   ? (uint8_t)("\"\\,\n\r\t \x01z;=0\x7f-A"[rnd() % 15])
			                   : (uint8_t)rnd();
		p.v.blob = (struct sb_bytes){ bytes, n };
	}
	return p;
}

static void every_point_comes_back_from_every_format(void **state)
{
	uint8_t bytes[64];
	for (int i = 0; i < 60000; i++) {
		struct series_point p = random_point(bytes);
		struct dump_form f = { .kind = (enum dump_kind)(i % 3), .ns = i % 2, .rx = true };
		point_round(*state, &f, &p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_time_of_64_bits_comes_back, set_up,
		                                tear_down),
		cmocka_unit_test(a_time_has_the_digits_it_needs),
		cmocka_unit_test_setup_teardown(times_of_people_are_understood_or_refused, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(every_point_comes_back_from_every_format, set_up,
		                                tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
