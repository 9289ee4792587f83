#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/own.h"
#include "base/ring.h"
#include "check.h"

static void put(struct ring *ring, const void *p, size_t n)
{
	void *room = ring_reserve(ring, n);
	assert_non_null(room);
	memcpy(room, p, n);
	ring_commit(ring, n);
}

static void a_size_that_is_no_power_of_two_is_refused(void **state)
{
	(void)state;
	struct ring *ring = NULL;
	assert_int_equal(ring_new(&ring, 5000), -EINVAL);
	assert_int_equal(ring_new(&ring, 2048), -EINVAL);
	assert_null(ring_free(NULL));
}

static void records_come_out_whole_and_in_order(void **state)
{
	(void)state;
	struct ring *ring = NULL;
	assert_int_equal(ring_new(&ring, 4096), 0);
	put(ring, "one", 3);
	put(ring, "", 0);
	put(ring, "three", 5);
	size_t n = 99;
	assert_null(ring_next(ring, ring_limit(ring), &n)); /* not published yet */
	assert_false(ring_publish(ring));
	uint64_t limit = ring_limit(ring);
	assert_memory_equal(ring_next(ring, limit, &n), "one", 3);
	assert_int_equal(n, 3);
	assert_non_null(ring_next(ring, limit, &n));
	assert_int_equal(n, 0);
	assert_memory_equal(ring_next(ring, limit, &n), "three", 5);
	assert_null(ring_next(ring, limit, &n));
	assert_int_equal(ring_committed(ring), 3);
	ring_free(ring);
}

static void a_record_may_be_smaller_than_what_was_reserved(void **state)
{
	(void)state;
	struct ring *ring = NULL;
	assert_int_equal(ring_new(&ring, 4096), 0);
	assert_non_null(ring_reserve(ring, 2000));
	assert_non_null(ring_reserve(ring, 100)); /* a reservation may be given up for another */
	ring_commit(ring, 10);
	ring_publish(ring);
	assert_int_equal(ring_space(ring), 4096 - 24);
	size_t n;
	assert_non_null(ring_next(ring, ring_limit(ring), &n));
	assert_int_equal(n, 10);
	ring_release(ring);
	assert_int_equal(ring_space(ring), 4096);
	ring_free(ring);
}

static void a_full_ring_says_so_and_recovers_after_release(void **state)
{
	(void)state;
	struct ring *ring = NULL;
	assert_int_equal(ring_new(&ring, 4096), 0);
	uint8_t bytes[120] = { 0 };
	int held = 0;
	while (ring_reserve(ring, sizeof(bytes))) {
		ring_commit(ring, sizeof(bytes));
		held++;
	}
	assert_int_equal(held, 32);
	assert_int_equal(ring_space(ring), 0);
	ring_publish(ring);
	uint64_t limit = ring_limit(ring);
	size_t n;
	assert_non_null(ring_next(ring, limit, &n));
	assert_null(ring_reserve(ring, 1)); /* read, but not released */
	ring_release(ring);
	assert_non_null(ring_reserve(ring, 100));
	assert_null(ring_reserve(ring, 130));
	assert_null(ring_reserve(ring, 5000)); /* never fits */
	ring_free(ring);
}

static void an_empty_ring_begins_anew_so_that_the_largest_record_fits(void **state)
{
	(void)state;
	struct ring *ring = NULL;
	assert_int_equal(ring_new(&ring, 4096), 0);
	const void *first = NULL;
	for (int i = 0; i < 10; i++) {
		size_t n, size = i % 2 ? 4088 : 24;
		void *room = ring_reserve(ring, size);
		assert_non_null(room);
		ring_commit(ring, size);
		ring_publish(ring);
		const void *record = ring_next(ring, ring_limit(ring), &n);
		assert_ptr_equal(record, room);
		assert_int_equal(n, size);
		if (!first)
			first = record;
		assert_ptr_equal(record, first);
		ring_release(ring);
	}
	ring_free(ring);
}

