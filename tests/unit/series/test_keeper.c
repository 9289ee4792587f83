#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/reserve.h"
#include "check.h"
#include "series/blocks.h"
#include "series/fake_docs.h"
#include "series/fake_journal.h"
#include "series/fake_store.h"
#include "series/flush.h"
#include "series/keeper.h"
#include "series/series.h"

#define MIB     1048576ULL
#define NOW     1790000000000000000LL
#define RESERVE (4 * MIB)

static char path[] = "reserve-XXXXXX";
static uint64_t room;
static struct reserve *reserve;
static struct blocks blocks;
static struct series_config config;
static struct keeper keeper;

static void space(void *ud, uint64_t *left, uint64_t *total)
{
	(void)ud;
	*left = room;
	*total = 1000 * MIB;
}

/* What droppable blocks are of; the store tells of one of them. */
static void there_is(const char *class_, int64_t t_max_ns)
{
	struct fake_block b;
	fake_block_begin(&b, &(struct sb_block){ .class_ = sb_str_of(class_, strlen(class_)),
	                                         .t_max_ns = t_max_ns });
	fake_block_add(&b);
}

static int fresh(void **state)
{
	(void)state;
	clock_set(NOW, NS_PER_S);
	room = 500 * MIB;
	keeper = (struct keeper){ 0 };
	there_is("raw", NOW - 2 * 86400 * NS_PER_S);
	config = (struct series_config){
		.journal = &fake_journal,
		.space = space,
		.low_water = 100 * MIB,
		.keep_ns = 3600 * NS_PER_S,
	};
	return reserve_new(&reserve, path, RESERVE) < 0 || blocks_attach(&blocks, NULL) < 0 ||
	       keeper_init(&keeper, &config, &blocks, NULL) < 0;
}

static int end(void **state)
{
	(void)state;
	keeper_fini(&keeper);
	reserve = reserve_free(reserve);
	(void)unlink(path);
	fake_store_reset();
	fake_journal_reset();
	clock_set(0, 0);
	return 0;
}

static enum series_space_state turn(uint64_t free_bytes, struct series_space *out)
{
	room = free_bytes;
	keeper_turn(&keeper);
	keeper_stats(&keeper, out);
	return out->state;
}

