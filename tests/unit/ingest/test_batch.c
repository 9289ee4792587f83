#include <math.h>

#include "ingest/world.h"
#include "journal/bad_disk.h"

static struct bad_disk disk;

static int setup(void **state)
{
	struct world *w = malloc(sizeof(*w));
	world_init(w);
	bad_disk_init(&disk);
	w->journal_config.disk = &disk.ops;
	world_start(w);
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

static sb_series series(struct world *w, struct device *dev, const char *name)
{
	sb_series s;
	struct sb_series_key key = {
		.size = sizeof(key),
		.device = registry_handle(dev),
		.name = sb_str_of(name, strlen(name)),
		.unit = SB_STR("Cel"),
	};
	assert_int_equal(w->telemetry->resolve(instance_handle(&w->adapter), &key, &s), 0);
	return s;
}

static struct sb_batch *acquire(struct world *w, struct device *dev, sb_token token)
{
	struct sb_batch *b = w->telemetry->acquire(instance_handle(&w->adapter), 16, 256);
	assert_non_null(b);
	b->device = registry_handle(dev);
	b->ack = SB_ACK_STORED;
	b->token = token;
	return b;
}

static void add(struct sb_batch *b, sb_series s, int64_t ts_ns, double v)
{
	b->points[b->count++] =
		(struct sb_point){ .series = s, .ts_ns = ts_ns, .type = SB_T_F64, .v.f = v };
}

static int32_t commit(struct world *w, struct sb_batch *b)
{
	return w->telemetry->commit(instance_handle(&w->adapter), b);
}

static void points_of_one_time_become_one_row_with_the_last_value_of_each(void **state)
{
	struct world *w = *state;
	struct device *dev = world_device(w, "d1");
	sb_series a = series(w, dev, "a"), b = series(w, dev, "b");
	struct sb_batch *batch = acquire(w, dev, 1);
	add(batch, b, T0, 1);
	add(batch, a, T0, 2);
	add(batch, b, T0, 3);
	add(batch, a, T0 + 5, 4);
	assert_int_equal(commit(w, batch), SB_PENDING);
	world_wait(w, 1);
	assert_int_equal(w->n_rows, 2);
	assert_int_equal(w->rows[0].n, 2);
	assert_true(w->rows[0].first.v.f == 3); /* b came first and has column 0 */
	assert_true(w->rows[0].last.v.f == 2);
	assert_int_equal(w->rows[1].n, 1);
	assert_int_equal(w->rows[0].stream, w->rows[1].stream);
}

static void what_is_no_point_is_left_out_and_counted(void **state)
{
	struct world *w = *state;
	struct device *dev = world_device(w, "d1"), *other = world_device(w, "d2");
	sb_series a = series(w, dev, "a"), foreign = series(w, other, "a");
	struct sb_batch *batch = acquire(w, dev, 1);
	add(batch, a, T0, 1);
	add(batch, foreign, T0, 2);
	add(batch, 0, T0, 2);
	add(batch, a, T0 + 1, 3);
	batch->points[3].type = 99;
	add(batch, a, T0 + 2, 3);
	batch->points[4].type = SB_T_STR;
	batch->points[4].v.blob.off = 250;
	batch->points[4].v.blob.len = 20;
	memcpy(batch->blob, "\xff", 1);
	batch->blob_len = 1;
	add(batch, a, T0 + 3, 3);
	batch->points[5].type = SB_T_STR;
	batch->points[5].v.blob.off = 0;
	batch->points[5].v.blob.len = 1;
	assert_int_equal(commit(w, batch), SB_PENDING);
	world_wait(w, 1);
	assert_int_equal(w->done[0].rejected, 5);
	assert_int_equal(w->points, 1);
	assert_int_equal(world_fate(dev, FATE_refused), 5);
	assert_int_equal(world_fate(dev, FATE_accepted), 1);
}

static void not_a_number_is_kept_with_bad_quality(void **state)
{
	struct world *w = *state;
	struct device *dev = world_device(w, "d1");
	sb_series a = series(w, dev, "a");
	struct sb_batch *batch = acquire(w, dev, 1);
	add(batch, a, T0, (double)NAN);
	add(batch, a, T0 + 1, (double)INFINITY);
	batch->points[1].quality = SB_Q_SUBSTITUTED;
	assert_int_equal(commit(w, batch), SB_PENDING);
	world_wait(w, 1);
	assert_int_equal(w->rows[0].first.quality, SB_Q_BAD);
	assert_int_equal(w->rows[1].first.quality, SB_Q_SUBSTITUTED);
}

static void text_and_numbers_of_one_series_lie_beside_each_other(void **state)
{
	struct world *w = *state;
	struct device *dev = world_device(w, "d1");
	sb_series a = series(w, dev, "a");
	struct sb_batch *batch = acquire(w, dev, 1);
	add(batch, a, T0, 1);
	add(batch, a, T0, 0);
	batch->points[1].type = SB_T_STR;
	batch->points[1].v.blob.off = 0;
	batch->points[1].v.blob.len = 5;
	memcpy(batch->blob, "hello", 5);
	batch->blob_len = 5;
	assert_int_equal(commit(w, batch), SB_PENDING);
	world_wait(w, 1);
	assert_int_equal(w->n_rows, 1);
	assert_int_equal(w->rows[0].n, 2);
}

static void the_same_again_is_counted_and_not_stored(void **state)
{
	struct world *w = *state;
	struct device *dev = world_device(w, "d1");
	sb_series a = series(w, dev, "a");
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 4; i++) {
			struct sb_batch *batch = acquire(w, dev, 1);
			add(batch, a, T0 + i, i);
			assert_int_equal(commit(w, batch), SB_PENDING);
		}
	struct sb_batch *revised = acquire(w, dev, 1);
	add(revised, a, T0, 7);
	assert_int_equal(commit(w, revised), SB_PENDING);
	world_wait(w, 13);
	assert_int_equal(w->points, 5);
	assert_int_equal(world_fate(dev, FATE_duplicate), 8);
	assert_int_equal(world_fate(dev, FATE_late), 1);
}