static void only_a_sleeping_consumer_must_be_woken_and_only_once(void **state)
{
	(void)state;
	struct ring *ring = NULL;
	assert_int_equal(ring_new(&ring, 4096), 0);
	put(ring, "a", 1);
	assert_false(ring_publish(ring));
	assert_false(ring_sleep(ring)); /* something is there */
	size_t n;
	assert_non_null(ring_next(ring, ring_limit(ring), &n));
	assert_true(ring_sleep(ring));
	assert_false(ring_publish(ring)); /* nothing new */
	put(ring, "b", 1);
	assert_true(ring_publish(ring));
	put(ring, "c", 1);
	assert_false(ring_publish(ring));
	ring_wake(ring);
	ring_free(ring);
}

/* ---- two threads; wake-ups go through an eventfd as in the product, a lost one hangs the test */

struct stress {
	struct ring *ring;
	int to_consumer, to_producer;
	uint32_t records, most_bytes;
	pthread_t thread;
};

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void signal_fd(int fd)
{
	uint64_t one = 1;
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void wait_fd(int fd)
{
	uint64_t count;
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
}

static void *produce(void *arg)
{
	struct stress *s = arg;
	uint32_t seed = 7;
	for (uint32_t i = 0; i < s->records; i++) {
		size_t n = 4 + next_random(&seed) % s->most_bytes;
		uint8_t *room;
		while (!(room = ring_reserve(s->ring, n))) {
			if (ring_publish(s->ring))
				signal_fd(s->to_consumer);
			wait_fd(s->to_producer);
		}
		memset(room, (int)(i & 0xff), n);
		memcpy(room, &i, 4);
		ring_commit(s->ring, n);
		if (next_random(&seed) % 8 == 0 && ring_publish(s->ring))
			signal_fd(s->to_consumer);
	}
	if (ring_publish(s->ring))
		signal_fd(s->to_consumer);
	return NULL;
}

static uint32_t consume_some(struct stress *s, uint32_t at, uint32_t *seed)
{
	uint64_t limit = ring_limit(s->ring);
	const uint8_t *p;
	size_t n;
	while ((p = ring_next(s->ring, limit, &n))) {
		uint32_t number;
		memcpy(&number, p, 4);
		if (number != at || n != 4 + next_random(seed) % s->most_bytes ||
		    (n > 4 && (p[4] != (at & 0xff) || p[n - 1] != (at & 0xff))))
			fail_msg("record %u is wrong", at);
		next_random(seed); /* the producer's coin for publish */
		at++;
		if (at % 16 == 0)
			ring_release(s->ring);
	}
	ring_release(s->ring);
	return at;
}

static void run_stress(size_t ring_bytes, uint32_t records, uint32_t most_bytes)
{
	struct stress s = { .records = records, .most_bytes = most_bytes };
	assert_int_equal(ring_new(&s.ring, ring_bytes), 0);
	s.to_consumer = eventfd(0, EFD_CLOEXEC);
	s.to_producer = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&s.thread, NULL, produce, &s), 0);
	uint32_t seed = 7, at = 0;
	while (at < records) {
		at = consume_some(&s, at, &seed);
		signal_fd(s.to_producer);
		if (at < records && ring_sleep(s.ring)) {
			wait_fd(s.to_consumer);
			ring_wake(s.ring);
		}
	}
	pthread_join(s.thread, NULL);
	close(s.to_consumer);
	close(s.to_producer);
	ring_free(s.ring);
}

static void two_threads_lose_nothing_when_the_ring_is_mostly_full(void **state)
{
	(void)state;
	run_stress(4096, 200000, 700);
}

static void two_threads_lose_no_wake_up_when_one_record_fills_the_ring(void **state)
{
	(void)state;
	run_stress(4096, 30000, 4084);
}

static void two_threads_agree_when_there_is_room(void **state)
{
	(void)state;
	run_stress(1 << 20, 300000, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_that_is_no_power_of_two_is_refused),
		cmocka_unit_test(records_come_out_whole_and_in_order),
		cmocka_unit_test(a_record_may_be_smaller_than_what_was_reserved),
		cmocka_unit_test(a_full_ring_says_so_and_recovers_after_release),
		cmocka_unit_test(an_empty_ring_begins_anew_so_that_the_largest_record_fits),
		cmocka_unit_test(only_a_sleeping_consumer_must_be_woken_and_only_once),
		cmocka_unit_test(two_threads_lose_nothing_when_the_ring_is_mostly_full),
		cmocka_unit_test(two_threads_lose_no_wake_up_when_one_record_fills_the_ring),
		cmocka_unit_test(two_threads_agree_when_there_is_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
