#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "base/mailbox.h"
#include "base/own.h"
#include "check.h"

static int ran[8];
static size_t n_ran;

static void note(void *ud)
{
	ran[n_ran++ % ARRAY_LEN(ran)] = *(int *)ud;
}

static bool woken(const struct mailbox *mb)
{
	struct pollfd p = { .fd = mb->fd, .events = POLLIN };
	return poll(&p, 1, 0) == 1;
}

static void tasks_run_in_the_order_of_their_posts(void **state)
{
	(void)state;
	struct mailbox mb;
	int v[] = { 1, 2, 3 };
	n_ran = 0;
	assert_int_equal(mailbox_init(&mb, 10), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(mailbox_post(&mb, note, &v[i]), 0);
	assert_int_equal(mailbox_run(&mb), 3);
	assert_int_equal(mailbox_run(&mb), 0);
	assert_int_equal(ran[0], 1);
	assert_int_equal(ran[2], 3);
	mailbox_fini(&mb);
}

static void a_full_mailbox_answers_again_and_a_closed_one_refuses(void **state)
{
	(void)state;
	struct mailbox mb;
	int v = 5;
	n_ran = 0;
	assert_int_equal(mailbox_init(&mb, 2), 0);
	assert_int_equal(mailbox_post(&mb, note, &v), 0);
	assert_int_equal(mailbox_post(&mb, note, &v), 0);
	assert_int_equal(mailbox_post(&mb, note, &v), SB_AGAIN);
	mailbox_close(&mb);
	assert_int_equal(n_ran, 2); /* what was accepted runs */
	assert_int_equal(mailbox_post(&mb, note, &v), -ESHUTDOWN);
	mailbox_fini(&mb);
}

static void a_post_wakes_only_a_sleeper(void **state)
{
	(void)state;
	struct mailbox mb;
	int v = 5;
	n_ran = 0;
	assert_int_equal(mailbox_init(&mb, 10), 0);
	mailbox_post(&mb, note, &v);
	assert_false(woken(&mb));
	assert_false(mailbox_sleep(&mb)); /* a task waits */
	mailbox_run(&mb);
	assert_true(mailbox_sleep(&mb));
	mailbox_post(&mb, note, &v);
	assert_true(woken(&mb));
	mailbox_fini(&mb);
}

static struct mailbox *again_in;

static void post_again(void *ud)
{
	n_ran++;
	mailbox_post(again_in, post_again, ud);
}

static void a_task_that_posts_itself_runs_once_a_turn(void **state)
{
	(void)state;
	struct mailbox mb;
	n_ran = 0;
	assert_int_equal(mailbox_init(&mb, 10), 0);
	again_in = &mb;
	mailbox_post(&mb, post_again, NULL);
	assert_int_equal(mailbox_run(&mb), 1);
	assert_int_equal(n_ran, 1);
	assert_int_equal(mailbox_run(&mb), 1);
	mailbox_fini(&mb);
}

#define POSTERS 4
#define POSTS   20000

struct poster {
	struct mailbox *mb;
	pthread_t thread;
	uint32_t posted, seen;
	bool disordered;
};
struct posted {
	struct poster *from;
	uint32_t number;
};
static struct posted posts[POSTERS][POSTS];

static void count(void *ud)
{
	struct posted *p = ud;
	p->from->disordered |= p->number != p->from->seen;
	p->from->seen++;
}

static void *post_many(void *arg)
{
	struct poster *p = arg;
	struct posted *mine = posts[p->posted];
	for (uint32_t i = 0; i < POSTS; i++) {
		mine[i] = (struct posted){ p, i };
		while (mailbox_post(p->mb, count, &mine[i]) == SB_AGAIN)
			sched_yield();
	}
	return NULL;
}

static void posts_of_many_threads_arrive_in_order_for_each(void **state)
{
	(void)state;
	struct mailbox mb;
	struct poster posters[POSTERS] = { 0 };
	assert_int_equal(mailbox_init(&mb, 1000), 0);
	for (uint32_t i = 0; i < POSTERS; i++) {
		posters[i] = (struct poster){ .mb = &mb, .posted = i };
		assert_int_equal(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]),
		                 0);
	}
	for (size_t n = 0; n < POSTERS * POSTS;) {
		if (mailbox_sleep(&mb)) { /* a lost wake-up hangs here */
			uint64_t wakes;
			struct pollfd p = { .fd = mb.fd, .events = POLLIN };
			assert_int_equal(poll(&p, 1, 20000), 1);
			assert_int_equal(read(mb.fd, &wakes, sizeof(wakes)), sizeof(wakes));
		}
		n += mailbox_run(&mb);
	}
	for (size_t i = 0; i < POSTERS; i++) {
		pthread_join(posters[i].thread, NULL);
		assert_int_equal(posters[i].seen, POSTS);
		assert_false(posters[i].disordered);
	}
	mailbox_fini(&mb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_run_in_the_order_of_their_posts),
		cmocka_unit_test(a_full_mailbox_answers_again_and_a_closed_one_refuses),
		cmocka_unit_test(a_post_wakes_only_a_sleeper),
		cmocka_unit_test(a_task_that_posts_itself_runs_once_a_turn),
		cmocka_unit_test(posts_of_many_threads_arrive_in_order_for_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
