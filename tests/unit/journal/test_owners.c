#include "base/buffer.h"
#include "base/log.h"
#include "base/own.h"
#include "journal/kit.h"
#include "journal/owners.h"

struct world {
	struct kit kit;
	struct owners *owners;
};

static void open_owners(struct world *w)
{
	const struct owners_config config = { .journal = w->kit.j,
		                              .ask_bytes = 400 * 1000,
		                              .drop_bytes = 2000 * 1000 };
	assert_int_equal(owners_new(&w->owners, &config), 0);
}

static void start(struct world *w)
{
	kit_open(&w->kit);
	open_owners(w);
	kit_start(&w->kit);
}

static int note(void *ud, uint64_t seq, struct sb_bytes payload)
{
	return owners_note(ud, seq, payload);
}

static void restart(struct world *w)
{
	journal_ring_retire(w->kit.ring);
	w->kit.ring = NULL;
	journal_stop(w->kit.j);
	w->owners = owners_free(w->owners);
	kit_close(&w->kit);
	kit_open(&w->kit);
	open_owners(w);
	assert_int_equal(journal_replay(w->kit.j, 0, note, w->owners), 0);
	kit_start(&w->kit);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	log_init(LOG_LEVEL_ERROR + 1);
	kit_init(&w->kit);
	w->kit.config.segment_bytes = 256 * 1024;
	start(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	journal_stop(w->kit.j);
	owners_free(w->owners);
	kit_fini(&w->kit);
	free(w);
	return 0;
}

static struct owner *owner(struct world *w, const char *name)
{
	struct owner *o;
	assert_int_equal(owners_claim(w->owners, name, &o), 0);
	return o;
}

/* A record of n bytes that says which it is. */
static uint64_t write_one(struct world *w, struct owner *o, uint32_t what, size_t n)
{
	uint8_t bytes[OWNERS_HEAD_MAX];
	struct buffer head = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
	owner_head(o, &head);
	uint8_t *p = journal_ring_reserve(w->kit.ring, head.n + n);
	while (!p) {
		assert_int_equal(kit_wait(&w->kit), 0);
		p = journal_ring_reserve(w->kit.ring, head.n + n);
	}
	memcpy(p, head.p, head.n);
	memset(p + head.n, 'x', n);
	memcpy(p + head.n, &what, sizeof(what));
	uint64_t number = owner_wrote(o);
	journal_ring_commit(w->kit.ring, head.n + n);
	return number;
}

/* Records of nobody, so many bytes of them. */
static void write_others(struct world *w, size_t bytes)
{
	for (uint64_t i = 0; i < bytes / 8000; i++)
		kit_put(&w->kit, i, 8000);
	assert_int_equal(kit_wait(&w->kit), 0);
}

struct found {
	uint64_t n, numbers[64];
	uint32_t what[64];
	int32_t answer;
};

static int32_t found(void *ud, uint64_t number, struct sb_bytes record)
{
	struct found *f = ud;
	assert_true(record.n >= sizeof(uint32_t) && f->n < 64);
	f->numbers[f->n] = number;
	memcpy(&f->what[f->n++], record.p, sizeof(uint32_t));
	return f->answer;
}

static uint64_t segments(struct world *w)
{
	struct journal_stats stats;
	journal_stats(w->kit.j, &stats);
	return stats.segments;
}

static bool falls_below(struct world *w, uint64_t n)
{
	for (int i = 0; i < 10000 && segments(w) >= n; i++)
		kit_nap();
	return segments(w) < n;
}

static void each_owner_finds_its_own_records_in_order(void **state)
{
	struct world *w = *state;
	struct found f = { 0 };
	struct owner *a = owner(w, "mqtt"), *b = owner(w, "mqtt two");
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(write_one(w, a, i, 100), i + 1);
		write_one(w, b, 100 + i, 50);
		kit_put(&w->kit, i, 30);
	}
	assert_int_equal(kit_wait(&w->kit), 0);
	restart(w);
	a = owner(w, "mqtt");
	assert_int_equal(owner_replay(a, 0, found, &f), 0);
	assert_int_equal(f.n, 10);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(f.numbers[i], i + 1);
		assert_int_equal(f.what[i], i);
	}
	f = (struct found){ 0 };
	assert_int_equal(owner_replay(a, 7, found, &f), 0);
	assert_int_equal(f.n, 3);
	assert_int_equal(write_one(w, a, 1, 10), 11);
	f = (struct found){ .answer = SB_E_CORRUPT };
	assert_int_equal(owner_replay(owner(w, "mqtt two"), 0, found, &f), SB_E_CORRUPT);
	assert_int_equal(f.what[0], 100);
	assert_int_equal(owner_replay(owner(w, "nobody"), 0, found, &f), 0);
}

static void numbers_go_on_behind_what_the_owner_remembers(void **state)
{
	struct world *w = *state;
	struct found f = { 0 };
	struct owner *o = owner(w, "rules");
	assert_int_equal(owner_replay(o, 5000, found, &f), 0);
	assert_int_equal(f.n, 0);
	assert_int_equal(write_one(w, o, 1, 10), 5001);
}

