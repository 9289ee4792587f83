#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "check.h"
#include "host/frame.h"
#include "host/state.h"

static void frames_nest_and_show_the_innermost(void **state)
{
	(void)state;
	struct instance a = { .tag = INSTANCE_TAG };
	struct instance b = { .tag = INSTANCE_TAG };
	struct frame outer;
	struct frame inner;
	frame_enter(&outer, &a, "source.completed");
	const struct frame_slot *s = frame_here();
	assert_non_null(s);
	uint64_t turn = s->turn;
	frame_enter(&inner, &b, "codec.decode");
	assert_ptr_equal(s->instance, &b);
	assert_string_equal(s->function, "codec.decode");
	assert_int_equal(s->turn, turn);
	frame_leave(&inner);
	assert_ptr_equal(s->instance, &a);
	assert_string_equal(s->function, "source.completed");
	frame_leave(&outer);
	assert_null(s->instance);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 0);
}

static void some_calls_are_timed(void **state)
{
	(void)state;
	struct instance a = { .tag = INSTANCE_TAG };
	struct frame f;
	clock_set(1, 1000);
	for (int i = 0; i < 640; i++) {
		frame_enter(&f, &a, "stream.data");
		clock_set(1, 1000 + i * 10);
		frame_leave(&f);
	}
	clock_set(0, 0);
	assert_int_equal(a.calls, 640);
	assert_int_equal(a.sampled, 10);
	assert_true(a.sampled_ns > 0);
}

static void *enter_once(void *arg)
{
	struct frame f;
	frame_enter(&f, arg, "start");
	frame_leave(&f);
	return frame_here();
}

static void a_thread_gives_its_slot_back(void **state)
{
	(void)state;
	struct instance a = { .tag = INSTANCE_TAG };
	void *first = NULL;
	for (int i = 0; i < 3 * FRAME_SLOTS; i++) {
		pthread_t thread;
		void *slot = NULL;
		assert_int_equal(pthread_create(&thread, NULL, enter_once, &a), 0);
		assert_int_equal(pthread_join(thread, &slot), 0);
		if (!first)
			first = slot;
		assert_ptr_equal(slot, first);
	}
}

static void a_heartbeat_begins_the_call_anew(void **state)
{
	(void)state;
	struct instance a = { .tag = INSTANCE_TAG };
	struct frame f;
	frame_enter(&f, &a, "start");
	uint64_t turn = frame_here()->turn;
	frame_beat();
	assert_int_equal(frame_here()->turn, turn + 1);
	frame_leave(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_nest_and_show_the_innermost),
		cmocka_unit_test(some_calls_are_timed),
		cmocka_unit_test(a_thread_gives_its_slot_back),
		cmocka_unit_test(a_heartbeat_begins_the_call_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