/* The first copy is in a ring that was not even shown to the journal yet. */
static void the_same_from_another_adapter_does_not_lean_on_what_is_not_on_disk(void **state)
{
	struct world *w = *state;
	struct device *dev = world_device(w, "d1");
	struct instance other = { .name = "other", .kind = "sb.source/1" };
	struct loop *here = w->loop;
	sb_series a = series(w, dev, "a");
	other.table = w->adapter.table;
	assert_int_equal(loop_new(&w->loop, "other"), 0);
	world_start_instance(w, &other);

	struct sb_batch *batch = acquire(w, dev, 1);
	add(batch, a, T0, 1);
	assert_int_equal(commit(w, batch), SB_PENDING);
	batch = w->telemetry->acquire(instance_handle(&other), 1, 0);
	batch->device = registry_handle(dev);
	batch->ack = SB_ACK_STORED;
	add(batch, a, T0, 1);
	assert_int_equal(w->telemetry->commit(instance_handle(&other), batch), SB_PENDING);
	for (int i = 0; i < 1000 && w->n_done < 1; i++)
		loop_turn(w->loop, NS_PER_MS);
	assert_int_equal(w->n_done, 1);
	assert_int_equal(w->points, 1);

	world_stop_instance(w, &other);
	w->loop = loop_free(w->loop);
	w->loop = here;
}

static void wide_messages_take_several_streams(void **state)
{
	struct world *w = *state;
	struct device *dev = world_device(w, "d1");
	struct sb_batch *batch = w->telemetry->acquire(instance_handle(&w->adapter), 90, 0);
	batch->device = registry_handle(dev);
	batch->ack = SB_ACK_STORED;
	for (int i = 0; i < 90; i++) {
		char name[16];
		snprintf(name, sizeof(name), "m%d", i);
		add(batch, series(w, dev, name), T0, i);
	}
	assert_int_equal(commit(w, batch), SB_PENDING);
	world_wait(w, 1);
	assert_int_equal(w->n_rows, 2);
	assert_int_equal(w->points, 90);
}