static uint64_t on_disk(void)
{
	struct stat st;
	return stat(path, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

/* ---- low water */

static void above_low_water_nothing_is_dropped(void **state)
{
	struct series_space s;

	(void)state;
	fake_store.droppable = 9;
	assert_int_equal(turn(100 * MIB, &s), SERIES_SPACE_OK);
	assert_int_equal(fake_store.droppable, 9);
}

static void below_it_as_much_goes_as_is_missing_but_nothing_young(void **state)
{
	struct series_space s;

	(void)state;
	fake_store.droppable = 100;
	assert_int_equal(turn(99 * MIB, &s), SERIES_SPACE_LOW);
	assert_int_equal(fake_store.order.before_ns, NOW - 3600 * NS_PER_S);
	assert_int_equal(fake_store.order.bytes, 112 * MIB + MIB / 2 - 99 * MIB);
	assert_int_equal(s.low_blocks, 14);
	assert_int_equal(s.low_bytes, 14 * MIB);
	assert_int_equal(s.aged_blocks, 0);
}

static void it_goes_on_only_when_what_went_is_free(void **state)
{
	struct series_space s;

	(void)state;
	fake_store.droppable = 100;
	assert_int_equal(turn(99 * MIB, &s), SERIES_SPACE_LOW);
	assert_int_equal(turn(99 * MIB, &s), SERIES_SPACE_LOW); /* readers hold the files */
	assert_int_equal(s.low_blocks, 14);
	assert_int_equal(turn(105 * MIB, &s), SERIES_SPACE_LOW); /* not enough yet */
	assert_int_equal(s.low_blocks, 14 + 8);
	assert_int_equal(turn(113 * MIB, &s), SERIES_SPACE_OK);
	assert_int_equal(turn(105 * MIB, &s), SERIES_SPACE_OK);
	assert_int_equal(s.low_blocks, 14 + 8);
}

static void it_says_when_all_that_is_left_is_to_be_kept(void **state)
{
	struct series_space s;

	(void)state;
	assert_int_equal(turn(50 * MIB, &s), SERIES_SPACE_KEPT);
	assert_int_equal(s.low_blocks, 0);
}

static void a_disk_nobody_knows_is_left_alone(void **state)
{
	struct series_space s;

	(void)state;
	config.space = NULL;
	fake_store.droppable = 9;
	assert_int_equal(turn(0, &s), SERIES_SPACE_OK);
	assert_int_equal(fake_store.droppable, 9);
}

/* ---- age */

static const struct retention a_day = { .at = { { "raw", 86400 * NS_PER_S } }, .n = 1 };

static void what_is_older_goes_however_much_room_there_is(void **state)
{
	struct series_space s;

	(void)state;
	keeper.retention = a_day;
	fake_store.droppable = 3;
	clock_set(NOW, 59 * NS_PER_S);
	keeper.age_at_ns = 60 * NS_PER_S;
	(void)turn(500 * MIB, &s);
	assert_int_equal(s.aged_blocks, 0);
	clock_set(NOW, 61 * NS_PER_S);
	assert_int_equal(turn(500 * MIB, &s), SERIES_SPACE_OK);
	assert_int_equal(s.aged_blocks, 3);
	assert_int_equal(fake_store.order.before_ns, NOW - 2 * 86400 * NS_PER_S + 1);
	fake_store.droppable = 3;
	(void)turn(500 * MIB, &s);
	assert_int_equal(s.aged_blocks, 3); /* not at once again */
}

/* Each droppable block is of the class that is asked for first. */
static void raw_values_go_before_their_tiers(void **state)
{
	struct series_space s;

	(void)state;
	*fake_asked = 0;
	there_is("1h", NOW - 900 * 86400 * NS_PER_S);
	there_is("raw-fast", NOW - 3 * 86400 * NS_PER_S);
	keeper.retention = (struct retention){ .at = { { "raw", 90 * 86400 * NS_PER_S },
		                                       { "raw-fast", 10 * 86400 * NS_PER_S } },
		                               .n = 2 };
	fake_store.droppable = 100;
	(void)turn(99 * MIB, &s);
	assert_string_equal(fake_asked, "raw-fast");
	fake_store.droppable = 0;
	*fake_asked = 0;
	clock_set(NOW, 100 * NS_PER_S);
	(void)turn(98 * MIB, &s);
	assert_string_equal(fake_asked, "raw-fast raw 1h");
}

static void a_store_of_1_0_drops_by_age_only(void **state)
{
	struct series_space s;

	(void)state;
	fake_store.is_1_0 = true;
	assert_int_equal(blocks_attach(&blocks, NULL), 0);
	config.retention_class = "raw";
	keeper.retention = a_day;
	keeper.age_at_ns = 0;
	(void)turn(500 * MIB, &s);
	assert_int_equal(fake_store.dropped_before, NOW - 86400 * NS_PER_S);
	fake_store.dropped_before = 0;
	assert_int_equal(turn(50 * MIB, &s), SERIES_SPACE_LOW);
	assert_int_equal(fake_store.dropped_before, 0);
}

/* ---- the reserve */

static void the_reserve_is_really_there(void **state)
{
	struct series_space s;

	(void)state;
	config.reserve = reserve;
	assert_int_equal(turn(500 * MIB, &s), SERIES_SPACE_OK);
	assert_true(on_disk() >= RESERVE);
	assert_int_equal(s.reserve_held, RESERVE);
	assert_false(fake_journal.hold);
}

static void a_full_disk_gets_it_back_and_the_journal_none_of_it(void **state)
{
	struct series_space s;

	(void)state;
	config.reserve = reserve;
	config.low_water = 0;
	(void)turn(500 * MIB, &s);
	assert_int_equal(turn(RESERVE / 4, &s), SERIES_SPACE_OK);
	assert_int_equal(turn(RESERVE / 4 - 1, &s), SERIES_SPACE_RESERVE);
	assert_int_equal(on_disk(), RESERVE / 4);
	assert_true(fake_journal.hold);
	assert_int_equal(turn(RESERVE, &s), SERIES_SPACE_RESERVE);
	assert_int_equal(turn(RESERVE + RESERVE / 2 - 1, &s), SERIES_SPACE_RESERVE);
	assert_true(fake_journal.hold);
	assert_int_equal(turn(RESERVE + RESERVE / 2, &s), SERIES_SPACE_OK);
	assert_true(on_disk() >= RESERVE);
	assert_false(fake_journal.hold);
}

static void whoever_finds_the_disk_full_gets_it_once(void **state)
{
	struct series_space s;

	(void)state;
	config.reserve = reserve;
	assert_false(keeper_make_room(&keeper, true));
	(void)turn(500 * MIB, &s);
	assert_true(keeper_make_room(&keeper, false));
	assert_true(fake_journal.hold);
	assert_false(keeper_make_room(&keeper, false));
	assert_int_equal(on_disk(), RESERVE / 4); /* which is for documents alone */
	assert_true(keeper_make_room(&keeper, true));
	assert_int_equal(on_disk(), 0);
	assert_false(keeper_make_room(&keeper, true));
}

static void what_was_given_back_makes_no_new_reserve(void **state)
{
	struct series_space s;

	(void)state;
	config.reserve = reserve;
	config.low_water = 0;
	(void)turn(500 * MIB, &s);
	assert_true(
		keeper_make_room(&keeper, false)); /* 3 MiB were free, a block of 4 did not fit */
	assert_int_equal(turn(3 * MIB + RESERVE, &s), SERIES_SPACE_RESERVE);
	assert_true(!keeper_make_room(&keeper, false) && fake_journal.hold);
	assert_int_equal(turn(3 * MIB, &s), SERIES_SPACE_RESERVE); /* the block is written */
	assert_int_equal(turn(3 * MIB + RESERVE - 1, &s), SERIES_SPACE_RESERVE);
	assert_int_equal(turn(3 * MIB + RESERVE, &s), SERIES_SPACE_OK);
	assert_false(fake_journal.hold);
}

static void low_water_makes_room_for_a_reserve_that_was_given_back(void **state)
{
	struct series_space s;

	(void)state;
	config.reserve = reserve;
	config.low_water = RESERVE;
	(void)turn(500 * MIB, &s);
	assert_true(keeper_make_room(&keeper, false));
	fake_store.droppable = 100;
	assert_int_equal(turn(RESERVE, &s), SERIES_SPACE_RESERVE);
	assert_int_equal(fake_store.order.bytes, 2 * RESERVE + RESERVE / 8);
	assert_int_equal(turn(RESERVE + fake_store.order.bytes, &s), SERIES_SPACE_OK);
}

static void its_last_quarter_is_not_for_blocks(void **state)
{
	struct series_space s;

	(void)state;
	config.reserve = reserve;
	(void)turn(500 * MIB, &s);
	room = 0;
	assert_true(keeper_allows_block(&keeper));
	assert_true(keeper_make_room(&keeper, false));
	assert_true(keeper_allows_block(&keeper)); /* the quarter is still held */
	assert_true(keeper_make_room(&keeper, true));
	room = RESERVE / 4;
	assert_true(keeper_allows_block(&keeper));
	room = RESERVE / 4 - 1;
	assert_false(keeper_allows_block(&keeper));
}

static void too_little_room_at_the_start_makes_none_until_there_is(void **state)
{
	struct series_space s;

	(void)state;
	config.reserve = reserve;
	config.low_water = 0;
	assert_int_equal(turn(RESERVE, &s), SERIES_SPACE_RESERVE);
	assert_false(fake_journal.hold); /* there is room for a segment */
	assert_int_equal(turn(0, &s), SERIES_SPACE_RESERVE);
	assert_true(fake_journal.hold);
	assert_int_equal(turn(2 * RESERVE, &s), SERIES_SPACE_OK);
	assert_false(fake_journal.hold);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fresh, end)
	const struct CMUnitTest tests[] = {
		TEST(above_low_water_nothing_is_dropped),
		TEST(below_it_as_much_goes_as_is_missing_but_nothing_young),
		TEST(it_goes_on_only_when_what_went_is_free),
		TEST(it_says_when_all_that_is_left_is_to_be_kept),
		TEST(a_disk_nobody_knows_is_left_alone),
		TEST(what_is_older_goes_however_much_room_there_is),
		TEST(raw_values_go_before_their_tiers),
		TEST(a_store_of_1_0_drops_by_age_only),
		TEST(the_reserve_is_really_there),
		TEST(a_full_disk_gets_it_back_and_the_journal_none_of_it),
		TEST(whoever_finds_the_disk_full_gets_it_once),
		TEST(what_was_given_back_makes_no_new_reserve),
		TEST(low_water_makes_room_for_a_reserve_that_was_given_back),
		TEST(its_last_quarter_is_not_for_blocks),
		TEST(too_little_room_at_the_start_makes_none_until_there_is),
	};
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