static void what_is_needed_is_not_recycled_and_what_is_not_is(void **state)
{
	struct world *w = *state;
	struct found f = { 0 };
	struct owner *o = owner(w, "mqtt");
	write_one(w, o, 1, 100);
	write_others(w, 1200 * 1000);
	uint64_t last = write_one(w, o, 2, 100);
	assert_int_equal(kit_wait(&w->kit), 0);
	uint64_t before = segments(w);
	assert_true(before > 4);
	journal_checkpoint(w->kit.j, journal_seq(w->kit.j));
	write_others(w, 300 * 1000);
	assert_true(segments(w) >= before);
	owner_checkpoint(o, last - 1);
	journal_checkpoint(w->kit.j, journal_seq(w->kit.j));
	assert_true(falls_below(w, 5));
	restart(w);
	assert_int_equal(owner_replay(owner(w, "mqtt"), 0, found, &f), 0);
	assert_true(f.n >= 1);
	assert_int_equal(f.what[f.n - 1], 2);
	owner_checkpoint(owner(w, "mqtt"), last);
	write_others(w, 600 * 1000);
	journal_checkpoint(w->kit.j, journal_seq(w->kit.j));
	assert_true(falls_below(w, 4));
}

static void an_owner_far_behind_is_asked_and_writes_anew(void **state)
{
	struct world *w = *state;
	struct owner *o = owner(w, "mqtt");
	write_one(w, o, 1, 100);
	assert_int_equal(kit_wait(&w->kit), 0);
	assert_int_equal(owner_behind(o), 0);
	write_others(w, 500 * 1000);
	uint64_t upto = owner_behind(o);
	assert_int_equal(upto, 1);
	write_one(w, o, 1, 100);
	assert_int_equal(kit_wait(&w->kit), 0);
	owner_checkpoint(o, upto);
	assert_int_equal(owner_behind(o), 0);
}

static void one_that_never_answers_does_not_hold_the_journal_for_ever(void **state)
{
	struct world *w = *state;
	struct found f = { 0 };
	struct owner *o = owner(w, "deaf");
	write_one(w, o, 1, 100);
	write_others(w, 2500 * 1000);
	write_one(w, o, 2, 100);
	assert_int_equal(kit_wait(&w->kit), 0);
	uint64_t before = segments(w);
	owners_look(w->owners);
	journal_checkpoint(w->kit.j, journal_seq(w->kit.j));
	assert_true(falls_below(w, before - 4));
	restart(w);
	assert_int_equal(owner_replay(owner(w, "deaf"), 0, found, &f), 0);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.what[0], 2);
}

static void records_of_who_is_gone_are_kept_for_a_while(void **state)
{
	struct world *w = *state;
	struct found f = { 0 };
	write_one(w, owner(w, "gone"), 7, 100);
	assert_int_equal(kit_wait(&w->kit), 0);
	restart(w);
	owners_look(w->owners);
	write_others(w, 1000 * 1000);
	journal_checkpoint(w->kit.j, journal_seq(w->kit.j));
	restart(w); /* it is back */
	assert_int_equal(owner_replay(owner(w, "gone"), 0, found, &f), 0);
	assert_int_equal(f.n, 1);
	restart(w);
	write_others(w, 2500 * 1000);
	owners_look(w->owners);
	uint64_t before = segments(w);
	journal_checkpoint(w->kit.j, journal_seq(w->kit.j));
	assert_true(falls_below(w, before - 4));
}

static void a_record_that_is_not_one_belongs_to_nobody(void **state)
{
	struct world *w = *state;
	const uint8_t cut[] = { 5, 1, 9, 'a' }, newer[] = { 5, 99, 1, 'a', 1 }, empty[] = { 5 };
	assert_int_equal(owners_note(w->owners, 1, (struct sb_bytes){ cut, sizeof(cut) }), 0);
	assert_int_equal(owners_note(w->owners, 2, (struct sb_bytes){ newer, sizeof(newer) }), 0);
	assert_int_equal(owners_note(w->owners, 3, (struct sb_bytes){ empty, sizeof(empty) }), 0);
	assert_int_equal(owners_note(w->owners, 4, (struct sb_bytes){ NULL, 0 }), 0);
	struct owner *o;
	assert_int_equal(owners_claim(w->owners, "", &o), SB_E_NAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(each_owner_finds_its_own_records_in_order),
		TEST(numbers_go_on_behind_what_the_owner_remembers),
		TEST(what_is_needed_is_not_recycled_and_what_is_not_is),
		TEST(an_owner_far_behind_is_asked_and_writes_anew),
		TEST(one_that_never_answers_does_not_hold_the_journal_for_ever),
		TEST(records_of_who_is_gone_are_kept_for_a_while),
		TEST(a_record_that_is_not_one_belongs_to_nobody),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