static void without_an_ack_nothing_is_completed(void **state)
{
	struct world *w = *state;
	struct device *dev = world_device(w, "d1");
	sb_series a = series(w, dev, "a");
	struct sb_batch *batch = acquire(w, dev, 1);
	batch->ack = SB_ACK_NONE;
	add(batch, a, T0, 1);
	assert_int_equal(commit(w, batch), 0);
	for (int i = 0; i < 1000 && w->points < 1; i++)
		world_turn(w);
	assert_int_equal(w->points, 1);
	assert_int_equal(w->n_done, 0);
	assert_int_equal(commit(w, batch), SB_E_STALE); /* it was ours from then on */
	w->telemetry->abandon(instance_handle(&w->adapter), acquire(w, dev, 2));
}

static void a_batch_beyond_the_limits_is_not_given(void **state)
{
	struct world *w = *state;
	struct sb_host *h = instance_handle(&w->adapter);
	assert_null(w->telemetry->acquire(h, 40000, 0));
	assert_null(w->telemetry->acquire(h, 1, 1 << 20));
	assert_int_equal(w->n_writable, 0);
}

static void batches_that_are_held_too_long_are_back_pressure(void **state)
{
	struct world *w = *state;
	struct device *dev = world_device(w, "d1");
	struct sb_batch *held[300];
	int n = 0;
	while ((held[n] = w->telemetry->acquire(instance_handle(&w->adapter), 16, 0)) != NULL)
		n++;
	assert_true(n > 10 && n < 300);
	sb_series a = series(w, dev, "a");
	for (int i = 0; i < n; i++) {
		held[i]->device = registry_handle(dev);
		held[i]->ack = SB_ACK_STORED;
		add(held[i], a, T0 + i, i);
		assert_int_equal(commit(w, held[i]), SB_PENDING);
	}
	world_wait(w, (uint64_t)n);
	assert_int_equal(w->n_writable, 1);
}

static void what_failed_is_not_acknowledged_and_may_be_sent_again(void **state)
{
	struct world *w = *state;
	struct device *dev = world_device(w, "d1");
	sb_series a = series(w, dev, "a");
	struct sb_batch *batch = acquire(w, dev, 1);
	add(batch, a, T0, 1);
	assert_int_equal(commit(w, batch), SB_PENDING);
	world_wait(w, 1);
	struct journal_stats stats;
	do {
		world_turn(w);
		journal_stats(w->journal, &stats);
	} while (stats.segments_spare < 1);

	atomic_store(&disk.sync_fails, -1);
	batch = acquire(w, dev, 2);
	add(batch, a, T0 + 1, 2);
	assert_int_equal(commit(w, batch), SB_PENDING);
	/* The device sends it again before it knows: leaning on what will fail. */
	batch = acquire(w, dev, 3);
	add(batch, a, T0 + 1, 2);
	assert_int_equal(commit(w, batch), SB_PENDING);
	world_wait(w, 3);
	assert_true(w->done[1].status < 0);
	assert_true(w->done[2].status < 0);
	assert_int_equal(w->points, 1);

	atomic_store(&disk.sync_fails, 0);
	do {
		world_turn(w);
		journal_stats(w->journal, &stats);
	} while (stats.health != JOURNAL_OK);
	batch = acquire(w, dev, 4);
	add(batch, a, T0 + 1, 2);
	assert_int_equal(commit(w, batch), SB_PENDING);
	world_wait(w, 4);
	assert_int_equal(w->done[3].status, 0);
	assert_int_equal(w->points, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(points_of_one_time_become_one_row_with_the_last_value_of_each),
		TEST(what_is_no_point_is_left_out_and_counted),
		TEST(not_a_number_is_kept_with_bad_quality),
		TEST(text_and_numbers_of_one_series_lie_beside_each_other),
		TEST(the_same_again_is_counted_and_not_stored),
		TEST(the_same_from_another_adapter_does_not_lean_on_what_is_not_on_disk),
		TEST(wide_messages_take_several_streams),
		TEST(without_an_ack_nothing_is_completed),
		TEST(a_batch_beyond_the_limits_is_not_given),
		TEST(batches_that_are_held_too_long_are_back_pressure),
		TEST(what_failed_is_not_acknowledged_and_may_be_sent_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
