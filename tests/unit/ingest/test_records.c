#include "ingest/world.h"
#include "journal/bad_disk.h"

static struct bad_disk disk;
static const struct sb_journal *records;

static int setup(void **state)
{
	struct world *w = malloc(sizeof(*w));
	world_init(w);
	bad_disk_init(&disk);
	w->journal_config.disk = &disk.ops;
	world_start(w);
	records = world_service(w, "sb.journal/1");
	assert_non_null(records);
	log_init(LOG_LEVEL_ERROR + 1);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_fini(*state);
	free(*state);
	return 0;
}

static int32_t append(struct world *w, const void *p, size_t n, sb_token token, uint64_t *position)
{
	return records->append(instance_handle(&w->adapter), (struct sb_bytes){ p, n }, token,
	                       position);
}

struct found {
	uint64_t n, first, last;
	char newest[64];
};

static int32_t found(void *ud, uint64_t position, struct sb_bytes record)
{
	struct found *f = ud;
	if (!f->n++)
		f->first = position;
	f->last = position;
	assert_true(record.n < sizeof(f->newest));
	memcpy(f->newest, record.p, record.n);
	f->newest[record.n] = 0;
	return 0;
}

static void replay(struct world *w, uint64_t after, struct found *f)
{
	*f = (struct found){ 0 };
	assert_int_equal(records->replay(instance_handle(&w->adapter), after, found, f), 0);
}

static void records_and_telemetry_complete_in_one_order(void **state)
{
	struct world *w = *state;
	struct device *dev = world_device(w, "d1");
	uint64_t position, before;
	char text[32];
	assert_int_equal(append(w, "one", 3, 0, &before), SB_PENDING);
	for (sb_token i = 1; i < 300; i++) {
		snprintf(text, sizeof(text), "a %d", (int)i);
		if (i % 3) {
			assert_int_equal(world_submit(w, dev, text, i), SB_PENDING);
			continue;
		}
		assert_int_equal(append(w, text, strlen(text), i, &position), SB_PENDING);
		assert_int_equal(position, before + 1);
		before = position;
	}
	world_wait(w, 300);
	for (sb_token i = 0; i < 300; i++) {
		assert_int_equal(w->done[i].token, i);
		assert_int_equal(w->done[i].status, 0);
	}
	assert_int_equal(w->points, 200); /* and records are no points */
	struct found f;
	replay(w, 0, &f);
	assert_int_equal(f.n, 100);
	assert_int_equal(f.last, before);
	assert_string_equal(f.newest, "a 297");
}

static void a_record_that_is_too_long_is_refused_and_a_full_ring_is_back_pressure(void **state)
{
	struct world *w = *state;
	_own_(freep) char *big = calloc(1, SB_JOURNAL_RECORD_MAX + 1);
	uint64_t n = 0;
	int32_t r;
	assert_int_equal(append(w, big, SB_JOURNAL_RECORD_MAX + 1, 0, NULL), SB_E_RANGE);
	while ((r = append(w, big, SB_JOURNAL_RECORD_MAX, n, NULL)) == SB_PENDING)
		n++;
	assert_int_equal(r, SB_AGAIN);
	assert_true(n >= 2);
	world_wait(w, n);
	assert_true(w->n_writable > 0);
	assert_int_equal(append(w, big, SB_JOURNAL_RECORD_MAX, n, NULL), SB_PENDING);
	world_wait(w, n + 1);
}

static void an_instance_that_starts_again_finds_what_it_wrote(void **state)
{
	struct world *w = *state;
	struct found f;
	for (int i = 0; i < 50; i++)
		assert_int_equal(append(w, "state", 5, 0, NULL), SB_PENDING);
	world_stop_instance(w, &w->adapter); /* nothing of it has been seen on disk yet */
	w->host.n_instances = 0;
	world_start_instance(w, &w->adapter);
	replay(w, 0, &f);
	assert_int_equal(f.n, 50);
	replay(w, 45, &f);
	assert_int_equal(f.n, 5);
}

static void a_checkpoint_waits_for_what_was_appended_before_it(void **state)
{
	struct world *w = *state;
	struct found f;
	uint64_t old, fresh;
	assert_int_equal(append(w, "old", 3, 0, &old), SB_PENDING);
	world_wait(w, 1);
	disk.sync_fails = 1000;
	disk.open_fails = 1000;
	assert_int_equal(append(w, "new", 3, 1, &fresh), SB_PENDING);
	assert_int_equal(records->checkpoint(instance_handle(&w->adapter), old), 0);
	world_wait(w, 2);
	assert_true(w->done[1].status < 0);
	disk.sync_fails = 0;
	disk.open_fails = 0;
	replay(w, 0, &f); /* what was to take its place was lost, so it still counts */
	assert_int_equal(f.first, old);
	int32_t status = -1;
	for (int i = 0; i < 3000 && status < 0; i++) {
		uint64_t n = w->n_done;
		assert_int_equal(append(w, "new", 3, 2, &fresh), SB_PENDING);
		assert_int_equal(records->checkpoint(instance_handle(&w->adapter), old), 0);
		world_wait(w, n + 1);
		status = w->done[n % 1024].status;
	}
	assert_int_equal(status, 0);
	replay(w, old, &f);
	assert_int_equal(f.last, fresh);
	assert_string_equal(f.newest, "new");
}

static uint64_t asked;

static void on_snapshot(void *ud, uint64_t position)
{
	(void)ud;
	asked = position;
}

static void an_instance_far_behind_is_asked_for_a_snapshot(void **state)
{
	struct world *w = *state;
	struct device *dev = world_device(w, "d1");
	uint64_t old, n = 1;
	char text[64];
	asked = 0;
	assert_int_equal(records->watch(instance_handle(&w->adapter), on_snapshot, NULL), 0);
	assert_int_equal(append(w, "old", 3, 0, &old), SB_PENDING);
	for (int i = 0; i < 200 && !asked; i++, n++) {
		snprintf(text, sizeof(text), "a %d", i);
		assert_int_equal(world_submit(w, dev, text, n), SB_PENDING);
		world_wait(w, n + 1);
		ingest_look(w->ingest);
		world_turn(w);
	}
	assert_int_equal(asked, old);
	records->checkpoint(instance_handle(&w->adapter), asked);
	asked = 0;
	ingest_look(w->ingest);
	world_turn(w);
	assert_int_equal(asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(records_and_telemetry_complete_in_one_order),
		TEST(a_record_that_is_too_long_is_refused_and_a_full_ring_is_back_pressure),
		TEST(an_instance_that_starts_again_finds_what_it_wrote),
		TEST(a_checkpoint_waits_for_what_was_appended_before_it),
		TEST(an_instance_far_behind_is_asked_for_a_snapshot),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
