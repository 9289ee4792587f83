#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mailbox.h"
#include "base/own.h"
#include "base/wheel.h"

#define MAX_EVENTS   256
#define MAX_TASKS    65536u
#define MAX_DELAY_NS (INT64_MAX / 4) /* 73 years; sums of it do not overflow */

struct loop {
	char name[32];
	int epoll;
	struct wheel wheel;
	struct mailbox mailbox;
	struct hook *hooks, *last_hooks;
	int64_t now_ns, now_utc_ns;
	bool again;
	atomic_bool stopping;
	_Atomic(pthread_t) thread;
	atomic_bool has_thread;
	struct epoll_event events[MAX_EVENTS];
	int n_events, at_event; /* of this turn; [at_event, n_events) are pending */
};

static void take_time(struct loop *loop)
{
	loop->now_ns = clock_mono();
	loop->now_utc_ns = clock_utc();
}

int loop_new(struct loop **out, const char *name)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	strncpy(loop->name, name, sizeof(loop->name) - 1);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	int r = loop->epoll < 0 ? -errno : mailbox_init(&loop->mailbox, MAX_TASKS);
	if (r == 0) {
		/* Edge-triggered, so that nobody has to read the eventfd. */
		struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
		if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->mailbox.fd, &ev) < 0)
			r = -errno;
	}
	if (r < 0) {
		loop_free(loop);
		return r;
	}
	take_time(loop);
	wheel_init(&loop->wheel, loop->now_ns);
	*out = loop;
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	mailbox_fini(&loop->mailbox);
	if (loop->epoll >= 0)
		close(loop->epoll);
	free(loop);
	return NULL;
}

static int wait_ms(struct loop *loop, int64_t max_ns)
{
	if (loop->again || !mailbox_sleep(&loop->mailbox))
		return 0;
	int64_t next = wheel_next_ns(&loop->wheel);
	if (next == INT64_MAX && max_ns < 0)
		return -1;
	if (next != INT64_MAX) {
		int64_t left = next - clock_mono();
		if (left < 0)
			left = 0;
		if (max_ns < 0 || left < max_ns)
			max_ns = left;
	}
	int64_t ms = (max_ns + NS_PER_MS - 1) / NS_PER_MS;
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static void run_events(struct loop *loop)
{
	for (loop->at_event = 0; loop->at_event < loop->n_events;) {
		struct epoll_event *ev = &loop->events[loop->at_event++];
		struct watch *w = ev->data.ptr; /* NULL: the mailbox, or ended meanwhile */
		if (loop->at_event < loop->n_events)
			prefetch(ev[1].data.ptr, 128);
		if (w)
			w->fn(w, ev->events);
	}
	loop->n_events = 0;
}

static void run_hooks(struct hook *h)
{
	for (struct hook *next; h; h = next) {
		next = h->next;
		h->fn(h);
	}
}

static void claim(struct loop *loop)
{
	atomic_store_explicit(&loop->thread, pthread_self(), memory_order_relaxed);
	atomic_store_explicit(&loop->has_thread, true, memory_order_release);
}

int loop_turn(struct loop *loop, int64_t max_ns)
{
	claim(loop);
	int timeout = wait_ms(loop, max_ns);
	loop->again = false;
	int n = epoll_wait(loop->epoll, loop->events, MAX_EVENTS, timeout);
	if (n < 0 && errno != EINTR)
		return -errno;
	mailbox_awake(&loop->mailbox);
	loop->n_events = n < 0 ? 0 : n;
	take_time(loop);
	run_events(loop);
	mailbox_run(&loop->mailbox);
	wheel_advance(&loop->wheel, loop->now_ns);
	run_hooks(loop->hooks);
	run_hooks(loop->last_hooks);
	return 0;
}

int loop_run(struct loop *loop)
{
	int r = 0;
	claim(loop);
	while (r == 0 && !atomic_load(&loop->stopping))
		r = loop_turn(loop, -1);
	mailbox_close(&loop->mailbox);
	return r;
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stopping, true);
	mailbox_wake(&loop->mailbox);
}

static void forget_pending(struct loop *loop, const struct watch *w)
{
	for (int i = loop->at_event; i < loop->n_events; i++) {
		if (loop->events[i].data.ptr == w)
			loop->events[i].data.ptr = NULL;
	}
}

int loop_watch(struct loop *loop, struct watch *w, uint32_t events)
{
	if (w->events == events && !(events & EPOLLONESHOT))
		return 0;
	int op = EPOLL_CTL_MOD;
	if (events == 0) {
		op = EPOLL_CTL_DEL;
		forget_pending(loop, w);
	} else if (w->events == 0) {
		op = EPOLL_CTL_ADD;
	}
	struct epoll_event ev = { .events = events, .data.ptr = w };
	w->events = events;
	if (epoll_ctl(loop->epoll, op, w->fd, &ev) == 0)
		return 0;
	int r = -errno;
	if (op == EPOLL_CTL_ADD)
		w->events = 0;
	return r;
}

void loop_timer(struct loop *loop, struct timer *t, int64_t delay_ns, int64_t period_ns)
{
	/* Not loop_now(): a callback that blocked, or set-up before the first turn, made that old.
	 */
	if (delay_ns > MAX_DELAY_NS)
		delay_ns = MAX_DELAY_NS;
	t->due_ns = clock_mono() + (delay_ns > 0 ? delay_ns : 0);
	t->period_ns = period_ns;
	wheel_arm(&loop->wheel, t);
}

static void append(struct hook **list, struct hook *h)
{
	while (*list)
		list = &(*list)->next;
	h->next = NULL;
	*list = h;
}

static void take_out(struct hook **list, const struct hook *h)
{
	while (*list && *list != h)
		list = &(*list)->next;
	if (*list)
		*list = h->next;
}

void loop_hook(struct loop *loop, struct hook *h)
{
	append(&loop->hooks, h);
}

void loop_hook_last(struct loop *loop, struct hook *h)
{
	append(&loop->last_hooks, h);
}

void loop_unhook(struct loop *loop, struct hook *h)
{
	take_out(&loop->hooks, h);
	take_out(&loop->last_hooks, h);
}

void loop_again(struct loop *loop)
{
	loop->again = true;
}

int loop_post(struct loop *loop, loop_task_fn fn, void *ud)
{
	return mailbox_post(&loop->mailbox, fn, ud);
}

int64_t loop_now(const struct loop *loop)
{
	return loop->now_ns;
}

int64_t loop_now_utc(const struct loop *loop)
{
	return loop->now_utc_ns;
}

bool loop_is_here(const struct loop *loop)
{
	if (!atomic_load_explicit(&loop->has_thread, memory_order_acquire))
		return true;
	return pthread_equal(atomic_load_explicit(&loop->thread, memory_order_relaxed),
	                     pthread_self());
}
