#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/own.h"
#include "check.h"

static struct loop *loop;
static char order[64];

static void note(char c)
{
	size_t n = strlen(order);
	if (n + 1 < sizeof(order)) {
		order[n] = c;
		order[n + 1] = 0;
	}
}

static int start(void **state)
{
	(void)state;
	memset(order, 0, sizeof(order));
	return loop_new(&loop, "test");
}

static int end(void **state)
{
	(void)state;
	loop = loop_free(loop);
	return 0;
}

struct probe {
	struct watch watch;
	struct probe *other;
	char letter;
};

static int signalled_fd(void)
{
	return eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void on_fd(struct watch *w, uint32_t events)
{
	struct probe *p = container_of(w, struct probe, watch);
	assert_true(events & EPOLLIN);
	note(p->letter);
	if (p->other)
		loop_watch(loop, &p->other->watch, 0);
}

static void on_timer(struct timer *t)
{
	(void)t;
	note('t');
}

static void on_task(void *ud)
{
	(void)ud;
	note('m');
}

static void on_hook(struct hook *h)
{
	(void)h;
	note('h');
}

static void on_last_hook(struct hook *h)
{
	(void)h;
	note('l');
}

static void a_turn_serves_fds_then_posts_then_timers_then_hooks(void **state)
{
	(void)state;
	struct probe p = { .watch = { .fd = signalled_fd(), .fn = on_fd }, .letter = 'f' };
	struct timer t = { .fn = on_timer };
	struct hook last = { .fn = on_last_hook }, h = { .fn = on_hook };
	loop_hook_last(loop, &last);
	loop_hook(loop, &h);
	assert_int_equal(loop_watch(loop, &p.watch, EPOLLIN), 0);
	clock_set(1, loop_now(loop));
	loop_timer(loop, &t, 0, 0);
	clock_set(1, loop_now(loop) + 30 * NS_PER_MS);
	assert_int_equal(loop_post(loop, on_task, NULL), 0);
	assert_int_equal(loop_turn(loop, 0), 0);
	clock_set(0, 0);
	assert_string_equal(order, "fmthl");
	loop_unhook(loop, &h);
	loop_unhook(loop, &last);
	loop_watch(loop, &p.watch, 0);
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_string_equal(order, "fmthl");
	close(p.watch.fd);
}

static void a_watch_ended_in_the_same_turn_is_not_called(void **state)
{
	(void)state;
	struct probe a = { .watch = { .fd = signalled_fd(), .fn = on_fd }, .letter = 'a' };
	struct probe b = { .watch = { .fd = signalled_fd(), .fn = on_fd }, .letter = 'b' };
	a.other = &b;
	b.other = &a;
	assert_int_equal(loop_watch(loop, &a.watch, EPOLLIN), 0);
	assert_int_equal(loop_watch(loop, &b.watch, EPOLLIN), 0);
	assert_int_equal(loop_turn(loop, 0), 0);
	assert_int_equal(strlen(order), 1);
	close(a.watch.fd);
	close(b.watch.fd);
}

static void a_failed_watch_can_be_tried_again(void **state)
{
	(void)state;
	struct probe p = { .watch = { .fd = 1023, .fn = on_fd }, .letter = 'f' };
	assert_int_equal(loop_watch(loop, &p.watch, EPOLLIN), -EBADF);
	p.watch.fd = signalled_fd();
	assert_int_equal(loop_watch(loop, &p.watch, EPOLLIN), 0);
	assert_int_equal(loop_turn(loop, -1), 0);
	assert_string_equal(order, "f");
	loop_watch(loop, &p.watch, 0);
	close(p.watch.fd);
}

static int64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void stop_it(struct timer *t)
{
	(void)t;
	loop_stop(loop);
}

static void a_loop_that_waits_for_a_timer_does_not_spin(void **state)
{
	(void)state;
	struct timer t = { .fn = stop_it };
	int64_t begin = clock_mono(), cpu = cpu_ns();
	loop_timer(loop, &t, 150 * NS_PER_MS, 0);
	assert_int_equal(loop_run(loop), 0);
	assert_true(clock_mono() - begin >= 150 * NS_PER_MS);
	assert_true(cpu_ns() - cpu < 50 * NS_PER_MS);
}

static void *run_it(void *arg)
{
	(void)arg;
	return loop_run(loop) == 0 ? loop : NULL;
}

static _Atomic int pinged;

static void ping(void *ud)
{
	(void)ud;
	assert_true(loop_is_here(loop));
	pinged++;
}

static void other_threads_post_and_stop(void **state)
{
	(void)state;
	pthread_t thread;
	pinged = 0;
	assert_true(loop_is_here(loop));
	assert_int_equal(pthread_create(&thread, NULL, run_it, NULL), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(loop_post(loop, ping, NULL), 0);
	loop_stop(loop);
	void *result = NULL;
	pthread_join(thread, &result);
	assert_non_null(result);
	assert_int_equal(pinged, 1000);
	assert_int_equal(loop_post(loop, ping, NULL), -ESHUTDOWN);
	assert_false(loop_is_here(loop));
}

static void again_makes_the_next_turn_return_at_once(void **state)
{
	(void)state;
	loop_again(loop);
	assert_int_equal(loop_turn(loop, -1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_turn_serves_fds_then_posts_then_timers_then_hooks,
		                                start, end),
		cmocka_unit_test_setup_teardown(a_watch_ended_in_the_same_turn_is_not_called, start,
		                                end),
		cmocka_unit_test_setup_teardown(a_failed_watch_can_be_tried_again, start, end),
		cmocka_unit_test_setup_teardown(a_loop_that_waits_for_a_timer_does_not_spin, start,
		                                end),
		cmocka_unit_test_setup_teardown(other_threads_post_and_stop, start, end),
		cmocka_unit_test_setup_teardown(again_makes_the_next_turn_return_at_once, start,
		                                end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
